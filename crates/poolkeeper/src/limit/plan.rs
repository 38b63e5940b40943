//! A request and the loaded pools -> what to do with each: pure and printable.

use crate::discover::{LoadedPool, knob};
use crate::error::nearest;
use crate::limit::request::{Request, Selector, WITNESS};
use crate::{Error, Result};
use libc::c_int;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What to do with one pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PlanStep {
    /// Its place in the catalog.
    pub(crate) pool: u16,
    /// The place of the pool whose thread count decides for it.
    pub(crate) knob: u16,
    /// The most threads that the pool may use.
    pub(crate) threads: c_int,
    /// How the pool's own value comes about.
    pub(crate) role: Role,
}

/// How a step acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The pool, or the one that decides for it, gets a claim.
    Claims,
    /// Another step of this plan already claims the pool that decides for it.
    Follows,
    /// Another step for the pool that decides asked for a different number, and wins.
    Yields,
}

/// What a request means for the pools that are loaded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<PlanStep>,
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
    let mut rules = request.rules();
    if let (1, Some((Selector::All, threads))) = (rules.len(), rules.next()) {
        plan.steps
            .extend((0..pools.len()).map(|pool| step(pools, pool, threads)));
    } else {
        let rules = resolve_files(request, pools)?;
        for (index, pool) in pools.iter().enumerate() {
            let threads = most_specific(&rules, pool);
            plan.steps
                .extend(threads.map(|threads| step(pools, index, threads)));
        }
        let matches = |selector: &Selector| pools.iter().any(|pool| names(selector, pool));
        plan.unmatched = rules
            .into_iter()
            .map(|(s, _)| s)
            .filter(|s| !matches(s))
            .collect();
    }
    share_knobs(&mut plan.steps);
    Ok(plan)
}

fn step(pools: &[Arc<LoadedPool>], pool: usize, threads: c_int) -> PlanStep {
    PlanStep {
        pool: pool as u16,
        knob: knob(pools, pool) as u16,
        threads,
        role: Role::Claims,
    }
}

/// One claim for each thread count: a pool for which another one decides has no
/// claim of its own where the plan also names that one, or another such pool.
fn share_knobs(steps: &mut [PlanStep]) {
    if steps.iter().all(|step| step.knob == step.pool) {
        return;
    }
    for i in 0..steps.len() {
        let step = steps[i];
        let sharing = steps.iter().filter(|other| other.knob == step.knob);
        // A witness decides nothing where another step has a number.
        let claims = sharing
            .min_by_key(|other| (other.threads == WITNESS, other.pool != other.knob))
            .copied()
            .unwrap_or(step);
        if claims.pool != step.pool {
            let agree = step.threads == WITNESS || claims.threads == step.threads;
            steps[i].role = if agree { Role::Follows } else { Role::Yields };
        }
    }
}

/// Paths as the catalog writes them.
fn resolve_files(request: &Request, pools: &[Arc<LoadedPool>]) -> Result<Vec<(Selector, c_int)>> {
    let mut resolved: Vec<(Selector, c_int)> = Vec::new();
    for (selector, threads) in request.rules() {
        let selector = match selector {
            Selector::File(path) => Selector::File(pools[find_file(path, pools)?].filepath.clone()),
            other => other.clone(),
        };
        // Two spellings of one path.
        let earlier = resolved
            .iter()
            .find(|(s, t)| *s == selector && *t != threads);
        if let Some((_, first)) = earlier {
            let name = selector.to_string();
            return Err(Error::Conflict {
                name,
                first: *first,
                second: threads,
            });
        }
        resolved.push((selector, threads));
    }
    Ok(resolved)
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

/// Whether a selector names a pool.
pub(crate) fn names(selector: &Selector, pool: &LoadedPool) -> bool {
    rank(selector, pool).is_some()
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
