//! The helper: what the program's libraries are, and what is wrong with them.

use super::args::JudgeArgs;
use super::text;
use crate::{EXIT_OK, commands};
use poolkeeper::Pool;
use poolkeeper_simulate::{Observation, Starter};
use serde::Serialize;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::path::Path;

/// Reads an observation from standard input, and writes the report.
pub(crate) fn judge(
    arguments: &JudgeArgs,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<i32> {
    let seen: Observation = serde_json::from_reader(io::stdin().lock())?;
    commands::load_all(&seen.libraries, err)?;
    let pools = poolkeeper::pools().map_err(io::Error::other)?;
    let judged = Judged::new(&seen, pools);
    write!(out, "{}", judged.in_words(arguments.json)?)?;
    Ok(EXIT_OK)
}

/// The report of a run whose libraries can't be loaded again.
pub(super) fn without_pools(seen: &Observation, json: bool) -> io::Result<String> {
    Judged::new(seen, Vec::new()).in_words(json)
}

/// An observation with what its libraries are.
#[derive(Debug, Serialize)]
pub(super) struct Judged<'run> {
    #[serde(flatten)]
    pub(super) seen: &'run Observation,
    /// The pools among them.
    pub(super) pools: Vec<Used>,
    /// What else started threads.
    pub(super) others: Vec<Starter>,
}

/// A pool and what the program did with it.
#[derive(Debug, Serialize)]
pub(super) struct Used {
    /// What it is; its thread count is what it would begin with on that machine.
    #[serde(flatten)]
    pub(super) pool: Pool,
    /// The most threads that it had started in one process, beside the calling one.
    pub(super) started: u32,
    /// The largest thread count of an OpenBLAS at that time.
    pub(super) openblas_threads: Option<u32>,
}

impl<'run> Judged<'run> {
    fn new(seen: &'run Observation, pools: Vec<Pool>) -> Self {
        let used = |pool: Pool| {
            let most = most_of(seen, &pool.filepath);
            Used::new(pool, most)
        };
        let pools: Vec<Used> = pools.into_iter().map(used).collect();
        let mut others: Vec<Starter> = Vec::new();
        let all = seen.processes.iter().flat_map(|process| &process.starters);
        for starter in all {
            let is_pool = pools.iter().any(|used| used.pool.filepath == starter.path);
            if !is_pool && others.iter().all(|other| other.path != starter.path) {
                others.extend(most_of(seen, &starter.path));
            }
        }
        Judged {
            seen,
            pools,
            others,
        }
    }

    fn in_words(&self, json: bool) -> io::Result<String> {
        if json {
            return Ok(serde_json::to_string_pretty(self)? + "\n");
        }
        Ok(text::text(self))
    }
}

impl Used {
    fn new(mut pool: Pool, most: Option<Starter>) -> Self {
        let started = most.as_ref().map_or(0, |starter| starter.peak);
        if pool.capacity.is_some() {
            pool.capacity = pool.max_threads.map(|most| capacity(most, started));
        }
        Used {
            pool,
            started,
            openblas_threads: most.and_then(|starter| starter.openblas_threads),
        }
    }
}

/// The callers that an OpenBLAS on pthreads survives that has ever had so many
/// workers: it has 2 x MAX_THREADS buffers, one is its own, and each worker keeps
/// one for as long as it lives, whatever the limit is later (`benches/capacity.py`
/// measures it).
fn capacity(most: NonZeroU32, workers: u32) -> u32 {
    (2 * most.get()).saturating_sub(workers + 1)
}

/// Of all processes, the starter of that file with the most threads.
fn most_of(seen: &Observation, path: &Path) -> Option<Starter> {
    let of_process = seen.processes.iter().filter_map(|process| {
        let starters = process
            .starters
            .iter()
            .filter(|starter| starter.path == path);
        starters.cloned().reduce(sum)
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
