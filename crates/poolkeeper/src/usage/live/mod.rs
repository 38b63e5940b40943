//! Many processes, again and again: which work, whose their threads are, and what
//! they have.
//!
//! `view.rs` is what a look shows, `process.rs` looks at one process; this file knows
//! which there are.

mod process;
mod view;

pub use view::{LiveOwner, LiveProcess, View};

use crate::Result;
use crate::budget::{SourceKind, budget};
use crate::error::Error;
use crate::platform::{
    affinity, allow_files, birth, busy, is_of_kernel, process_ids, process_links, user_of,
};
use process::Process;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// The list of processes is made anew after so many looks, whatever the kernel's
/// numbers say.
const SELDOM: u64 = 8;
/// Processes whose pools are read in one look, at most: each takes milliseconds.
const MOST_AT_ONCE: usize = 3;
/// The numbers that CPUs can have.
const MOST_CPUS: u32 = 8192;

/// Which processes are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Watched {
    /// A process and those that it started.
    Tree(u32),
    /// Those of the user of this process.
    User,
    /// Every process that can be seen, but for the kernel's own threads.
    All,
}

/// Looks at processes, again and again; nothing in them is stopped or attached to.
///
/// # Examples
///
/// ```
/// use poolkeeper::usage::{Live, Watched};
///
/// let mut live = Live::new(Watched::Tree(std::process::id()))?;
/// let view = live.look();
/// assert_eq!(view.processes[0].pid, std::process::id());
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub struct Live {
    watched: Watched,
    began: Instant,
    looked: Duration,
    looks: u64,
    links: u64,
    processes: HashMap<u32, Process>,
    /// Processes that are not looked at.
    others: HashSet<u32>,
    cpus: u32,
    busy: Option<Duration>,
}

impl Live {
    /// Begins to look. This process may open as many files as the system allows it from
    /// here on: each thread that is watched needs one.
    ///
    /// # Errors
    /// - [`Error::NoProcess`] if there is no process of that number.
    /// - [`Error::UnsupportedPlatform`] elsewhere than on Linux.
    pub fn new(watched: Watched) -> Result<Live> {
        if let Watched::Tree(pid) = watched {
            affinity(Some(pid))?;
            if birth(pid).is_none_or(|birth| birth.is_over) {
                let why = "it has ended".to_owned();
                return Err(Error::NoProcess { pid, why });
            }
        }
        let own = budget()?;
        let machine = own.sources.iter();
        let machine = machine.filter(|source| source.kind == SourceKind::Machine);
        let cpus = machine.filter_map(|source| source.cpus).next();
        allow_files();
        let mut live = Live {
            watched,
            began: Instant::now(),
            looked: Duration::ZERO,
            looks: 0,
            links: 0,
            processes: HashMap::new(),
            others: HashSet::new(),
            cpus: cpus.map_or(own.cpus, |cpus| cpus as u32),
            busy: None,
        };
        live.list();
        for process in live.processes.values_mut() {
            process.begin();
        }
        live.busy = all_busy();
        // What took time until here is in no look.
        live.began = Instant::now();
        Ok(live)
    }

    /// What they did since the last look. The pools and the budget of a process that has
    /// begun to work may be shown at one of the next looks.
    pub fn look(&mut self) -> View {
        self.look_with(MOST_AT_ONCE)
    }

    /// The same with every pool and budget that is due, which takes some milliseconds for
    /// each process that works.
    pub fn look_closely(&mut self) -> View {
        self.look_with(usize::MAX)
    }

    fn look_with(&mut self, most: usize) -> View {
        let now = self.began.elapsed();
        let time = now.saturating_sub(self.looked);
        let all = self.looks.is_multiple_of(SELDOM);
        self.looks += 1;
        let links = process_links().unwrap_or(0);
        if all || links != self.links {
            self.list();
            self.links = links;
        }
        self.processes
            .retain(|_, process| process.look(now, time, all).is_ok());
        self.read_pools(now, most);
        self.looked = now;
        let before = std::mem::replace(&mut self.busy, all_busy());
        let most = f64::from(self.cpus);
        let worked = |(before, after): (Duration, Duration)| {
            let worked = after.saturating_sub(before).as_secs_f64();
            // The kernel counts in ticks, and a host gives back what it took later.
            (worked / time.as_secs_f64().max(1e-9)).min(most)
        };
        let busy = before.zip(self.busy).map(worked);
        let mut processes: Vec<LiveProcess> = self.processes.values().map(Process::shown).collect();
        processes.sort_by_key(|process| process.pid);
        if let Watched::Tree(root) = self.watched {
            processes.sort_by_key(|process| (process.pid != root, process.pid));
        }
        View {
            time,
            cpus: self.cpus,
            busy,
            processes,
        }
    }

    /// Reads pools and budgets where that is due: of those first that were read longest ago.
    fn read_pools(&mut self, now: Duration, most: usize) {
        let due = self.processes.values_mut();
        let mut due: Vec<&mut Process> = due.filter(|process| process.is_due(now)).collect();
        due.sort_by_key(|process| process.was_read());
        for process in due.into_iter().take(most) {
            process.read(now);
        }
    }

    /// Finds processes that began since.
    fn list(&mut self) {
        let Ok(ids) = process_ids() else {
            return;
        };
        let listed: HashSet<u32> = ids.iter().copied().collect();
        // A number that is used again is another process's.
        self.others.retain(|pid| listed.contains(pid));
        let known = |pid: &u32| self.processes.contains_key(pid) || self.others.contains(pid);
        let mut new: Vec<u32> = ids.into_iter().filter(|pid| !known(pid)).collect();
        if let Watched::Tree(root) = self.watched {
            // A parent before its children.
            let mut parents: HashMap<u32, u32> = HashMap::new();
            parents.extend(
                new.iter()
                    .filter_map(|pid| Some((*pid, birth(*pid)?.parent))),
            );
            let mut found: HashSet<u32> = self.processes.keys().copied().collect();
            found.insert(root);
            loop {
                let before = found.len();
                let is_its =
                    |(pid, parent): &(&u32, &u32)| **pid == root || found.contains(*parent);
                let more: Vec<u32> = parents.iter().filter(is_its).map(|(pid, _)| *pid).collect();
                found.extend(more);
                if found.len() == before {
                    break;
                }
            }
            new.retain(|pid| {
                let is_its = found.contains(pid);
                if !is_its {
                    self.others.insert(*pid);
                }
                is_its
            });
        }
        for pid in new {
            self.begin(pid);
        }
    }

    fn begin(&mut self, pid: u32) {
        let is_its = match self.watched {
            Watched::Tree(_) => true,
            Watched::User => user_of(pid) == user_of(std::process::id()),
            Watched::All => true,
        };
        if !is_its || is_of_kernel(pid) {
            self.others.insert(pid);
        } else {
            // Those that somebody asked for by their number are shown whole at once.
            let is_asked_for = matches!(self.watched, Watched::Tree(_));
            let process = Process::new(pid, self.looked, is_asked_for);
            self.processes.insert(pid, process);
        }
    }
}

fn all_busy() -> Option<Duration> {
    let cpus: Vec<u32> = (0..MOST_CPUS).collect();
    busy(&cpus).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::Owner;

    #[test]
    fn a_thread_that_works_is_seen_to_work() {
        let mut live = Live::new(Watched::Tree(std::process::id())).unwrap();
        let until = Instant::now() + Duration::from_millis(60);
        while Instant::now() < until {}
        let view = live.look();
        let own = &view.processes[0];
        assert_eq!(own.pid, std::process::id());
        assert!(own.working >= 1, "{own:?}");
        assert!(own.ran > 0.05, "{own:?}");
        assert!(own.threads >= 2);
        let sum: usize = own.owners.iter().map(|owner| owner.threads).sum();
        assert_eq!(sum, own.threads);
        assert!(own.owners.iter().any(|owner| owner.owner == Owner::Main));
        assert!(view.cpus >= 1);
    }

    #[test]
    fn processes_come_and_go() {
        let mut live = Live::new(Watched::Tree(std::process::id())).unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let has = |view: &View, pid: u32| view.processes.iter().any(|one| one.pid == pid);
        assert!(has(&live.look(), child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!has(&live.look(), child.id()));
    }

    #[test]
    fn everybody_is_more_than_the_user_and_nobody_is_an_error() {
        let count = |watched| Live::new(watched).unwrap().look().processes.len();
        assert!(count(Watched::All) >= count(Watched::User));
        assert!(count(Watched::User) >= 1);
        let nobody = Live::new(Watched::Tree(u32::MAX)).err().unwrap();
        assert_eq!(nobody.code(), "no-process");
    }
}
