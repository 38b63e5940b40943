//! The registry of live scopes, and what keeps it up to date.

use crate::catalog::Catalog;
use crate::discover::{LoadedPool, PoolId};
use crate::limit::claim::ScopeId;
use crate::limit::hold::{Held, Hold, Holds};
use crate::limit::ledger::{Ledger, Step};
use crate::limit::live::LiveScopes;
use crate::limit::plan::{Plan, plan};
use crate::limit::request::Selector;
use crate::limit::threads::{Ledgers, ThreadRef, Threads};
use crate::model::Reach;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A live scope, as the registry knows it.
pub(crate) struct Live {
    pub(crate) id: ScopeId,
    pub(crate) thread: ThreadRef,
    pub(crate) holds: Holds,
    /// On pools that were loaded while it was live, once it has ended.
    pub(crate) late: Vec<Holds>,
    pub(crate) unmatched: Vec<Selector>,
    /// Whether the user should know of what became of a pool at the end.
    pub(crate) is_notable: bool,
}

impl Live {
    /// Takes it out, and leaves an empty one.
    pub(crate) fn take(&mut self) -> Live {
        let (id, thread) = (self.id, self.thread);
        std::mem::replace(
            self,
            Live {
                id,
                thread,
                holds: Holds::default(),
                late: Vec::new(),
                unmatched: Vec::new(),
                is_notable: false,
            },
        )
    }

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

/// Everything that is shared by the scopes of the process.
#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) catalog: Catalog,
    pub(crate) threads: Threads,
    process: Ledgers,
    pub(crate) live: LiveScopes,
    pub(crate) last_scope: ScopeId,
    /// The last pool that live scopes were made to cover, but for other threads'
    /// own values.
    covered: PoolId,
    /// Scopes were dropped by a fork: the process's pools are to be put right.
    unsettled: bool,
    /// How many live scopes cover what is loaded while they live.
    covering: usize,
}

/// The registry's `covering`, to be asked without its lock, under which it is changed.
static COVERING: AtomicUsize = AtomicUsize::new(0);

/// Whether a live scope covers what is loaded now.
pub(crate) fn is_covering() -> bool {
    COVERING.load(Relaxed) != 0
}

impl Registry {
    /// Notes that scopes which cover late libraries have come or gone.
    pub(crate) fn covering(&mut self, more: usize, fewer: usize) {
        self.covering = self.covering + more - fewer;
        COVERING.store(self.covering, Relaxed);
    }

    /// A thread that has not been here before.
    pub(crate) fn begin_thread(&mut self) -> ThreadRef {
        self.threads.begin(self.catalog.last_id())
    }

    /// After a change of the catalog: forgets what is gone.
    pub(crate) fn forget_what_is_gone(&mut self) {
        let pools = self.catalog.pools();
        let loaded = |id| pools.iter().any(|pool| pool.id == id);
        self.process.retain(loaded);
        self.threads
            .iter_mut()
            .for_each(|thread| thread.ledgers.retain(loaded));
    }

    /// Puts right what could not be before: what other threads left to this one to
    /// restore, and scopes that cover late libraries.
    pub(crate) fn settle_all(&mut self, thread: Option<ThreadRef>) {
        if std::mem::take(&mut self.unsettled) {
            settle(&mut self.process, self.catalog.pools());
        }
        let newest = self.catalog.last_id();
        let companions = self.catalog.companions().len();
        let Some(state) = thread.and_then(|thread| self.threads.get(thread)) else {
            return;
        };
        let met = std::mem::replace(&mut state.met, companions);
        if met != companions {
            meet(&mut state.ledgers, &self.catalog, met);
        }
        let is_covered = std::mem::replace(&mut state.covered, newest) == newest;
        if std::mem::take(&mut state.unsettled) {
            settle(&mut state.ledgers, self.catalog.pools());
        }
        if let Some(thread) = thread
            && !(is_covered && self.covered == newest)
        {
            self.covered = newest;
            self.cover_late(thread);
        }
    }

    /// The ledger in which a pool's claims of that thread are kept; `None` if
    /// the thread is gone.
    pub(crate) fn ledger(&mut self, knob: &LoadedPool, thread: ThreadRef) -> Option<&mut Ledger> {
        match knob.facts.reach {
            Reach::Process => Some(self.process.get(knob.id)),
            Reach::Thread => Some(self.threads.get(thread)?.ledgers.get(knob.id)),
            Reach::None => None,
        }
    }

    /// Extends live scopes to pools that were loaded since.
    fn cover_late(&mut self, thread: ThreadRef) {
        let newest = self.catalog.last_id();
        let mut live = std::mem::take(&mut self.live);
        for (id, scope) in live.iter_mut() {
            let Some(late) = &mut scope.late else {
                continue;
            };
            let Ok(Plan { mut steps, .. }) = plan(&late.request, self.catalog.pools()) else {
                continue;
            };
            let own = scope.thread == thread;
            steps.retain(|step| {
                let pools = self.catalog.pools();
                let of_thread = pools[usize::from(step.knob)].facts.reach == Reach::Thread;
                pools[usize::from(step.pool)].id > late.seen[usize::from(of_thread)]
                    && (own || !of_thread)
            });
            if !steps.is_empty() {
                let holds = self.take_holds(&steps, id, scope.thread, &late.request);
                late.holds.push(holds);
            }
            late.seen[0] = newest;
            if own {
                late.seen[1] = newest;
            }
        }
        self.live = live;
    }

    /// What a scope has taken hold of since it began.
    pub(crate) fn late_holds(&self, id: ScopeId) -> impl Iterator<Item = (Held<'_>, &Hold)> {
        let late = self.live.get(id).and_then(|scope| scope.late.as_ref());
        late.into_iter()
            .flat_map(|late| &late.holds)
            .flat_map(Holds::iter)
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
        self.live.retain(|scope| Some(scope.thread) == survivor);
        let scopes = self.live.iter_mut();
        let covering = scopes.filter(|(_, scope)| scope.late.is_some());
        self.covering = covering.count();
        COVERING.store(self.covering, Relaxed);
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

/// Has this thread meet the companions that it has not met: they set its pools,
/// and are not to do so later, inside a limit. What live scopes hold is set again.
fn meet(ledgers: &mut Ledgers, catalog: &Catalog, met: usize) {
    let mut held = Vec::new();
    for (id, _) in ledgers.iter_mut().filter(|(_, l)| l.is_holding()) {
        let pool = catalog.pools().iter().find(|pool| pool.id == id);
        held.extend(pool.map(|pool| (pool, pool.threads())));
    }
    for companion in &catalog.companions()[met..] {
        companion.meet();
    }
    for (pool, threads) in held {
        if pool.threads() != threads {
            pool.control().set_threads(threads);
        }
    }
}
