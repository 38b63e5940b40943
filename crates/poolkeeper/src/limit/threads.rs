//! Which threads have been here, and their ledgers of pools with thread reach.

use crate::discover::PoolId;
use crate::limit::ledger::Ledger;
use std::cell::Cell;

/// A thread that has begun a scope. The key is never used again, unlike the
/// system's thread numbers.
/// The default is no thread's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ThreadRef {
    slot: usize,
    pub(crate) key: u64,
}

/// One ledger a pool.
#[derive(Debug, Default)]
pub(crate) struct Ledgers {
    pools: Vec<PoolId>,
    /// Of the pool in the same place.
    ledgers: Vec<Ledger>,
}

impl Ledgers {
    pub(crate) fn get(&mut self, pool: PoolId) -> &mut Ledger {
        let known = self.pools.iter().position(|id| *id == pool);
        let place = known.unwrap_or_else(|| {
            self.pools.push(pool);
            self.ledgers.push(Ledger::default());
            self.pools.len() - 1
        });
        &mut self.ledgers[place]
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (PoolId, &mut Ledger)> {
        self.pools.iter().copied().zip(&mut self.ledgers)
    }

    /// Forgets the ledgers of pools that are gone.
    pub(crate) fn retain(&mut self, is_loaded: impl Fn(PoolId) -> bool) {
        let all = std::mem::take(&mut self.pools).into_iter();
        let all = all.zip(std::mem::take(&mut self.ledgers));
        (self.pools, self.ledgers) = all
            .filter(|(id, ledger)| !ledger.is_empty() || is_loaded(*id))
            .unzip();
    }
}

#[derive(Debug, Default)]
pub(crate) struct Thread {
    key: u64,
    pub(crate) ledgers: Ledgers,
    /// The last pool that this thread's live scopes were made to cover.
    pub(crate) covered: PoolId,
    /// How many of the catalog's companions this thread has met.
    pub(crate) met: usize,
    /// Scopes of this thread have been ended from elsewhere: its pools are to
    /// be put right when it next comes by.
    pub(crate) unsettled: bool,
}

/// Every thread that has begun a scope and still runs.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    slots: Vec<Option<Thread>>,
    last_key: u64,
}

impl Threads {
    /// The state of that thread, if it still runs.
    pub(crate) fn get(&mut self, thread: ThreadRef) -> Option<&mut Thread> {
        self.slots
            .get_mut(thread.slot)?
            .as_mut()
            .filter(|state| state.key == thread.key)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Thread> {
        self.slots.iter_mut().flatten()
    }

    /// A thread that has not been here, in a process whose newest pool is that.
    pub(crate) fn begin(&mut self, newest: PoolId) -> ThreadRef {
        self.last_key += 1;
        let state = Thread {
            key: self.last_key,
            covered: newest,
            ..Thread::default()
        };
        let slot = match self.slots.iter().position(Option::is_none) {
            Some(free) => free,
            None => {
                self.slots.push(None);
                self.slots.len() - 1
            }
        };
        self.slots[slot] = Some(state);
        ThreadRef {
            slot,
            key: self.last_key,
        }
    }

    pub(crate) fn end(&mut self, thread: ThreadRef) {
        if self.get(thread).is_some() {
            self.slots[thread.slot] = None;
        }
    }

    /// After a fork: of all threads only this one exists.
    pub(crate) fn keep_only(&mut self, thread: Option<ThreadRef>) {
        for (slot, state) in self.slots.iter_mut().enumerate() {
            if Some(slot) != thread.map(|thread| thread.slot) {
                *state = None;
            }
        }
    }
}

thread_local! {
    /// Without a destructor: it can be asked for as long as the thread runs.
    static CURRENT: Cell<Option<ThreadRef>> = const { Cell::new(None) };
}

/// This thread's reference, if it has been here and is not being torn down.
pub(crate) fn current_if_known() -> Option<ThreadRef> {
    CURRENT.get()
}

/// Says which thread this is, or that it is being torn down.
pub(crate) fn set_current(thread: Option<ThreadRef>) {
    CURRENT.set(thread);
}
