//! What was seen of a program, as plain data.

use crate::machine::Machine;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What was seen of a program under a pretended machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The machine that it was shown.
    pub machine: Machine,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// How it ended.
    pub end: End,
    /// Whether any program of the run could be shown the machine: one that is
    /// linked statically can't, nor one that has more rights than its user.
    pub is_shown: bool,
    /// Processes that started threads.
    pub processes: Vec<Process>,
    /// What could not be pretended, or not be judged, a sentence each.
    pub remarks: Vec<String>,
    /// Lines on standard error by which a runtime warned, or said why it died.
    pub messages: Vec<String>,
    /// Libraries with a known pool's name that a process had loaded.
    pub libraries: Vec<PathBuf>,
    /// Folders of everything that a process had loaded: what those need is there.
    pub folders: Vec<PathBuf>,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "how")]
pub enum End {
    /// By itself.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// By a signal.
    Killed {
        /// The signal's number.
        signal: i32,
        /// Its name: `"SIGSEGV"`.
        name: String,
    },
}

impl End {
    /// The exit code for a shell: the program's, or 128 and the signal's number.
    pub fn code(&self) -> i32 {
        match self {
            End::Exited { code } => *code,
            End::Killed { signal, .. } => 128 + signal,
        }
    }
}

/// One process of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The most threads that it had started and that lived at the same time,
    /// without its main thread.
    pub peak_threads: u32,
    /// Threads that the system refused to start.
    pub refused_threads: u32,
    /// What started them.
    pub starters: Vec<Starter>,
    /// The most memory that it had in use, in bytes, as far as was seen.
    pub peak_resident: Option<u64>,
    /// The most address space that it had reserved, in bytes, as far as was seen.
    pub peak_reserved: Option<u64>,
}

/// Threads that one library of a process started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Starter {
    /// The library, or the program itself.
    pub path: PathBuf,
    /// The most of its threads at the same time.
    pub peak: u32,
    /// All threads that it started.
    pub made: u32,
    /// Whether it is an OpenBLAS with threads of its own.
    pub is_openblas: bool,
    /// The largest thread count of an OpenBLAS while these threads were the
    /// most; `None` if there was no other OpenBLAS with threads of its own.
    pub openblas_threads: Option<u32>,
}
