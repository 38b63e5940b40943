//! The pools of any process, from its memory, without a call and without a stop.

use crate::discover::prefix;
use crate::model::{Pool, Reach};
use crate::platform::{Distant, DistantObject, inner_id};
use crate::runtimes::{Elsewhere, Runtime, count, recognising};
use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

/// A pool, and what decides its number.
struct Found {
    pool: Pool,
    is_on_openmp: bool,
    is_part: bool,
}

/// The pools of one process, looked at again and again.
pub(in crate::usage) struct PoolsOf {
    pid: u32,
    /// Objects that were looked at and have no pool, by where they lie.
    without: HashSet<(usize, PathBuf)>,
}

impl PoolsOf {
    pub(in crate::usage) fn new(pid: u32) -> Self {
        PoolsOf {
            pid,
            without: HashSet::new(),
        }
    }

    /// As [`pools_of`]; what had no pool before is passed over.
    ///
    /// # Errors
    /// Those of [`pools_of`].
    pub(in crate::usage) fn look(&mut self) -> io::Result<Vec<Pool>> {
        pools(self.pid, &mut self.without)
    }
}

/// The pools that a process has loaded, recognised by the symbols of its objects as in
/// this process.
///
/// # Errors
/// The process is gone, or another user's, or its memory can't be read.
pub(in crate::usage) fn pools_of(pid: u32) -> io::Result<Vec<Pool>> {
    pools(pid, &mut HashSet::new())
}

fn pools(pid: u32, without: &mut HashSet<(usize, PathBuf)>) -> io::Result<Vec<Pool>> {
    let distant = Distant::of(pid, inner_id(pid, pid).unwrap_or(pid))?;
    let mut found: Vec<Found> = Vec::new();
    let mut those_without = HashSet::new();
    for place in distant.places() {
        let key = (place.start, place.file.to_owned());
        let is_new = !without.contains(&key);
        let those = is_new.then(|| place.object()).flatten();
        let those = those.map_or_else(Vec::new, |object| recognised(&object));
        if those.is_empty() {
            those_without.insert(key);
        }
        found.extend(those);
    }
    *without = those_without;
    let wholes: Vec<&str> = found
        .iter()
        .filter(|one| !one.is_part)
        .map(|one| one.pool.runtime)
        .collect();
    found.retain(|one| !one.is_part || !wholes.contains(&one.pool.runtime));
    follow_openmp(&mut found);
    let mut pools: Vec<Pool> = found.into_iter().map(|one| one.pool).collect();
    for (index, pool) in pools.iter_mut().enumerate() {
        pool.id = index as u32 + 1;
    }
    Ok(pools)
}

/// The runtimes in an object.
fn recognised(object: &DistantObject<'_>) -> Vec<Found> {
    let Some(symbols) = object.symbols() else {
        return Vec::new();
    };
    recognising(&symbols)
        .filter_map(|runtime| {
            let told = runtime.elsewhere(object);
            (!told.is_unused).then(|| Found {
                is_on_openmp: told.is_on_openmp,
                is_part: runtime.is_part(&symbols),
                pool: pool(runtime, object, told),
            })
        })
        .collect()
}

fn pool(runtime: &dyn Runtime, object: &DistantObject<'_>, told: Elsewhere) -> Pool {
    let card = runtime.card();
    let usual = match card.reach.split([':', ' ']).next() {
        Some("thread") => Reach::Thread,
        Some("none") => Reach::None,
        _ => Reach::Process,
    };
    let usual = if told.is_on_openmp {
        Reach::Thread
    } else {
        usual
    };
    Pool {
        id: 0,
        user_api: card.level.name(),
        internal_api: card.internal_api,
        num_threads: told.threads.and_then(count),
        prefix: prefix(card.file_prefixes, &object.file),
        filepath: object.file.clone(),
        version: told.version,
        threading_layer: told.threading_layer.map(str::to_owned),
        architecture: None,
        runtime: card.id,
        name: card.name,
        level: card.level,
        reach: told.reach.unwrap_or(usual),
        max_threads: None,
        capacity: None,
        can_end_workers: false,
        symbol_prefix: "",
        symbol_suffix: "",
        runs_on: None,
        backends: None,
    }
}

/// A pool on an OpenMP runtime has that one's number, where it can be only one.
fn follow_openmp(found: &mut [Found]) {
    let is_openmp = |one: &&Found| one.pool.internal_api == "openmp";
    let mut those = found.iter().filter(is_openmp);
    let (Some(one), None) = (those.next(), those.next()) else {
        return;
    };
    let (threads, file) = (one.pool.num_threads, one.pool.filepath.clone());
    for one in found.iter_mut().filter(|one| one.is_on_openmp) {
        one.pool.num_threads = threads;
        one.pool.runs_on = Some(file.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtimes;

    #[test]
    fn a_cards_words_say_whose_the_number_is() {
        for card in runtimes::all() {
            let beginnings = ["process", "thread", "none"];
            let is_told = beginnings.iter().any(|word| card.reach.starts_with(word));
            assert!(is_told, "{}: {}", card.id, card.reach);
        }
    }

    #[test]
    fn nobody_has_no_pools() {
        assert!(pools_of(u32::MAX).is_err());
    }
}
