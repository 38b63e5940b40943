//! The threads that this process's libraries have made, counted by file.

use crate::model::{Pool, Reach};
use crate::platform::{self, MappedFiles, StartRoutines};
use crate::runtimes::{self, Card, find};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

/// Gives pools of this process whose number can't be read the threads that they have now.
/// Waits for the loader, so it needs to be called without a lock.
pub(crate) fn count_own(pools: &mut [Pool]) {
    let threads = OnceCell::new();
    count_those_of(pools, |pool| {
        let threads = threads.get_or_init(threads_by_file);
        threads.get(&pool.filepath).copied().unwrap_or(0)
    });
}

/// Gives pools whose number can't be read the threads that `count` tells of each.
pub(crate) fn count_those_of(pools: &mut [Pool], count: impl Fn(&Pool) -> u32) {
    let has_own_number = |pool: &&mut Pool| {
        let card = find(pool.runtime);
        pool.reach == Reach::None && card.is_some_and(|card| card.call.is_some())
    };
    for pool in pools.iter_mut().filter(has_own_number) {
        pool.num_threads = NonZeroU32::new(count(pool));
    }
}

/// How many threads each file's library has made, as far as the C library tells.
pub(crate) fn threads_by_file() -> HashMap<PathBuf, u32> {
    let mut count = HashMap::new();
    let Some(routines) = StartRoutines::find() else {
        return count;
    };
    let own = std::process::id();
    let expected = platform::thread_links(own).map_or(0, |links| links as usize);
    // Read once: a process may have a thousand mappings.
    let mapped = MappedFiles::of(own);
    let mut files: HashMap<usize, Option<PathBuf>> = HashMap::new();
    let mut file_of = |address| {
        let file = files.entry(address);
        file.or_insert_with(|| mapped.at(address).map(real)).clone()
    };
    for (thread, begun) in routines.read(expected) {
        let made_by = begun.maker(&mut file_of);
        if let Some(file) = made_by.filter(|file| is_of_pool(file, own, thread)) {
            *count.entry(file).or_insert(0) += 1;
        }
    }
    count
}

/// Whether a thread is one of its library's pool: some libraries name those, and have
/// others as well.
fn is_of_pool(file: &Path, process: u32, thread: u32) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let is_its = |card: &&Card| {
        card.file_prefixes
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    let named = runtimes::all().filter(|card| card.behaviour.names_threads.is_some());
    let Some(start) = named
        .filter(is_its)
        .find_map(|card| card.behaviour.names_threads)
    else {
        return true;
    };
    let own = platform::thread_name(process, thread);
    let is_numbered = |own: &str| {
        let number = own.strip_prefix(start);
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    };
    own.is_none_or(|own| is_numbered(&own))
}

fn real(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
