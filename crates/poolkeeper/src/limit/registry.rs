//! The registry of live scopes, and what keeps it up to date.

use crate::Result;
use crate::discover::{Catalog, LoadedPool};
use crate::limit::hold::{Held, Hold, Holds};
use crate::limit::ledger::{Ledger, ScopeId, Step};
use crate::limit::plan::{Plan, plan};
use crate::limit::request::{Request, Selector};
use crate::limit::threads::{Ledgers, ThreadRef, Threads};
use crate::model::Reach;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// A live scope, as the registry knows it.
pub(crate) struct Live {
    pub(crate) id: ScopeId,
    pub(crate) thread: ThreadRef,
    pub(crate) holds: Holds,
    /// On pools that were loaded while it was live, once it has ended.
    pub(crate) late: Vec<Holds>,
    pub(crate) unmatched: Vec<Selector>,
}

impl Live {
    /// Every hold with its pool.
    pub(crate) fn holds(&self) -> impl Iterator<Item = (Held<'_>, &Hold)> {
        self.holds
            .iter()
            .chain(self.late.iter().flat_map(Holds::iter))
    }

    /// The holds from its beginning, then those that came late: quicker to go
    /// through, two loops deep, than one flat iterator.
    pub(crate) fn groups_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Holds> {
        std::iter::once(&mut self.holds).chain(&mut self.late)
    }

    pub(crate) fn holds_mut(&mut self) -> impl DoubleEndedIterator<Item = (Held<'_>, &mut Hold)> {
        self.holds
            .iter_mut()
            .chain(self.late.iter_mut().flat_map(Holds::iter_mut))
    }
}

/// A live scope that covers what is loaded while it lives.
pub(crate) struct LateScope {
    pub(crate) id: ScopeId,
    pub(crate) thread: ThreadRef,
    pub(crate) request: Request,
    /// The last pools that were looked at for it, by reach.
    pub(crate) seen: [u32; 2],
    pub(crate) holds: Vec<Holds>,
}

/// Spreads scopes' numbers, which nobody chooses, over a map: every scope begins
/// and ends with it, so it is to cost little.
#[derive(Default)]
pub(crate) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes
            .iter()
            .for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // Knuth's multiplicative hashing, with 2 to the 64 over the golden ratio.
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// Everything that is shared by the scopes of the process.
#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) catalog: Catalog,
    pub(crate) threads: Threads,
    process: Ledgers,
    pub(crate) late: Vec<LateScope>,
    /// The live scopes, and the threads that they began on.
    pub(crate) live: HashMap<ScopeId, u64, BuildHasherDefault<Spread>>,
    pub(crate) last_scope: ScopeId,
    /// Scopes were dropped by a fork: the process's pools are to be put right.
    unsettled: bool,
}

impl Registry {
    /// Brings everything up to date: the catalog, what other threads left to
    /// this one to restore, and scopes that cover late libraries.
    ///
    /// # Errors
    /// As [`Catalog::refresh`].
    pub(crate) fn refresh(&mut self, thread: Option<ThreadRef>) -> Result<bool> {
        let changed = self.catalog.refresh()?;
        self.settle_all(changed, thread);
        Ok(changed)
    }

    /// The same; while no scope is live, lets go of libraries that the program
    /// has closed.
    ///
    /// # Errors
    /// As [`Catalog::refresh`].
    pub(crate) fn refresh_and_let_go(&mut self, thread: Option<ThreadRef>) -> Result<()> {
        let changed = if self.live.is_empty() {
            self.catalog.refresh_and_let_go()?
        } else {
            self.catalog.refresh()?
        };
        self.settle_all(changed, thread);
        Ok(())
    }

    /// Puts right what could not be before, and covers late libraries; after a
    /// change of the catalog, forgets what is gone.
    pub(crate) fn settle_all(&mut self, changed: bool, thread: Option<ThreadRef>) {
        if changed {
            let pools = self.catalog.pools();
            let loaded = |id| pools.iter().any(|pool| pool.id == id);
            self.process.retain(loaded);
            self.threads
                .iter_mut()
                .for_each(|thread| thread.ledgers.retain(loaded));
        }
        if std::mem::take(&mut self.unsettled) {
            settle(&mut self.process, self.catalog.pools());
        }
        if let Some(state) = thread.and_then(|thread| self.threads.get(thread))
            && std::mem::take(&mut state.unsettled)
        {
            settle(&mut state.ledgers, self.catalog.pools());
        }
        if let Some(thread) = thread
            && !self.late.is_empty()
        {
            self.cover_late(thread);
        }
    }

    pub(crate) fn newest(&self) -> u32 {
        self.catalog
            .pools()
            .iter()
            .map(|pool| pool.id)
            .max()
            .unwrap_or(0)
    }

    /// The ledger in which a pool's claims of that thread are kept; `None` if
    /// the thread is gone.
    pub(crate) fn ledger(&mut self, knob: &LoadedPool, thread: ThreadRef) -> Option<&mut Ledger> {
        match knob.facts.reach {
            Reach::Process => Some(self.process.get(knob.id)),
            Reach::Thread => Some(self.threads.get(thread)?.ledgers.get(knob.id)),
        }
    }

    /// Extends `late` scopes to pools that were loaded since.
    fn cover_late(&mut self, thread: ThreadRef) {
        let newest = self.newest();
        for mut late in std::mem::take(&mut self.late) {
            let Ok(Plan { mut steps, .. }) = plan(&late.request, self.catalog.pools()) else {
                self.late.push(late);
                continue;
            };
            let own = late.thread == thread;
            steps.retain(|step| {
                let pools = self.catalog.pools();
                let reach = pools[step.knob].facts.reach;
                pools[step.pool].id > late.seen[reach as usize] && (own || reach == Reach::Process)
            });
            if !steps.is_empty() {
                late.holds
                    .push(self.take_holds(&steps, late.id, late.thread, &late.request));
            }
            late.seen[Reach::Process as usize] = newest;
            if own {
                late.seen[Reach::Thread as usize] = newest;
            }
            self.late.push(late);
        }
    }

    /// What a late scope has taken hold of since it began.
    pub(crate) fn late_holds(&self, id: ScopeId) -> impl Iterator<Item = (Held<'_>, &Hold)> {
        let own = self.late.iter().filter(move |late| late.id == id);
        own.flat_map(|late| &late.holds).flat_map(Holds::iter)
    }

    /// How much is remembered: ledgers and the claims in them.
    #[cfg(test)]
    pub(crate) fn size(&mut self) -> usize {
        let own = self
            .threads
            .iter_mut()
            .flat_map(|thread| thread.ledgers.iter_mut());
        self.process
            .iter_mut()
            .chain(own)
            .map(|(_, ledger)| 1 + ledger.len())
            .sum()
    }

    /// Whether pools wait to be put right: after a fork, or because scopes of
    /// this thread were ended from elsewhere.
    pub(crate) fn is_unsettled(&mut self, thread: Option<ThreadRef>) -> bool {
        let own = thread.and_then(|thread| self.threads.get(thread));
        self.unsettled || own.is_some_and(|state| state.unsettled)
    }

    /// In a forked child: drops the scopes of threads that don't exist here.
    pub(crate) fn forked(&mut self, survivor: Option<ThreadRef>) {
        let key = survivor.map_or(0, |thread| thread.key);
        self.threads.keep_only(survivor);
        self.live.retain(|_, thread| *thread == key);
        self.late.retain(|late| Some(late.thread) == survivor);
        for (_, ledger) in self.process.iter_mut() {
            self.unsettled |= ledger.keep_only_thread(key);
        }
        // A runtime may have started anew in the child, as LLVM's does.
        if let Some(state) = survivor.and_then(|thread| self.threads.get(thread)) {
            for (_, ledger) in state.ledgers.iter_mut().filter(|(_, l)| !l.is_empty()) {
                ledger.expect_anything();
                state.unsettled = true;
                self.unsettled = true;
            }
        }
    }
}

/// Puts pools right whose claims were ended where they could not be set.
fn settle(ledgers: &mut Ledgers, pools: &[Arc<LoadedPool>]) {
    for (id, ledger) in ledgers.iter_mut() {
        let Some(pool) = pools.iter().find(|pool| pool.id == id) else {
            continue;
        };
        let control = pool.control();
        let found = control.threads();
        match ledger.settle(found, || control.save(found)) {
            Step::Nothing | Step::Leave { .. } => continue,
            Step::Set(threads) => control.set_threads(threads),
            Step::Restore(saved) => control.restore(saved),
        }
        ledger.note(control.threads());
    }
}
