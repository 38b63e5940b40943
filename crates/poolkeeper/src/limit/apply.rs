//! Carrying plans out on the pools, and taking them back.

use crate::Result;
use crate::discover::{LoadedPool, knob};
use crate::limit::claim::{Claim, Rule, ScopeId};
use crate::limit::end_status::EndStatus;
use crate::limit::hold::{Held, Hold, Holds, Standing};
use crate::limit::ledger::{Because, Step};
use crate::limit::live::{Late, LiveScope};
use crate::limit::plan::{Plan, PlanStep, plan};
use crate::limit::registry::{Live, Registry};
use crate::limit::request::{Request, Selector, WITNESS};
use crate::limit::threads::ThreadRef;
use crate::model::Reach;
use crate::runtimes::Saved;
use libc::c_int;

impl Registry {
    /// Begins a scope on `thread`.
    ///
    /// # Errors
    /// Those of [`plan`]; no pool has been touched then.
    pub(crate) fn enter(&mut self, request: &Request, thread: ThreadRef) -> Result<Live> {
        let Plan { steps, unmatched } = plan(request, self.catalog.pools())?;
        self.last_scope += 1;
        let id = self.last_scope;
        let holds = self.take_holds(&steps, id, thread, request);
        let newest = self.catalog.last_id();
        let late = request.late.then(|| Late {
            request: request.clone(),
            seen: [newest; 2],
            holds: Vec::new(),
        });
        self.covering(usize::from(late.is_some()), 0);
        self.live.push(id, LiveScope { thread, late });
        Ok(Live {
            id,
            thread,
            holds,
            late: Vec::new(),
            unmatched,
            is_notable: false,
        })
    }

    /// Carries steps out: reads every pool, then sets every pool, then reads
    /// every pool back, because one may pass its number on to the next
    /// (FlexiBLAS to its backend).
    pub(crate) fn take_holds(
        &mut self,
        steps: &[PlanStep],
        id: ScopeId,
        thread: ThreadRef,
        request: &Request,
    ) -> Holds {
        let mut holds = Holds::new(self.catalog.snapshot(), steps);
        for (held, hold) in holds.iter_mut() {
            if hold.may_claim(held) {
                let claim = Claim {
                    scope: id,
                    thread: thread.key,
                    threads: hold.requested,
                    rule: rule_of(hold, request, thread),
                };
                self.claim(held, hold, claim, thread);
            }
        }
        holds.follow();
        for (held, hold) in holds.iter_mut() {
            hold.observe(held);
            if hold.claimed
                && let Some(ledger) = self.ledger(held.knob, thread)
            {
                ledger.note(hold.observed);
            }
        }
        holds
    }

    fn claim(&mut self, held: Held<'_>, hold: &mut Hold, mut claim: Claim, thread: ThreadRef) {
        let Some(ledger) = self.ledger(held.knob, thread) else {
            return;
        };
        let control = held.control();
        let mut present = hold.before;
        if claim.threads <= 0 && hold.requested != WITNESS {
            // Only the runtime knows what this means.
            control.set_threads(claim.threads);
            present = control.threads();
            claim.threads = present;
        }
        let joined = ledger.join(hold.before, hold.saved(), claim);
        let target = joined.threads;
        let limits = hold.requested != WITNESS && held.knob.facts.follows;
        if target != present || limits {
            control.set_threads(target);
        }
        if target != hold.before || limits {
            ledger.note_change();
        }
        hold.claimed = true;
        hold.raises = claim.rule == Rule::Force;
        if target != claim.threads && hold.requested != WITNESS {
            hold.standing = match joined.because {
                Because::Claim => Standing::Shared,
                Because::Ceiling => Standing::Below,
            };
        }
    }

    /// Ends a scope from whichever thread this is; fills in each hold's end.
    pub(crate) fn leave(&mut self, live: &mut Live, current: Option<ThreadRef>) {
        if self.part_with(live) {
            self.end_holds(live, current);
        } else {
            // It was dropped by a fork; its pools may be gone.
            live.is_notable = EndStatus::ThreadGone.is_notable();
            live.holds_mut()
                .for_each(|(_, hold)| hold.end = Some(EndStatus::ThreadGone));
        }
        if self.is_unsettled(current) {
            self.settle_all(current);
        }
    }

    fn end_holds(&mut self, live: &mut Live, current: Option<ThreadRef>) {
        let (id, began_on) = (live.id, live.thread);
        for holds in live.groups_mut() {
            for (held, hold) in holds.iter_mut() {
                hold.found = held.control().threads();
            }
        }
        let (mut is_held, mut is_notable) = (false, false);
        for holds in live.groups_mut().rev() {
            for (held, hold) in holds.iter_mut().rev() {
                let end = self.let_go(held, hold, id, began_on, current);
                is_held |= matches!(end, EndStatus::Held { .. });
                is_notable |= end.is_notable();
                hold.end = Some(end);
            }
        }
        live.is_notable = is_notable;
        if !is_held {
            return;
        }
        for (held, hold) in live.holds_mut().filter(|(_, hold)| hold.claimed) {
            if let Some(EndStatus::Held { threads }) = &mut hold.end
                && let Some(ledger) = self.ledger(held.knob, began_on)
            {
                *threads = held.control().threads();
                ledger.note(*threads);
            }
        }
    }

    /// Ends a scope, and leaves its values as they are.
    pub(crate) fn keep(&mut self, live: &mut Live) {
        if !self.part_with(live) {
            return;
        }
        for (held, _) in live.holds().filter(|(_, hold)| hold.claimed) {
            if let Some(ledger) = self.ledger(held.knob, live.thread) {
                ledger.keep(live.id);
            }
        }
    }

    /// The scope ends, and covers nothing any more; says whether it was live.
    fn part_with(&mut self, live: &mut Live) -> bool {
        let Some(covers) = self.live.end(live.id, &mut live.late) else {
            return false;
        };
        self.covering(0, usize::from(covers));
        true
    }

    fn let_go(
        &mut self,
        held: Held<'_>,
        hold: &Hold,
        id: ScopeId,
        began_on: ThreadRef,
        current: Option<ThreadRef>,
    ) -> EndStatus {
        if !hold.claimed {
            return EndStatus::Restored;
        }
        let (knob, found) = (held.knob, hold.found);
        if knob.facts.reach == Reach::Thread && current != Some(began_on) {
            return self.abandon(knob, id, began_on);
        }
        let Some(ledger) = self.ledger(knob, began_on) else {
            return EndStatus::ThreadGone;
        };
        let control = held.control();
        let Some(step) = ledger.leave(id, found, || held.save(found)) else {
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

    /// Changes the baseline: the values outside every scope.
    ///
    /// # Errors
    /// As [`Registry::enter`].
    pub(crate) fn set_baseline(
        &mut self,
        request: &Request,
        thread: ThreadRef,
    ) -> Result<(Holds, Vec<Selector>)> {
        request.check_counts()?;
        let Plan { steps, unmatched } = plan(request, self.catalog.pools())?;
        let mut holds = Holds::new(self.catalog.snapshot(), &steps);
        for (held, hold) in holds.iter_mut() {
            if hold.may_claim(held) {
                self.set_one_baseline(held, hold, thread);
            }
            hold.observe(held);
        }
        Ok((holds, unmatched))
    }

    fn set_one_baseline(&mut self, held: Held<'_>, hold: &mut Hold, thread: ThreadRef) {
        let Some(ledger) = self.ledger(held.knob, thread) else {
            return;
        };
        hold.claimed = true;
        if ledger.is_holding() {
            ledger.set_baseline(Saved::threads(hold.requested));
            hold.standing = Standing::Shared;
        } else {
            let control = held.control();
            control.set_threads(hold.requested);
            ledger.set_now(held.save(hold.requested), control.threads());
        }
    }

    /// Sets a pool at once, as if its scopes had done it; says whether there is one.
    pub(crate) fn set_threads(&mut self, id: u32, threads: c_int, thread: ThreadRef) -> bool {
        let pools = self.catalog.snapshot();
        let Some(index) = pools.iter().position(|pool| pool.id == id) else {
            return false;
        };
        let knob = &pools[knob(&pools, index)];
        knob.control().set_threads(threads);
        let observed = knob.threads();
        if let Some(ledger) = self.ledger(knob, thread)
            && !ledger.is_empty()
        {
            ledger.note_change();
            ledger.note(observed);
        }
        true
    }
}

/// How a hold's claim stands to others.
fn rule_of(hold: &Hold, request: &Request, thread: ThreadRef) -> Rule {
    match request.rule {
        rule if hold.requested != WITNESS => rule,
        Rule::Innermost(context) => Rule::Witness(context),
        Rule::Keep | Rule::Force | Rule::Witness(_) => Rule::Witness(thread.key),
    }
}
