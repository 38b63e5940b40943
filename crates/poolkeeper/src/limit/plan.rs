//! A request and the loaded pools -> what to do with each: pure and printable.

use crate::discover::LoadedPool;
use crate::error::nearest;
use crate::limit::request::{Request, Selector};
use crate::{Error, Result};
use libc::c_int;
use smallvec::SmallVec;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most steps that need no allocation.
pub(crate) const INLINE: usize = 4;

/// What to do with one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlanStep {
    /// Its place in the catalog.
    pub(crate) pool: usize,
    /// At most so many threads.
    pub(crate) threads: c_int,
    /// How the pool's own value comes about.
    pub(crate) role: Role,
}

/// How a step acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The pool (or the OpenMP runtime it runs on) gets a claim.
    Claims,
    /// Another step of this plan already claims the runtime that it runs on.
    Follows,
    /// The same, with another number: the runtime's own number counts.
    Yields,
}

/// What a request means for the pools that are loaded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) steps: SmallVec<[PlanStep; INLINE]>,
    /// Selectors that no loaded pool answers to.
    pub(crate) unmatched: Vec<Selector>,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(
                f,
                "pool {}: at most {} ({:?})",
                step.pool, step.threads, step.role
            )?;
        }
        for selector in &self.unmatched {
            writeln!(f, "{selector}: not loaded")?;
        }
        Ok(())
    }
}

/// Decides what to do with each pool.
///
/// # Errors
/// Those of [`Request::check`], and [`Error::UnknownFile`] for a path that no
/// loaded pool has. Nothing has been done to any pool then.
pub(crate) fn plan(request: &Request, pools: &[Arc<LoadedPool>]) -> Result<Plan> {
    request.check()?;
    let mut plan = Plan::default();
    if let [(Selector::All, threads)] = request.rules() {
        let steps = 0..pools.len();
        plan.steps.extend(steps.map(|pool| step(pool, *threads)));
    } else {
        let rules = resolve_files(request.rules(), pools)?;
        for (index, pool) in pools.iter().enumerate() {
            plan.steps
                .extend(most_specific(&rules, pool).map(|threads| step(index, threads)));
        }
        let matches = |selector: &Selector| pools.iter().any(|pool| rank(selector, pool).is_some());
        plan.unmatched = rules
            .into_iter()
            .map(|(s, _)| s)
            .filter(|s| !matches(s))
            .collect();
    }
    share_openmp(&mut plan.steps, pools);
    Ok(plan)
}

fn step(pool: usize, threads: c_int) -> PlanStep {
    PlanStep {
        pool,
        threads,
        role: Role::Claims,
    }
}

/// A pool that runs on an OpenMP runtime which the plan also names has no claim
/// of its own: both would set the same variable.
fn share_openmp(steps: &mut [PlanStep], pools: &[Arc<LoadedPool>]) {
    for i in 0..steps.len() {
        let pool = &pools[steps[i].pool];
        if !pool.is_run_by_another() {
            continue;
        }
        let same = |other: &PlanStep| {
            let other = &pools[other.pool];
            other.id == pool.knob().id
        };
        // Two such pools on one runtime that isn't named: the first claims.
        let sibling = |other: &PlanStep| pools[other.pool].knob().id == pool.knob().id;
        let runtime = steps
            .iter()
            .find(|s| same(s))
            .or_else(|| steps[..i].iter().find(|s| sibling(s)));
        if let Some(runtime) = runtime {
            let agree = runtime.threads == steps[i].threads;
            steps[i].role = if agree { Role::Follows } else { Role::Yields };
        }
    }
}

/// Paths as the catalog writes them.
fn resolve_files(
    rules: &[(Selector, c_int)],
    pools: &[Arc<LoadedPool>],
) -> Result<Vec<(Selector, c_int)>> {
    let resolve = |(selector, threads): &(Selector, c_int)| {
        let selector = match selector {
            Selector::File(path) => Selector::File(pools[find_file(path, pools)?].filepath.clone()),
            other => other.clone(),
        };
        Ok((selector, *threads))
    };
    rules.iter().map(resolve).collect()
}

/// The place of the pool that lives in that file.
///
/// # Errors
/// [`Error::UnknownFile`] when there is none.
pub(crate) fn find_file(path: &Path, pools: &[Arc<LoadedPool>]) -> Result<usize> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if let Some(index) = pools.iter().position(|pool| pool.filepath == real) {
        return Ok(index);
    }
    let loaded: Vec<PathBuf> = pools.iter().map(|pool| pool.filepath.clone()).collect();
    let names: Vec<_> = loaded.iter().map(|path| path.to_string_lossy()).collect();
    let suggestion = nearest(&path.to_string_lossy(), names.iter().map(AsRef::as_ref));
    Err(Error::UnknownFile {
        path: path.to_owned(),
        suggestion,
        loaded,
    })
}

fn most_specific(rules: &[(Selector, c_int)], pool: &LoadedPool) -> Option<c_int> {
    let ranked = rules
        .iter()
        .filter_map(|(s, threads)| Some((rank(s, pool)?, *threads)));
    ranked
        .max_by_key(|(rank, _)| *rank)
        .map(|(_, threads)| threads)
}

/// How specifically a selector names a pool, if it does.
fn rank(selector: &Selector, pool: &LoadedPool) -> Option<u8> {
    let card = pool.runtime.card();
    let (matches, rank) = match selector {
        Selector::All => (true, 0),
        Selector::Level(level) => (card.level == *level, 1),
        Selector::Runtime(id) => (card.id == *id, 2),
        Selector::File(path) => (pool.filepath == *path, 3),
        Selector::Id(id) => (pool.id == *id, 4),
    };
    matches.then_some(rank)
}
