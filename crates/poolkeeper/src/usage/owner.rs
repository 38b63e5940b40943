//! Whose a thread is.

use crate::runtimes;
use std::path::{Path, PathBuf};

/// Whose a thread is: whose code it began in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Owner {
    /// The thread that the process began with.
    Main,
    /// A pool's worker.
    Pool {
        /// The pool's runtime.
        runtime: &'static str,
        /// The pool's file.
        filepath: PathBuf,
    },
    /// It began in this file, which has no pool that is known.
    Library(PathBuf),
    /// Its owner is not told, but it has this name, without its number.
    Named(String),
    /// The C library does not tell.
    #[default]
    Unknown,
}

impl Owner {
    /// Whether these are this pool's workers.
    pub(super) fn is_of(&self, pool: &crate::Pool) -> bool {
        let Owner::Pool { runtime, filepath } = self else {
            return false;
        };
        *runtime == pool.runtime && *filepath == pool.filepath
    }
}

/// Tells the pools' files from other libraries.
pub(super) fn name_pools(owner: Owner, pools: &[crate::Pool]) -> Owner {
    let Owner::Library(path) = owner else {
        return owner;
    };
    match pools.iter().find(|pool| pool.filepath == path) {
        Some(pool) => Owner::Pool {
            runtime: pool.runtime,
            filepath: path,
        },
        None => Owner::Library(path),
    }
}

/// Tells the pools' files by their names: another process's libraries can't be asked.
pub(super) fn by_file_name(owner: Owner) -> Owner {
    let Owner::Library(path) = owner else {
        return owner;
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_its = |card: &&runtimes::Card| {
        let mut prefixes = card.file_prefixes.iter();
        is_library(&path) && prefixes.any(|prefix| name.starts_with(prefix))
    };
    match runtimes::all().find(is_its) {
        Some(card) => Owner::Pool {
            runtime: card.id,
            filepath: path,
        },
        None => Owner::Library(path),
    }
}

fn is_library(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.contains(".so")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_told_by_its_files_name() {
        for (name, runtime) in [
            ("libgomp-e985bcbb.so.1.0.0", Some("libgomp")),
            ("libscipy_openblas64_-32a4b2a6.so", Some("openblas")),
            ("libgomp.txt", None),
            ("python3.11", None),
        ] {
            let owner = by_file_name(Owner::Library(Path::new("/x").join(name)));
            let found = match owner {
                Owner::Pool { runtime, .. } => Some(runtime),
                _ => None,
            };
            assert_eq!(found, runtime, "{name}");
        }
    }
}
