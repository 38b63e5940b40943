//! The registry of live scopes: carries plans out on the pools.

use crate::Result;
use crate::discover::{Catalog, LoadedPool};
use crate::limit::hold::{Hold, Holds, Standing};
use crate::limit::ledger::{Claim, Ledger, Rule, ScopeId, Step};
use crate::limit::outcome::EndStatus;
use crate::limit::plan::{INLINE, Plan, PlanStep, plan};
use crate::limit::request::{Request, Selector, WITNESS};
use crate::limit::threads::{Ledgers, ThreadRef, Threads};
use crate::model::Reach;
use crate::runtimes::Saved;
use libc::c_int;
use smallvec::SmallVec;
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
    pub(crate) fn holds(&self) -> impl Iterator<Item = (&LoadedPool, &Hold)> {
        self.holds
            .iter()
            .chain(self.late.iter().flat_map(Holds::iter))
    }

    fn holds_mut(&mut self) -> impl DoubleEndedIterator<Item = (&LoadedPool, &mut Hold)> {
        self.holds
            .iter_mut()
            .chain(self.late.iter_mut().flat_map(Holds::iter_mut))
    }
}

/// A live scope that covers what is loaded while it lives.
struct LateScope {
    id: ScopeId,
    thread: ThreadRef,
    request: Request,
    /// The last pools that were looked at for it, by reach.
    seen: [u32; 2],
    holds: Vec<Holds>,
}

/// Everything that is shared by the scopes of the process.
#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) catalog: Catalog,
    pub(crate) threads: Threads,
    process: Ledgers,
    late: Vec<LateScope>,
    /// How many scopes are live.
    live: usize,
    last_scope: ScopeId,
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
        let changed = if self.live == 0 {
            self.catalog.refresh_and_let_go()?
        } else {
            self.catalog.refresh()?
        };
        self.settle_all(changed, thread);
        Ok(())
    }

    fn settle_all(&mut self, changed: bool, thread: Option<ThreadRef>) {
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

    /// Begins a scope on `thread`.
    ///
    /// # Errors
    /// Those of [`plan`]; no pool has been touched then.
    pub(crate) fn enter(&mut self, request: &Request, thread: ThreadRef) -> Result<Live> {
        self.refresh(Some(thread))?;
        let Plan { steps, unmatched } = plan(request, self.catalog.pools())?;
        self.last_scope += 1;
        self.live += 1;
        let id = self.last_scope;
        let holds = self.take_holds(&steps, id, thread, request);
        if request.late {
            let newest = self.newest();
            self.late.push(LateScope {
                id,
                thread,
                request: request.clone(),
                seen: [newest; 2],
                holds: Vec::new(),
            });
        }
        Ok(Live {
            id,
            thread,
            holds,
            late: Vec::new(),
            unmatched,
        })
    }

    fn newest(&self) -> u32 {
        self.catalog
            .pools()
            .iter()
            .map(|pool| pool.id)
            .max()
            .unwrap_or(0)
    }

    /// Carries steps out: reads every pool, then sets every pool, then reads
    /// every pool back, because one may pass its number on to the next
    /// (FlexiBLAS to its backend).
    fn take_holds(
        &mut self,
        steps: &[PlanStep],
        id: ScopeId,
        thread: ThreadRef,
        request: &Request,
    ) -> Holds {
        let mut holds = Holds::new(self.catalog.snapshot(), steps);
        let saved: SmallVec<[Saved; INLINE]> = holds
            .iter()
            .map(|(pool, hold)| pool.control().save(hold.before))
            .collect();
        for ((pool, hold), saved) in holds.iter_mut().zip(saved) {
            if hold.may_claim(pool) {
                let claim = Claim {
                    scope: id,
                    thread: thread.key,
                    threads: hold.requested,
                    rule: if hold.requested == WITNESS {
                        Rule::Witness
                    } else {
                        request.rule
                    },
                    overridden: false,
                    kept: false,
                };
                self.claim(pool, hold, claim, saved, thread);
            }
        }
        for (pool, hold) in holds.iter_mut() {
            hold.observe(pool);
            if hold.claimed
                && let Some(ledger) = self.ledger(pool.knob(), thread)
            {
                ledger.note(hold.observed);
            }
        }
        holds
    }

    fn claim(
        &mut self,
        pool: &LoadedPool,
        hold: &mut Hold,
        mut claim: Claim,
        saved: Saved,
        thread: ThreadRef,
    ) {
        let Some(ledger) = self.ledger(pool.knob(), thread) else {
            return;
        };
        let control = pool.control();
        let mut present = hold.before;
        if claim.threads <= 0 && claim.rule != Rule::Witness {
            // Only the runtime knows what this means.
            control.set_threads(claim.threads);
            present = control.threads();
            claim.threads = present;
        }
        let target = ledger.join(hold.before, saved, claim);
        if target != present {
            control.set_threads(target);
        }
        if target != hold.before {
            ledger.note_change();
        }
        hold.claimed = true;
        if target != claim.threads && claim.rule != Rule::Witness {
            hold.standing = Standing::Shared;
        }
    }

    /// The ledger in which a pool's claims of that thread are kept; `None` if
    /// the thread is gone.
    fn ledger(&mut self, knob: &LoadedPool, thread: ThreadRef) -> Option<&mut Ledger> {
        match knob.facts.reach {
            Reach::Process => Some(self.process.get(knob.id)),
            Reach::Thread => Some(self.threads.get(thread)?.ledgers.get(knob.id)),
        }
    }

    /// Ends a scope from whichever thread this is; fills in each hold's end.
    pub(crate) fn leave(&mut self, live: &mut Live, current: Option<ThreadRef>) {
        self.part_with(live);
        let (id, began_on) = (live.id, live.thread);
        for (pool, hold) in live.holds_mut() {
            hold.found = pool.threads();
        }
        for (pool, hold) in live.holds_mut().rev() {
            hold.end = Some(self.let_go(pool, hold, id, began_on, current));
        }
        for (pool, hold) in live.holds_mut().filter(|(_, hold)| hold.claimed) {
            if let Some(EndStatus::Held { threads }) = &mut hold.end
                && let Some(ledger) = self.ledger(pool.knob(), began_on)
            {
                *threads = pool.threads();
                ledger.note(*threads);
            }
        }
    }

    /// Ends a scope, and leaves its values as they are.
    pub(crate) fn keep(&mut self, live: &mut Live) {
        self.part_with(live);
        for (pool, _) in live.holds().filter(|(_, hold)| hold.claimed) {
            if let Some(ledger) = self.ledger(pool.knob(), live.thread) {
                ledger.keep(live.id);
            }
        }
    }

    /// The scope ends: it covers nothing any more.
    fn part_with(&mut self, live: &mut Live) {
        self.live -= 1;
        if let Some(position) = self.late.iter().position(|late| late.id == live.id) {
            live.late = self.late.remove(position).holds;
        }
    }

    fn let_go(
        &mut self,
        pool: &LoadedPool,
        hold: &Hold,
        id: ScopeId,
        began_on: ThreadRef,
        current: Option<ThreadRef>,
    ) -> EndStatus {
        if !hold.claimed {
            return EndStatus::Restored;
        }
        let (knob, found) = (pool.knob(), hold.found);
        if knob.facts.reach == Reach::Thread && current != Some(began_on) {
            return self.abandon(knob, id, began_on);
        }
        let Some(ledger) = self.ledger(knob, began_on) else {
            return EndStatus::ThreadGone;
        };
        let control = pool.control();
        let Some(step) = ledger.leave(id, found, || control.save(found)) else {
            return EndStatus::ThreadGone;
        };
        let was_last = ledger.is_empty();
        match step {
            Step::Nothing if was_last => EndStatus::Restored,
            Step::Leave { expected } => EndStatus::Left { expected, found },
            Step::Nothing => EndStatus::Held { threads: found },
            Step::Set(threads) => {
                control.set_threads(threads);
                EndStatus::Held { threads }
            }
            Step::Restore(saved) => {
                control.restore(saved);
                if !was_last {
                    ledger.note(control.threads());
                }
                EndStatus::Restored
            }
        }
    }

    /// Ends a claim on another thread's value, which that thread settles.
    fn abandon(&mut self, knob: &LoadedPool, id: ScopeId, began_on: ThreadRef) -> EndStatus {
        let Some(thread) = self.threads.get(began_on) else {
            return EndStatus::ThreadGone;
        };
        if !thread.ledgers.get(knob.id).forget(id) {
            return EndStatus::ThreadGone;
        }
        thread.unsettled = true;
        EndStatus::OtherThread
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
                let pool = &self.catalog.pools()[step.pool];
                let reach = pool.knob().facts.reach;
                pool.id > late.seen[reach as usize] && (own || reach == Reach::Process)
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
    pub(crate) fn late_holds(&self, id: ScopeId) -> impl Iterator<Item = (&LoadedPool, &Hold)> {
        let own = self.late.iter().filter(move |late| late.id == id);
        own.flat_map(|late| &late.holds).flat_map(Holds::iter)
    }

    /// Changes the baseline: the values outside every scope.
    ///
    /// # Errors
    /// As [`Registry::enter`].
    pub(crate) fn set_baseline(
        &mut self,
        request: &Request,
        thread: ThreadRef,
    ) -> Result<(Holds, Vec<Selector>)> {
        self.refresh(Some(thread))?;
        let Plan { steps, unmatched } = plan(request, self.catalog.pools())?;
        let mut holds = Holds::new(self.catalog.snapshot(), &steps);
        for (pool, hold) in holds.iter_mut() {
            if hold.may_claim(pool) {
                self.set_one_baseline(pool, hold, thread);
            }
            hold.observe(pool);
        }
        Ok((holds, unmatched))
    }

    fn set_one_baseline(&mut self, pool: &LoadedPool, hold: &mut Hold, thread: ThreadRef) {
        let Some(ledger) = self.ledger(pool.knob(), thread) else {
            return;
        };
        hold.claimed = true;
        if ledger.is_holding() {
            ledger.set_baseline(Saved(hold.requested));
            hold.standing = Standing::Shared;
        } else {
            let control = pool.control();
            control.set_threads(hold.requested);
            ledger.note(control.threads());
            ledger.set_baseline(control.save(hold.requested));
        }
    }

    /// Sets a pool at once, as if its scopes had done it.
    ///
    /// # Errors
    /// As [`Catalog::refresh`].
    pub(crate) fn set_threads(
        &mut self,
        id: u32,
        threads: c_int,
        thread: ThreadRef,
    ) -> Result<bool> {
        self.refresh(Some(thread))?;
        let Some(pool) = self
            .catalog
            .pools()
            .iter()
            .find(|pool| pool.id == id)
            .cloned()
        else {
            return Ok(false);
        };
        pool.control().set_threads(threads);
        let observed = pool.threads();
        if let Some(ledger) = self.ledger(pool.knob(), thread)
            && !ledger.is_empty()
        {
            ledger.note_change();
            ledger.note(observed);
        }
        Ok(true)
    }

    /// Whether pools wait to be put right after a fork.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.unsettled
    }

    /// In a forked child: drops the scopes of threads that don't exist here.
    pub(crate) fn forked(&mut self, survivor: Option<ThreadRef>) {
        let key = survivor.map_or(0, |thread| thread.key);
        self.threads.keep_only(survivor);
        self.late.retain(|late| Some(late.thread) == survivor);
        for (_, ledger) in self.process.iter_mut() {
            self.unsettled |= ledger.keep_only_thread(key);
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
