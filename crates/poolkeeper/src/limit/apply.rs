//! The registry of live scopes: carries plans out on the pools.

use crate::Result;
use crate::discover::{Catalog, LoadedPool};
use crate::limit::ledger::{Claim, ScopeId, Step};
use crate::limit::outcome::{EndStatus, Status};
use crate::limit::plan::{INLINE, Plan, PlanStep, Role, plan};
use crate::limit::request::{Request, Selector};
use crate::limit::threads::{Ledgers, ThreadRef, Threads};
use crate::model::Reach;
use crate::runtimes::Saved;
use libc::c_int;
use smallvec::SmallVec;
use std::sync::Arc;

/// What a scope has to do with one pool.
pub(crate) struct Hold {
    pub(crate) pool: Arc<LoadedPool>,
    pub(crate) requested: u32,
    pub(crate) before: c_int,
    pub(crate) observed: c_int,
    pub(crate) status: Status,
    /// Whether this hold has a claim in the ledger.
    pub(crate) claimed: bool,
    pub(crate) end: Option<EndStatus>,
}

pub(crate) type Holds = SmallVec<[Hold; INLINE]>;

/// A live scope, as the registry knows it.
pub(crate) struct Live {
    pub(crate) id: ScopeId,
    pub(crate) thread: ThreadRef,
    pub(crate) holds: Holds,
    pub(crate) unmatched: Vec<Selector>,
}

/// A live scope that covers what is loaded while it lives.
struct LateScope {
    id: ScopeId,
    thread: ThreadRef,
    request: Request,
    /// The last pools that were looked at for it, by reach.
    seen: [u32; 2],
    holds: Holds,
}

/// Everything that is shared by the scopes of the process.
#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) catalog: Catalog,
    pub(crate) threads: Threads,
    process: Ledgers,
    late: Vec<LateScope>,
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
    pub(crate) fn refresh(&mut self, thread: Option<ThreadRef>) -> Result<()> {
        let changed = self.catalog.refresh()?;
        self.settle_all(changed, thread);
        Ok(())
    }

    /// The same, letting go of libraries that the program has closed.
    ///
    /// # Errors
    /// As [`Catalog::refresh`].
    pub(crate) fn refresh_and_let_go(&mut self, thread: Option<ThreadRef>) -> Result<()> {
        let changed = self.catalog.refresh_and_let_go()?;
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
        let id = self.last_scope;
        let holds = self.take_holds(&steps, id, thread, request);
        if request.late {
            let newest = self.newest();
            self.late.push(LateScope {
                id,
                thread,
                request: request.clone(),
                seen: [newest; 2],
                holds: Holds::new(),
            });
        }
        Ok(Live {
            id,
            thread,
            holds,
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

    /// Carries steps out: first reads every pool, then sets every pool, so that
    /// a pool that passes its number on (FlexiBLAS) does not change what is
    /// found in the next.
    fn take_holds(
        &mut self,
        steps: &[PlanStep],
        id: ScopeId,
        thread: ThreadRef,
        request: &Request,
    ) -> Holds {
        let found = |step: &PlanStep| {
            let pool = &self.catalog.pools()[step.pool];
            let before = pool.threads();
            Hold {
                pool: Arc::clone(pool),
                requested: step.threads,
                before,
                observed: before,
                status: Status::Applied,
                claimed: false,
                end: None,
            }
        };
        let mut holds: Holds = steps.iter().map(found).collect();
        let saved: SmallVec<[Saved; INLINE]> = holds
            .iter()
            .map(|hold| hold.pool.control().save())
            .collect();
        for ((hold, step), saved) in holds.iter_mut().zip(steps).zip(saved) {
            if step.role == Role::Claims && hold.pool.control().fixed().is_none() {
                let claim = Claim {
                    scope: id,
                    thread: thread.key,
                    threads: step.threads as c_int,
                    rule: request.rule,
                    overridden: false,
                };
                self.claim(hold, claim, saved, thread);
            }
        }
        for (hold, step) in holds.iter_mut().zip(steps) {
            observe(hold, step.role);
        }
        holds
    }

    fn claim(&mut self, hold: &mut Hold, claim: Claim, saved: Saved, thread: ThreadRef) {
        let knob = hold.pool.knob();
        let Some(ledgers) = ledgers(&mut self.process, &mut self.threads, knob, thread) else {
            return;
        };
        let ledger = ledgers.get(knob.id);
        let target = ledger.join(hold.before, || saved, claim);
        if target != hold.before {
            hold.pool.control().set_threads(target);
            ledger.set_to(hold.pool.threads());
        }
        hold.claimed = true;
        if target != claim.threads {
            hold.status = Status::Shared;
        }
    }

    /// Ends a scope from whichever thread this is; fills in each hold's end.
    pub(crate) fn leave(&mut self, live: &mut Live, current: Option<ThreadRef>) {
        if let Some(position) = self.late.iter().position(|late| late.id == live.id) {
            live.holds.extend(self.late.remove(position).holds);
        }
        for hold in live.holds.iter_mut().rev() {
            hold.end = Some(self.let_go(hold, live.id, live.thread, current));
        }
    }

    fn let_go(
        &mut self,
        hold: &Hold,
        id: ScopeId,
        began_on: ThreadRef,
        current: Option<ThreadRef>,
    ) -> EndStatus {
        if !hold.claimed {
            return EndStatus::Restored;
        }
        let knob = hold.pool.knob();
        if knob.facts.reach == Reach::Thread && current != Some(began_on) {
            return self.abandon(knob, id, began_on);
        }
        let Some(ledgers) = ledgers(&mut self.process, &mut self.threads, knob, began_on) else {
            return EndStatus::ThreadGone;
        };
        let ledger = ledgers.get(knob.id);
        let control = hold.pool.control();
        let found = control.threads();
        let Some(step) = ledger.leave(id, found, || control.save()) else {
            return EndStatus::ThreadGone;
        };
        match step {
            Step::Nothing if ledger.is_empty() => EndStatus::Restored,
            Step::Nothing => EndStatus::Held { threads: found },
            Step::Leave { expected } => EndStatus::Left { expected, found },
            Step::Set(threads) => {
                control.set_threads(threads);
                let threads = control.threads();
                ledger.set_to(threads);
                EndStatus::Held { threads }
            }
            Step::Restore(saved) => {
                control.restore(saved);
                ledger.restored_to(control.threads());
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
            let holds = self.take_holds(&steps, late.id, late.thread, &late.request);
            late.holds.extend(holds);
            late.seen[Reach::Process as usize] = newest;
            if own {
                late.seen[Reach::Thread as usize] = newest;
            }
            self.late.push(late);
        }
    }

    /// What late scopes have taken hold of since they began.
    pub(crate) fn late_holds(&self, id: ScopeId) -> impl Iterator<Item = &Hold> {
        self.late
            .iter()
            .filter(move |late| late.id == id)
            .flat_map(|late| &late.holds)
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
        let mut holds = Holds::new();
        for step in &steps {
            let pool = Arc::clone(&self.catalog.pools()[step.pool]);
            let before = pool.threads();
            let mut hold = Hold {
                pool,
                requested: step.threads,
                before,
                observed: before,
                status: Status::Applied,
                claimed: false,
                end: None,
            };
            if step.role == Role::Claims && hold.pool.control().fixed().is_none() {
                self.set_one_baseline(&mut hold, thread);
            }
            observe(&mut hold, step.role);
            holds.push(hold);
        }
        Ok((holds, unmatched))
    }

    fn set_one_baseline(&mut self, hold: &mut Hold, thread: ThreadRef) {
        let knob = hold.pool.knob();
        let Some(ledgers) = ledgers(&mut self.process, &mut self.threads, knob, thread) else {
            return;
        };
        let ledger = ledgers.get(knob.id);
        hold.claimed = true;
        if ledger.is_holding() {
            ledger.set_baseline(Saved(hold.requested as c_int));
            hold.status = Status::Shared;
        } else {
            hold.pool.control().set_threads(hold.requested as c_int);
            ledger.restored_to(hold.pool.threads());
        }
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

/// The ledgers in which a pool's claims of that thread are kept; `None` if the
/// thread is gone.
fn ledgers<'a>(
    process: &'a mut Ledgers,
    threads: &'a mut Threads,
    pool: &LoadedPool,
    thread: ThreadRef,
) -> Option<&'a mut Ledgers> {
    match pool.facts.reach {
        Reach::Process => Some(process),
        Reach::Thread => threads.get(thread).map(|thread| &mut thread.ledgers),
    }
}

/// Puts pools right whose claims were ended where they could not be set.
fn settle(ledgers: &mut Ledgers, pools: &[Arc<LoadedPool>]) {
    for (id, ledger) in ledgers.iter_mut() {
        let Some(pool) = pools.iter().find(|pool| pool.id == id) else {
            continue;
        };
        let control = pool.control();
        match ledger.settle(control.threads(), || control.save()) {
            Step::Nothing | Step::Leave { .. } => {}
            Step::Set(threads) => {
                control.set_threads(threads);
                ledger.set_to(control.threads());
            }
            Step::Restore(saved) => {
                control.restore(saved);
                ledger.restored_to(control.threads());
            }
        }
    }
}

/// Reads back what a pool has now, and names the outcome.
fn observe(hold: &mut Hold, role: Role) {
    hold.observed = hold.pool.threads();
    let within = hold.observed <= hold.requested as c_int;
    hold.status = match hold.pool.control().fixed() {
        Some(_) if within => Status::Applied,
        Some(why) => Status::Ignored(why.to_owned()),
        None if role == Role::Yields => Status::Ignored(format!(
            "it runs on the OpenMP runtime that this request sets to {}",
            hold.observed
        )),
        None if role == Role::Claims && !hold.claimed => {
            Status::Ignored("this thread is ending".to_owned())
        }
        None if hold.observed == hold.requested as c_int => Status::Applied,
        None if hold.status == Status::Shared => Status::Shared,
        None => Status::Clamped,
    };
}
