//! What one scope has to do with each pool.

use crate::catalog::Snapshot;
use crate::discover::LoadedPool;
use crate::limit::end_status::EndStatus;
use crate::limit::plan::{PlanStep, Role};
use crate::runtimes::{Control, Fixed, Saved};
use libc::c_int;
use std::sync::Arc;

/// What a scope has to do with one pool.
pub(crate) struct Hold {
    /// The places in the snapshot of the pool and of the one that decides for it.
    pool: u16,
    knob: u16,
    pub(crate) role: Role,
    pub(crate) requested: c_int,
    pub(crate) before: c_int,
    /// The setting that it was before.
    saved: Saved,
    pub(crate) observed: c_int,
    /// The most threads that other code's numbers left the pool before, and when it was
    /// observed.
    bounds: [c_int; 2],
    /// What was found when the scope ended.
    pub(crate) found: c_int,
    pub(crate) standing: Standing,
    /// Whether this hold has a claim in the ledger.
    pub(crate) claimed: bool,
    /// Whether its claim is one that may raise the number.
    pub(crate) raises: bool,
    pub(crate) end: Option<EndStatus>,
}

/// How a hold stands: the short form of an outcome's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Applied,
    /// It had fewer threads, and keeps them.
    Below,
    Clamped,
    Shared,
    /// The runtime can't be set: its facts say why.
    Fixed,
    /// The pool that decides for this one is set to something else.
    Yields,
    /// The thread is being torn down.
    NoThread,
}

/// A pool, and the one whose thread count decides for it (often itself).
#[derive(Clone, Copy)]
pub(crate) struct Held<'a> {
    pub(crate) pool: &'a LoadedPool,
    pub(crate) knob: &'a LoadedPool,
}

impl<'a> Held<'a> {
    pub(crate) fn control(self) -> &'a dyn Control {
        self.knob.control()
    }

    /// Its present setting, where it has `threads`.
    pub(crate) fn save(self, threads: c_int) -> Saved {
        saved(self.knob, threads)
    }

    /// Why its thread count can't be set, if it can't.
    pub(crate) fn fixed(self) -> Option<Fixed> {
        self.knob.facts.fixed.or(self.pool.facts.fixed)
    }
}

/// A pool's present setting, where it has `threads`.
fn saved(pool: &LoadedPool, threads: c_int) -> Saved {
    if pool.facts.is_plain {
        Saved::threads(threads)
    } else {
        pool.control().save(threads)
    }
}

impl Hold {
    /// The setting that the pool had before.
    pub(crate) fn saved(&self) -> Saved {
        self.saved
    }

    fn new(step: &PlanStep, pools: &[Arc<LoadedPool>]) -> Self {
        let knob = &pools[usize::from(step.knob)];
        let before = knob.threads();
        Hold {
            pool: step.pool,
            knob: step.knob,
            role: step.role,
            requested: step.threads,
            before,
            saved: saved(knob, before),
            observed: before,
            bounds: [knob.bound(); 2],
            found: 0,
            standing: Standing::Applied,
            claimed: false,
            raises: false,
            end: None,
        }
    }

    fn held<'a>(&self, pools: &'a [Arc<LoadedPool>]) -> Held<'a> {
        Held {
            pool: &pools[usize::from(self.pool)],
            knob: &pools[usize::from(self.knob)],
        }
    }

    /// Whether this hold is to claim its pool.
    pub(crate) fn may_claim(&self, held: Held<'_>) -> bool {
        self.role == Role::Claims && held.fixed().is_none()
    }

    /// Reads back what the pool has now, and settles how the hold stands.
    pub(crate) fn observe(&mut self, held: Held<'_>) {
        self.observed = held.control().threads();
        self.bounds[1] = held.knob.bound();
        let exceeds = self.observed > self.requested || self.observed <= 0;
        self.standing = if held.fixed().is_some() && exceeds {
            Standing::Fixed
        } else if held.fixed().is_some() && self.observed < self.requested {
            Standing::Below
        } else if held.fixed().is_some() {
            Standing::Applied
        } else if self.role == Role::Yields {
            Standing::Yields
        } else if self.role == Role::Claims && !self.claimed {
            Standing::NoThread
        } else if self.observed == self.requested {
            self.standing_beside_others()
        } else if matches!(self.standing, Standing::Shared | Standing::Below) {
            self.standing
        } else {
            Standing::Clamped
        };
    }
}

impl Hold {
    /// How a number that was set stands to those of other code, beside which it is.
    fn standing_beside_others(&self) -> Standing {
        if self.bounds[1] >= self.requested {
            Standing::Applied
        } else if self.raises {
            Standing::Clamped
        } else {
            Standing::Below
        }
    }

    /// The threads that the pool started before.
    pub(crate) fn used_before(&self, held: Held<'_>) -> c_int {
        held.knob.used(self.before).min(self.bounds[0])
    }

    /// The threads that it started when it was observed.
    pub(crate) fn used(&self, held: Held<'_>) -> c_int {
        held.knob.used(self.observed).min(self.bounds[1])
    }
}

/// The holds of one scope on the pools of one snapshot. The registry keeps them
/// loaded as long as a scope is live.
#[derive(Default)]
pub(crate) struct Holds {
    pools: Snapshot,
    // Not in place: a scope is moved several times before it is bound to a name.
    list: Vec<Hold>,
}

impl Holds {
    /// A hold for each step, with what each pool has now.
    pub(crate) fn new(pools: Snapshot, steps: &[PlanStep]) -> Self {
        let list = steps.iter().map(|step| Hold::new(step, &pools)).collect();
        Holds { pools, list }
    }

    /// A hold without a claim of its own stands as the one that claims its knob.
    pub(crate) fn follow(&mut self) {
        for place in 0..self.list.len() {
            let hold = &self.list[place];
            if hold.role != Role::Follows {
                continue;
            }
            let claims = |other: &&Hold| other.claimed && other.knob == hold.knob;
            if let Some(standing) = self.list.iter().find(claims).map(|other| other.standing) {
                self.list[place].standing = standing;
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Held<'_>, &Hold)> {
        self.list.iter().map(|hold| (hold.held(&self.pools), hold))
    }

    pub(crate) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (Held<'_>, &mut Hold)> {
        let pools = &self.pools;
        self.list.iter_mut().map(|hold| (hold.held(pools), hold))
    }
}
