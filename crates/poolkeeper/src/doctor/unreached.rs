//! The loaded libraries with threads that no limit reaches.

use super::facts::Unreached;
use crate::Result;
use crate::platform::{self, StartRoutines};
use crate::runtimes::UNLIMITED;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// One for each known library that is loaded.
///
/// # Errors
/// [`crate::Error::UnsupportedPlatform`] where there is no loader to ask.
pub(super) fn unreached() -> Result<Vec<Unreached>> {
    let threads = threads_by_file();
    let mut found: Vec<Unreached> = Vec::new();
    for file in loaded_files()? {
        let path = file.to_string_lossy();
        let Some(library) = UNLIMITED.iter().find(|library| library.is_in(&path)) else {
            continue;
        };
        let own = threads.get(&file).copied().unwrap_or(0);
        // A library may be several files.
        match found.iter_mut().find(|other| other.name == library.name) {
            Some(other) => other.threads += own,
            None => found.push(Unreached {
                name: library.name,
                call: library.call,
                has_other_threads: library.has_other_threads,
                waits_after_fork: library.waits_after_fork,
                threads: own,
                file,
            }),
        }
    }
    // One thread may wait for something; several are a pool.
    let is_quiet = |name| UNLIMITED.iter().any(|l| l.name == name && l.is_quiet);
    found.retain(|library| library.threads > 1 || !is_quiet(library.name));
    Ok(found)
}

fn loaded_files() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    platform::each_image(|image| files.push(platform::path_of(image.name())))?;
    let canonical = |path: PathBuf| path.canonicalize().unwrap_or(path);
    Ok(files.into_iter().map(canonical).collect())
}

/// How many threads each file's library has made, as far as the C library tells.
fn threads_by_file() -> HashMap<PathBuf, u32> {
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
