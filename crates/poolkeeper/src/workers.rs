//! The threads that this process's libraries have made, counted by file.

use crate::model::{Pool, Reach};
use crate::platform::{self, StartRoutines};
use crate::runtimes::find;
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

/// Gives pools whose number can't be read the threads that they have now. Waits for
/// the loader, so it needs to be called without a lock.
pub(crate) fn count_those_of(pools: &mut [Pool]) {
    let has_own_number = |pool: &&mut Pool| {
        let card = find(pool.runtime);
        pool.reach == Reach::None && card.is_some_and(|card| card.call.is_some())
    };
    let mut counted = pools.iter_mut().filter(has_own_number).peekable();
    if counted.peek().is_none() {
        return;
    }
    let threads = threads_by_file();
    for pool in counted {
        let own = threads.get(&pool.filepath).copied();
        pool.num_threads = own.and_then(NonZeroU32::new);
    }
}

/// How many threads each file's library has made, as far as the C library tells.
pub(crate) fn threads_by_file() -> HashMap<PathBuf, u32> {
    let mut count = HashMap::new();
    let Some(routines) = StartRoutines::find() else {
        return count;
    };
    let expected = platform::tasks().map_or(0, |tasks| tasks.len());
    let mut files: HashMap<usize, Option<PathBuf>> = HashMap::new();
    let mut file_of = |address| {
        let file = files.entry(address);
        file.or_insert_with(|| platform::mapped_file(address).map(real))
            .clone()
    };
    for begun in routines.read(expected).into_values() {
        if let Some(file) = begun.maker(&mut file_of) {
            *count.entry(file).or_insert(0) += 1;
        }
    }
    count
}

fn real(path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
