//! The thread that looks.

use super::accounts::Accounts;
use super::measured::{Throttling, Usage};
use super::throttled::longest;
use crate::budget::{Observed, Stopped, stopped};
use crate::platform::{Spent, own_task, spent_by_process, spent_by_thread, tasks};
use crate::{Error, Result};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Time between two samples.
const INTERVAL: Duration = Duration::from_millis(5);
/// With many threads a sample takes longer: the pause is so many times its CPU time,
/// so that the sampler takes 2 % of one CPU at most. Time that it waits for a CPU does
/// not count: it would not look while all of them work.
const PAUSE: u32 = 50;

/// Looks at the threads of this process until [`Sampler::stop`].
///
/// Its own thread is not counted. A thread that begins and ends between two
/// samples (5 ms) is not seen by owner; its CPU time is part of [`Usage::cpu`].
pub struct Sampler {
    stop: Sender<()>,
    thread: JoinHandle<(Accounts, Spent)>,
    process: u32,
    began: Instant,
    spent: Spent,
    stopped: Vec<Stopped>,
}

impl Sampler {
    /// Begins to look.
    ///
    /// # Errors
    /// - [`Error::UnsupportedPlatform`] elsewhere than on Linux.
    /// - [`Error::System`] if threads can't be listed or none can be started.
    pub fn start() -> Result<Sampler> {
        let stopped = stopped(&Observed::this_process()?);
        let failed = |function| {
            move |error: std::io::Error| Error::System {
                function,
                why: error.to_string(),
            }
        };
        let began = Instant::now();
        let mut accounts = Accounts::new();
        accounts.add(Duration::ZERO, &tasks().map_err(failed("readdir"))?);
        let (stop, told) = channel();
        // Before its thread begins, all of which is taken away again.
        let spent = spent_by_process();
        let look = move || look(accounts, began, &told);
        let thread = Builder::new().name("poolkeeper".to_owned()).spawn(look);
        Ok(Sampler {
            stop,
            thread: thread.map_err(failed("pthread_create"))?,
            process: std::process::id(),
            began,
            spent,
            stopped,
        })
    }

    /// Ends it, and tells what was used. In a forked child, where its thread
    /// does not exist, only the times are known.
    #[must_use]
    pub fn stop(self) -> Usage {
        let wall = self.began.elapsed();
        // First: what its thread uses from here on is not taken away.
        drop(self.stop);
        let spent = spent_by_process();
        let (accounts, own) = if self.process == std::process::id() {
            self.thread.join().expect("the sampler does not panic")
        } else {
            // Joining a thread that is not in this process would never return.
            std::mem::forget(self.thread);
            (Accounts::new(), spent_by_thread())
        };
        let pools = crate::limit::uncounted_pools().unwrap_or_default();
        let (samples, groups, moments) = accounts.close(&pools);
        let more = |field: fn(&Spent) -> u64| {
            let since = field(&spent).saturating_sub(field(&self.spent));
            since.saturating_sub(field(&own))
        };
        Usage {
            wall,
            cpu: (spent.cpu.saturating_sub(self.spent.cpu)).saturating_sub(own.cpu),
            voluntary_switches: more(|spent| spent.voluntary_switches),
            involuntary_switches: more(|spent| spent.involuntary_switches),
            throttling: throttling(self.stopped),
            samples,
            groups,
            moments,
        }
    }
}

/// Samples until the other end of `told` is dropped; with what this thread had used
/// itself by then, never more.
fn look(mut accounts: Accounts, began: Instant, told: &Receiver<()>) -> (Accounts, Spent) {
    let own = own_task();
    let mut spent = spent_by_thread();
    loop {
        let now = Instant::now();
        let before = spent_by_thread();
        // A sample that can't be taken is left out.
        if let Ok(mut tasks) = tasks() {
            tasks.retain(|task| task.id != own);
            accounts.add(now - began, &tasks);
        }
        let after = spent_by_thread();
        let pause = INTERVAL.max(after.cpu.saturating_sub(before.cpu) * PAUSE);
        if told.try_recv() == Err(TryRecvError::Disconnected) {
            return (accounts, spent);
        }
        spent = after;
        if told.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
            return (accounts, spent);
        }
    }
}

/// What was added since `before`, in the group that was stopped longest.
fn throttling(before: Vec<Stopped>) -> Option<Throttling> {
    longest(before, &stopped(&Observed::this_process().ok()?))
}
