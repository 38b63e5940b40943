//! What one scope has to do with each pool.

use crate::discover::{LoadedPool, Snapshot};
use crate::limit::outcome::EndStatus;
use crate::limit::plan::{INLINE, PlanStep, Role};
use libc::c_int;
use smallvec::SmallVec;

/// What a scope has to do with one pool.
pub(crate) struct Hold {
    /// Its place in the snapshot.
    pool: u32,
    pub(crate) role: Role,
    pub(crate) requested: c_int,
    pub(crate) before: c_int,
    pub(crate) observed: c_int,
    /// What was found when the scope ended.
    pub(crate) found: c_int,
    pub(crate) standing: Standing,
    /// Whether this hold has a claim in the ledger.
    pub(crate) claimed: bool,
    pub(crate) end: Option<EndStatus>,
}

/// How a hold stands: the short form of an outcome's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Applied,
    Clamped,
    Shared,
    /// The runtime can't be set: its facts say why.
    Fixed,
    /// The OpenMP runtime that the pool runs on is set to something else.
    Yields,
    /// The thread is being torn down.
    NoThread,
}

impl Hold {
    fn new(step: &PlanStep, pool: &LoadedPool) -> Self {
        let before = pool.threads();
        Hold {
            pool: step.pool as u32,
            role: step.role,
            requested: step.threads,
            before,
            observed: before,
            found: 0,
            standing: Standing::Applied,
            claimed: false,
            end: None,
        }
    }

    /// Whether this hold is to claim its pool.
    pub(crate) fn may_claim(&self, pool: &LoadedPool) -> bool {
        self.role == Role::Claims && pool.facts.fixed.is_none()
    }

    /// Reads back what the pool has now, and settles how the hold stands.
    pub(crate) fn observe(&mut self, pool: &LoadedPool) {
        self.observed = pool.threads();
        self.standing = if pool.facts.fixed.is_some() && self.observed > self.requested {
            Standing::Fixed
        } else if pool.facts.fixed.is_some() {
            Standing::Applied
        } else if self.role == Role::Yields {
            Standing::Yields
        } else if self.role == Role::Claims && !self.claimed {
            Standing::NoThread
        } else if self.observed == self.requested {
            Standing::Applied
        } else if self.standing == Standing::Shared {
            Standing::Shared
        } else {
            Standing::Clamped
        };
    }
}

/// The holds of one scope on the pools of one snapshot. The registry keeps them
/// loaded as long as a scope is live.
pub(crate) struct Holds {
    pools: Snapshot,
    list: SmallVec<[Hold; INLINE]>,
}

impl Holds {
    /// A hold for each step, with what each pool has now.
    pub(crate) fn new(pools: Snapshot, steps: &[PlanStep]) -> Self {
        let list = steps
            .iter()
            .map(|step| Hold::new(step, &pools[step.pool]))
            .collect();
        Holds { pools, list }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&LoadedPool, &Hold)> {
        self.list
            .iter()
            .map(|hold| (&*self.pools[hold.pool as usize], hold))
    }

    pub(crate) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = (&LoadedPool, &mut Hold)> {
        let pools = &self.pools;
        self.list
            .iter_mut()
            .map(|hold| (&*pools[hold.pool as usize], hold))
    }
}
