//! The threads of one process: what each has used since it was last looked at.

use super::owners::Owners;
use super::stretch::Stretch;
use super::watch::Watch;
use crate::platform::{Counters, thread_ids, thread_links};
use crate::usage::owner::{Owner, by_file_name};
use std::collections::{HashMap, HashSet};
use std::io;
use std::time::Duration;

/// Looks until a thread's owner is taken for untold: a thread that is being made may
/// not be listed yet by its C library.
const PATIENCE: u8 = 3;

/// The most owners that are told apart: threads may have any names.
const MOST_OWNERS: usize = 200;

/// The owners that were found, each by its place in the list.
pub(in crate::usage) type Known = Vec<Owner>;

struct Thread {
    counters: Counters,
    /// Its place among those that are known.
    owner: Option<usize>,
    tries: u8,
    watch: Watch,
}

/// The threads of one process.
pub(in crate::usage) struct Threads {
    pid: u32,
    threads: HashMap<u32, Thread>,
    owners: Owners,
    links: u64,
    looks: u64,
    /// When the list was last known to be right: a new thread has begun since then.
    listed: Duration,
    /// Whether the kernel tells how long threads waited.
    pub(super) tells_waits: bool,
}

impl Threads {
    /// Threads that can have begun at `since` at the earliest.
    pub(in crate::usage) fn new(pid: u32, since: Duration) -> Self {
        Threads {
            pid,
            threads: HashMap::new(),
            owners: Owners::new(pid),
            links: 0,
            looks: 0,
            listed: since,
            tells_waits: true,
        }
    }

    /// How many there are.
    pub(in crate::usage) fn count(&self) -> usize {
        self.threads.len()
    }

    /// How many each owner has, by its place among those that are known; `None` for
    /// those whose owner is not known yet.
    pub(in crate::usage) fn by_owner(&self) -> Vec<(Option<usize>, usize)> {
        let mut counts: HashMap<Option<usize>, usize> = HashMap::new();
        for thread in self.threads.values() {
            *counts.entry(thread.owner).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_unstable();
        counts
    }

    /// Why nobody tells whose the threads are, if so.
    pub(super) fn silence(&self) -> Option<String> {
        self.owners.silence()
    }

    /// Takes what the threads have used so far for used before.
    pub(in crate::usage) fn begin(&mut self, now: Duration) -> io::Result<()> {
        self.list()?;
        for thread in self.threads.values_mut() {
            let account = thread.counters.read().unwrap_or_default();
            thread.watch.begin(account, now);
        }
        Ok(())
    }

    /// What each of the threads of `process` has used since it was last looked at;
    /// `all` looks also at those that did nothing before.
    ///
    /// # Errors
    /// The process is gone.
    pub(in crate::usage) fn look(
        &mut self,
        process: usize,
        now: Duration,
        all: bool,
        known: &mut Known,
        used: &mut Vec<Stretch>,
    ) -> io::Result<()> {
        let links = thread_links(self.pid)?;
        self.looks += 1;
        if links != self.links || all {
            self.list()?;
            self.links = links;
        }
        self.listed = now;
        self.settle(all, known);
        let mut gone = Vec::new();
        for (id, thread) in &mut self.threads {
            if !thread.watch.is_due(all) {
                continue;
            }
            match thread.counters.read() {
                Ok(account) => {
                    self.tells_waits &= account.waited.is_some();
                    // Nothing as long as it is not known whose it is.
                    let Some(owner) = thread.owner else {
                        continue;
                    };
                    used.extend(thread.watch.book((process, owner), account, now));
                }
                Err(_) => gone.push(*id),
            }
        }
        if !gone.is_empty() {
            for id in gone {
                self.threads.remove(&id);
            }
            // Another thread may have come in its place.
            self.links = 0;
        }
        Ok(())
    }

    /// Brings the list up to date.
    fn list(&mut self) -> io::Result<()> {
        let ids = thread_ids(self.pid)?;
        if self.threads.len() <= 1 {
            self.owners.forget();
        }
        // A number that is used again is another thread's: the open account of the one
        // before can't be read then, and it is found gone at this look.
        let there: HashSet<u32> = ids.iter().copied().collect();
        self.threads.retain(|id, _| there.contains(id));
        for id in ids {
            if self.threads.contains_key(&id) {
                continue;
            }
            if id == self.pid && self.looks > 1 {
                // The main thread is there as long as the process: the number has
                // become another process's.
                return Err(io::ErrorKind::NotFound.into());
            }
            let Ok(counters) = Counters::open(self.pid, id) else {
                continue;
            };
            let thread = Thread {
                counters,
                owner: None,
                tries: 0,
                watch: Watch::new(self.listed),
            };
            self.threads.insert(id, thread);
        }
        Ok(())
    }

    /// Asks for the owners of threads that have none yet.
    fn settle(&mut self, at_last: bool, known: &mut Known) {
        let open = self.threads.iter();
        let open = open.filter(|(_, thread)| thread.owner.is_none());
        let open: Vec<u32> = open.map(|(id, _)| *id).collect();
        if open.is_empty() {
            return;
        }
        let owners = self.owners.of(&open, self.threads.len());
        let is_silent = self.owners.silence().is_some();
        for (id, owner) in open.iter().zip(owners) {
            let Some(thread) = self.threads.get_mut(id) else {
                continue;
            };
            thread.tries += 1;
            let is_last = at_last || is_silent || thread.tries >= PATIENCE;
            let owner = owner.or_else(|| is_last.then(|| self.owners.by_name(*id)));
            thread.owner = owner.map(|owner| place(known, by_file_name(owner)));
        }
    }
}

/// The place of an owner among those that are known, the newest of which it may be.
/// When there are too many, it is taken for unknown.
fn place(known: &mut Known, owner: Owner) -> usize {
    let found = known.iter().position(|one| *one == owner);
    found.unwrap_or_else(|| {
        if known.len() >= MOST_OWNERS && owner != Owner::Unknown {
            return place(known, Owner::Unknown);
        }
        known.push(owner);
        known.len() - 1
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_told_apart_as_long_as_there_is_room() {
        let mut known = Known::new();
        let named = |number: usize| Owner::Named(format!("kind {number} of thread"));
        for number in 0..3 * MOST_OWNERS {
            let first = place(&mut known, named(number));
            assert_eq!(place(&mut known, named(number)), first);
        }
        assert_eq!(known.len(), MOST_OWNERS + 1);
        assert_eq!(known[MOST_OWNERS], Owner::Unknown);
        assert_eq!(place(&mut known, named(7)), 7);
    }
}
