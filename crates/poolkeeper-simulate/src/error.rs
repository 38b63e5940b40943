//! Why nothing can be simulated.

use crate::preloaded::MOST_CPUS;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// Why a program can't be shown a machine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No machine has so many CPUs.
    #[error("a machine with {cpus} CPUs can't be pretended: 1 to {MOST_CPUS} are possible")]
    Cpus {
        /// What was asked for.
        cpus: u32,
    },
    /// The sockets have not the same number of CPUs each.
    #[error("{sockets} sockets can't share {cpus} CPUs evenly; {nearest} would")]
    Sockets {
        /// What was asked for.
        sockets: u32,
        /// CPUs of the machine.
        cpus: u32,
        /// The nearest number that divides them.
        nearest: u32,
    },
    /// The program can't be started.
    #[error("could not run '{}': {why}", program.to_string_lossy())]
    CannotRun {
        /// The program.
        program: OsString,
        /// What the system said.
        why: io::Error,
    },
    /// The loader takes a blank or a colon for the end of a file's name.
    #[error(
        "the folder for temporary files, {}, has a blank or a colon in its name, and \
         nothing can be preloaded from there: set TMPDIR to another", folder.display()
    )]
    Folder {
        /// The folder.
        folder: PathBuf,
    },
    /// Files of the pretended machine can't be written, or the program not be watched.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is no library to preload.
    #[error("a program can be shown another machine on Linux with glibc only")]
    Unsupported,
}
