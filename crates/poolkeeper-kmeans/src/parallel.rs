//! The threads of one fit.
//!
//! They are started when an iteration first wants them, sleep between
//! iterations, and are gone when the fit returns: nothing survives that a
//! `fork` could lose.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use crate::{Control, Error, Result};

type Job = dyn Fn(usize) + Sync;

/// Work that is cheaper than this many multiplications runs on the calling
/// thread: waking another takes about as long.
const WORTH_A_THREAD: usize = 1 << 20;

#[derive(Default)]
struct State {
    /// Counts the jobs, so that a worker knows a new one.
    epoch: u64,
    job: Option<&'static Job>,
    /// How many workers the job wants, and how many have yet to end it.
    wanted: usize,
    running: usize,
    panic: Option<Box<dyn Any + Send>>,
    closing: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    done: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Jobs run outside the lock, so a poisoned state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What worker `id` does until the team closes.
    fn work(&self, id: usize) {
        let mut seen = 0;
        loop {
            let Some(job) = self.next_job(id, &mut seen) else {
                return;
            };
            let ended = catch_unwind(AssertUnwindSafe(|| job(id)));
            let mut state = self.lock();
            if let Err(panic) = ended {
                state.panic.get_or_insert(panic);
            }
            state.running -= 1;
            if state.running == 0 {
                self.done.notify_all();
            }
        }
    }

    fn next_job(&self, id: usize, seen: &mut u64) -> Option<&'static Job> {
        let mut state = self.lock();
        loop {
            if state.closing {
                return None;
            }
            if state.epoch != *seen {
                *seen = state.epoch;
                if id <= state.wanted {
                    return state.job;
                }
            }
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The calling thread and the workers it has started.
pub(crate) struct Team {
    shared: Arc<Shared>,
    /// Locked while a job runs, so that there is one at a time.
    workers: Mutex<Vec<JoinHandle<()>>>,
}

/// Calls `body` with a team whose workers have ended when this returns.
pub(crate) fn with_team<R>(body: impl FnOnce(&Team) -> R) -> R {
    body(&Team {
        shared: Arc::default(),
        workers: Mutex::default(),
    })
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.wake.notify_all();
        let workers = self.workers.get_mut().unwrap_or_else(PoisonError::into_inner);
        for worker in workers.drain(..) {
            // Panics of jobs were caught, and raised by `run`.
            let _ = worker.join();
        }
    }
}

impl Team {
    /// How many threads to use for `work` multiplications: what the caller
    /// allows now, or 1 where more would not pay.
    pub(crate) fn size(control: &dyn Control, work: usize) -> usize {
        if Team::pays(work) { control.threads().max(1) } else { 1 }
    }

    /// Whether `work` multiplications are enough for more than the simplest way.
    pub(crate) fn pays(work: usize) -> bool {
        work >= WORTH_A_THREAD
    }

    /// Calls `job` once on each of `threads` threads, with 0 on this one and
    /// 1, 2, … on the workers. A panic of any is raised again here.
    pub(crate) fn run(&self, threads: usize, job: &(dyn Fn(usize) + Sync)) {
        if threads < 2 {
            return job(0);
        }
        let mut started = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let workers = self.start(&mut started, threads - 1);
        // SAFETY: only the lifetime changes. A worker calls the job before it
        // counts down `running`, and this function returns (or unwinds) after
        // `running` is 0 and the reference is taken back: see `finish`.
        let shared_job = unsafe { std::mem::transmute::<&Job, &'static Job>(job_of(job)) };
        self.publish(workers, shared_job);
        let own = catch_unwind(AssertUnwindSafe(|| job(0)));
        let theirs = self.finish();
        if let Err(panic) = own {
            resume_unwind(panic);
        }
        if let Some(panic) = theirs {
            resume_unwind(panic);
        }
    }

    fn publish(&self, workers: usize, job: &'static Job) {
        let mut state = self.shared.lock();
        state.epoch += 1;
        state.job = Some(job);
        state.wanted = workers;
        state.running = workers;
        drop(state);
        self.shared.wake.notify_all();
    }

    fn finish(&self) -> Option<Box<dyn Any + Send>> {
        let mut state = self.shared.lock();
        while state.running > 0 {
            state = self
                .shared
                .done
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.job = None;
        state.panic.take()
    }

    /// Starts workers until there are `wanted`; fewer where the system
    /// refuses more. Returns how many there are to use.
    fn start(&self, started: &mut Vec<JoinHandle<()>>, wanted: usize) -> usize {
        while started.len() < wanted {
            let id = started.len() + 1;
            let shared = Arc::clone(&self.shared);
            let thread = Builder::new().name("poolkeeper-km".to_owned());
            match thread.spawn(move || shared.work(id)) {
                Ok(worker) => started.push(worker),
                Err(why) => {
                    tracing::warn!(%why, "could not start a thread; going on with fewer");
                    break;
                }
            }
        }
        started.len().min(wanted)
    }

    /// Calls `work(worker, chunk)` for each chunk from 0 to `chunks`, on up to
    /// `threads` threads that each take the next one when they are free.
    ///
    /// # Errors
    ///
    /// `Cancelled`, when `control` said so between two chunks.
    pub(crate) fn each(
        &self,
        threads: usize,
        chunks: usize,
        control: &dyn Control,
        work: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<()> {
        let next = AtomicUsize::new(0);
        let stop = AtomicBool::new(false);
        self.run(threads.min(chunks), &|worker| {
            loop {
                let chunk = next.fetch_add(1, Ordering::Relaxed);
                if chunk >= chunks || stop.load(Ordering::Relaxed) {
                    return;
                }
                if control.cancelled() {
                    stop.store(true, Ordering::Relaxed);
                    return;
                }
                work(worker, chunk);
            }
        });
        if stop.into_inner() {
            return Err(Error::Cancelled);
        }
        Ok(())
    }
}

/// Names the lifetime that `transmute` replaces.
fn job_of<'a>(job: &'a (dyn Fn(usize) + Sync + 'a)) -> &'a Job {
    // SAFETY: only the lifetime of the trait object changes; `Team::run`
    // keeps every use within `'a`.
    unsafe { std::mem::transmute(job) }
}

#[cfg(test)]
#[path = "parallel_tests.rs"]
mod tests;
