//! Whose a thread is.

use crate::platform::{Beginning, StartRoutines, mapped_file};
use std::collections::HashMap;
use std::path::PathBuf;

/// Whose a thread is: whose code it began in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
    /// The C library does not tell.
    Unknown,
}

/// Finds owners; remembers the file at each address.
pub(super) struct Owners {
    routines: Option<StartRoutines>,
    files: HashMap<usize, Option<PathBuf>>,
}

impl Owners {
    pub(super) fn new() -> Self {
        Owners {
            routines: StartRoutines::find(),
            files: HashMap::new(),
        }
    }

    /// The owners of these threads; `all` is how many the process has.
    pub(super) fn of(&mut self, threads: &[u32], all: usize) -> Vec<Owner> {
        let begun = self.routines.as_ref().map(|routines| routines.read(all));
        let begun = begun.unwrap_or_default();
        threads
            .iter()
            .map(|id| self.owner(*id, begun.get(id).copied()))
            .collect()
    }

    fn owner(&mut self, id: u32, begun: Option<Beginning>) -> Owner {
        if id == std::process::id() {
            return Owner::Main;
        }
        let find = |address| {
            let file = self.files.entry(address);
            file.or_insert_with(|| mapped_file(address)).clone()
        };
        begun
            .and_then(|begun| begun.maker(find))
            .map_or(Owner::Unknown, Owner::Library)
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
