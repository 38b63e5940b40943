//! What was seen of a run, with what its libraries are and what the doctor says.

use poolkeeper::Level;
use poolkeeper::Pool;
use poolkeeper::doctor::{Facts, PoolFacts, Report, diagnose};
use poolkeeper_simulate::{End, Observation, Starter};
use serde::Serialize;
use std::num::NonZeroU32;
use std::path::Path;

/// An observation with what its libraries are, and what the doctor says.
#[derive(Debug, Serialize)]
pub(super) struct Judged<'run> {
    #[serde(flatten)]
    pub(super) seen: &'run Observation,
    /// The pools among the libraries.
    pub(super) pools: Vec<Used>,
    /// What else started threads.
    pub(super) others: Vec<Starter>,
    /// The findings about this run on that machine; `None` if the libraries
    /// can't be loaded again.
    pub(super) doctor: Option<Report>,
}

/// A pool and what the program did with it.
#[derive(Debug, Serialize)]
pub(super) struct Used {
    /// What it is. Its thread count is what it would begin with on that machine,
    /// its capacity what was left with the threads that it started.
    #[serde(flatten)]
    pub(super) pool: Pool,
    /// The most threads that it had started in one process, beside the calling one:
    /// of two pools in one file, both together.
    pub(super) started: u32,
    /// The largest thread count of an OpenBLAS at that time.
    pub(super) openblas_threads: Option<u32>,
}

impl<'run> Judged<'run> {
    pub(super) fn new(seen: &'run Observation, mut facts: Facts) -> Self {
        let pools = facts.pools.iter().map(|found| Used::new(seen, found));
        let pools: Vec<Used> = pools.collect();
        as_it_ran(&mut facts, &pools);
        let part = (!seen.is_complete).then(|| "not every thread was counted".to_owned());
        facts
            .unseen
            .splice(0..0, early_end(seen, &pools).into_iter().chain(part));
        let others = others(seen, &pools);
        let own = others.iter().filter(|starter| is_program(&starter.path));
        facts.own_threads = own.map(|starter| starter.peak).max().unwrap_or(0);
        Judged {
            seen,
            others,
            pools,
            doctor: Some(diagnose(&facts)),
        }
    }
}

impl Used {
    fn new(seen: &Observation, found: &PoolFacts) -> Self {
        let mut pool = found.pool.clone();
        let most = most_of(seen, &pool.filepath);
        let started = most.as_ref().map_or(0, |starter| starter.peak);
        pool.capacity = pool.capacity_beside(started);
        Used {
            pool,
            started,
            openblas_threads: most.and_then(|starter| starter.openblas_threads),
        }
    }
}

/// The facts of the run: threads as they were, not as they would begin. A pool
/// that started none ran on the calling thread. A BLAS had the count that was
/// seen when the OpenMP threads around it were the most.
fn as_it_ran(facts: &mut Facts, pools: &[Used]) {
    facts.cpus.is_pretended = true;
    facts.cpus.source = "the pretended machine".to_owned();
    let openmp = pools.iter().filter(|used| used.pool.level == Level::Openmp);
    let around = openmp
        .filter(|used| used.openblas_threads.is_some())
        .max_by_key(|used| used.started)
        .filter(|used| used.started > 0);
    for (found, used) in facts.pools.iter_mut().zip(pools) {
        let seen = around.and_then(|around| around.openblas_threads);
        let threads = match seen {
            Some(seen) if used.pool.level == Level::Blas => seen.min(used.started + 1),
            _ => used.started + 1,
        };
        let threads = NonZeroU32::new(threads);
        let file = &used.pool.filepath;
        let shares_file = pools
            .iter()
            .filter(|other| other.pool.filepath == *file)
            .count()
            > 1;
        found.pool.num_threads = match found.pool.num_threads {
            // Nobody knows which of them the threads were.
            Some(begins) if shares_file => threads.map(|threads| threads.min(begins)),
            _ => threads,
        };
        found.pool.capacity = used.pool.capacity;
        found.workers = used.started;
    }
}

/// What an end that was no good one leaves open.
fn early_end(seen: &Observation, pools: &[Used]) -> Option<String> {
    match &seen.end {
        End::Killed { name, .. } => Some(format!("the program was killed by {name}")),
        End::Exited { code: 0 } => None,
        End::Exited { .. } if !pools.is_empty() => None,
        End::Exited { code } => Some(format!(
            "the program ended with exit code {code}, and had loaded no thread pool"
        )),
    }
}

/// Whether threads of this file are the program's own, and no library's pool:
/// the program itself or Python.
fn is_program(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("libpython") || !name.contains(".so")
}

/// What started threads and is none of these pools.
pub(super) fn others(seen: &Observation, pools: &[Used]) -> Vec<Starter> {
    let mut others: Vec<Starter> = Vec::new();
    for starter in seen.processes.iter().flat_map(|process| &process.starters) {
        let is_pool = pools.iter().any(|used| used.pool.filepath == starter.path);
        if !is_pool && others.iter().all(|other| other.path != starter.path) {
            others.extend(most_of(seen, &starter.path));
        }
    }
    others
}

/// Of all processes, the starter of that file with the most threads.
fn most_of(seen: &Observation, path: &Path) -> Option<Starter> {
    let of_process = seen.processes.iter().filter_map(|process| {
        let starters = process.starters.iter();
        let of_file = starters.filter(|starter| starter.path == path);
        of_file.cloned().reduce(sum)
    });
    of_process.max_by_key(|starter| starter.peak)
}

/// Two start routines of one library, in one process.
fn sum(one: Starter, other: Starter) -> Starter {
    Starter {
        peak: one.peak + other.peak,
        made: one.made + other.made,
        is_openblas: one.is_openblas || other.is_openblas,
        openblas_threads: one.openblas_threads.max(other.openblas_threads),
        path: one.path,
    }
}
