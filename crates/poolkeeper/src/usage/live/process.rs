//! One of many processes that are looked at.

use super::view::{LiveOwner, LiveProcess};
use crate::budget::budget_of;
use crate::model::Pool;
use crate::platform::{birth, command_line, thread_name};
use crate::usage::owner::{Owner, name_pools};
use crate::usage::process::{PoolsOf, Stretch, Threads};
use std::io;
use std::time::Duration;

/// CPUs that a process must have wanted before its pools and its budget are read.
const LEAST: f64 = 0.02;
/// They are read again after so long.
const AGAIN: Duration = Duration::from_secs(2);

/// One process.
pub(super) struct Process {
    pid: u32,
    /// When it began: another process may get its number.
    began: Option<u64>,
    threads: Threads,
    known: Vec<Owner>,
    pools: PoolsOf,
    found: Vec<Pool>,
    budget: Option<f64>,
    read: Option<Duration>,
    /// Whether it has worked since its pools were read.
    has_worked: bool,
    shown: LiveProcess,
}

impl Process {
    /// A process that can have begun at `since` at the earliest. Its pools are read
    /// when it has worked, or at once.
    pub(super) fn new(pid: u32, since: Duration, at_once: bool) -> Self {
        Process {
            pid,
            began: birth(pid).map(|birth| birth.began),
            threads: Threads::new(pid, since),
            known: Vec::new(),
            pools: PoolsOf::new(pid),
            found: Vec::new(),
            budget: None,
            read: None,
            has_worked: at_once,
            shown: LiveProcess {
                pid,
                ..LiveProcess::default()
            },
        }
    }

    /// Takes what it has used so far for used before.
    pub(super) fn begin(&mut self) {
        // One that is gone is found gone at the next look.
        let _ = self.threads.begin(Duration::ZERO);
    }

    /// Looks at its threads, for what they did in the last `time`.
    ///
    /// # Errors
    /// It is gone.
    pub(super) fn look(&mut self, now: Duration, time: Duration, all: bool) -> io::Result<()> {
        if all {
            let now = birth(self.pid).filter(|birth| !birth.is_over);
            if now.map(|birth| birth.began) != self.began || self.began.is_none() {
                return Err(io::ErrorKind::NotFound.into());
            }
        }
        let mut used: Vec<Stretch> = Vec::new();
        self.threads.look(0, now, all, &mut self.known, &mut used)?;
        if all || self.shown.name.is_empty() {
            self.shown.name = thread_name(self.pid, self.pid).unwrap_or_default();
            self.shown.command = command_line(self.pid);
        }
        self.count(&used, time.as_secs_f64().max(1e-9));
        self.has_worked |= self.shown.ran + self.shown.waited >= LEAST;
        Ok(())
    }

    /// Adds up what its threads did.
    fn count(&mut self, used: &[Stretch], time: f64) {
        let counts = self.threads.by_owner();
        let mut owners: Vec<LiveOwner> = Vec::new();
        for (place, threads) in counts {
            let owner = place.map_or(Owner::Unknown, |place| self.known[place].clone());
            let mut live = LiveOwner {
                owner: name_pools(owner, &self.found),
                limit: None,
                threads,
                working: 0,
                ran: 0.0,
                waited: 0.0,
            };
            for one in used.iter().filter(|one| Some(one.owner) == place) {
                let ran = one.ran.as_secs_f64();
                live.working += usize::from(ran >= 0.01 * time);
                live.ran += ran / time;
                // The kernel adds a wait when it ends, which may be longer.
                live.waited += (one.waited.as_secs_f64() / time).min(1.0);
            }
            owners.push(live);
        }
        self.add_limits(&mut owners);
        self.shown.threads = self.threads.count();
        self.shown.working = owners.iter().map(|owner| owner.working).sum();
        self.shown.ran = owners.iter().map(|owner| owner.ran).sum();
        self.shown.waited = owners.iter().map(|owner| owner.waited).sum();
        self.shown.owners = owners;
    }

    /// The pools' numbers, and the pools that have no threads.
    fn add_limits(&self, owners: &mut Vec<LiveOwner>) {
        for pool in &self.found {
            let is_its = |live: &&mut LiveOwner| live.owner.is_of(pool);
            match owners.iter_mut().find(is_its) {
                Some(live) => live.limit = pool.num_threads,
                None => owners.push(LiveOwner {
                    owner: Owner::Pool {
                        runtime: pool.runtime,
                        filepath: pool.filepath.clone(),
                    },
                    limit: pool.num_threads,
                    threads: 0,
                    working: 0,
                    ran: 0.0,
                    waited: 0.0,
                }),
            }
        }
    }

    /// Whether its pools and its budget are to be read.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        let is_old = |read: Duration| now.saturating_sub(read) >= AGAIN;
        self.has_worked && self.read.is_none_or(is_old)
    }

    /// When they were read last.
    pub(super) fn was_read(&self) -> Option<Duration> {
        self.read
    }

    /// Reads them.
    pub(super) fn read(&mut self, now: Duration) {
        self.read = Some(now);
        self.has_worked = false;
        self.budget = budget_of(self.pid).ok().map(|budget| budget.exact);
        match self.pools.look() {
            Ok(pools) => self.found = pools,
            Err(error) => self.shown.unseen = Some(error.to_string()),
        }
        let mut owners = std::mem::take(&mut self.shown.owners);
        owners.retain(|live| live.threads > 0);
        for live in &mut owners {
            live.owner = name_pools(live.owner.clone(), &self.found);
        }
        self.add_limits(&mut owners);
        self.shown.owners = owners;
    }

    /// What is shown of it.
    pub(super) fn shown(&self) -> LiveProcess {
        LiveProcess {
            budget: self.budget,
            ..self.shown.clone()
        }
    }
}
