//! What can go wrong, each with a stable code.

use std::ffi::OsString;
use std::path::PathBuf;

/// The result of every fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error, with a [`code`](Error::code) that never changes and a message that
/// says what was found and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A thread count outside 1 to [`crate::MAX_LIMIT`].
    #[error("a limit must be a whole number from 1 to {max}, not {value}")]
    InvalidLimit {
        /// What was asked for, as written.
        value: String,
        /// The largest count that is accepted.
        max: u32,
    },
    /// A name that is neither a level, a runtime nor a path.
    #[error("unknown pool {name:?}{}; known names: {}, or the path of a loaded library", did_you_mean(.suggestion), .known.join(", "))]
    UnknownPool {
        /// The name that was given.
        name: String,
        /// The nearest known name, when one is near.
        suggestion: Option<String>,
        /// Every name that is accepted.
        known: Vec<&'static str>,
    },
    /// A path that no loaded pool has.
    #[error("no loaded pool has the file {}{}; {}", .path.display(), did_you_mean(.suggestion), loaded_paths(.loaded))]
    UnknownFile {
        /// The path that was given.
        path: PathBuf,
        /// The nearest loaded path, when one is near.
        suggestion: Option<String>,
        /// The files of the pools that are loaded.
        loaded: Vec<PathBuf>,
    },
    /// A request that names no pool at all.
    #[error("nothing to limit: give a number of threads, a level (blas=1) or a pool's name")]
    EmptyRequest,
    /// The same pools named twice with different counts.
    #[error("{name} is limited twice, to {first} and to {second}")]
    Conflict {
        /// What was named twice.
        name: String,
        /// The first count.
        first: i32,
        /// The second count.
        second: i32,
    },
    /// FlexiBLAS could not load or switch to a backend.
    #[error("{function} failed for the backend {backend:?}; available: {}, or the path of a BLAS library", .available.join(", "))]
    Backend {
        /// The C function that refused.
        function: &'static str,
        /// What was asked for.
        backend: String,
        /// The names in FlexiBLAS's configuration.
        available: Vec<String>,
    },
    /// A value that is no number of CPUs.
    #[error("{name} must be a positive number of CPUs, not {value:?}")]
    InvalidCpus {
        /// The variable or argument.
        name: &'static str,
        /// What was given, as written.
        value: String,
    },
    /// A worker that a split does not have.
    #[error("the split has {workers} worker{}, no worker {index}: they count from 0", plural(.workers))]
    NoWorker {
        /// The worker that was asked for.
        index: usize,
        /// How many workers there are.
        workers: usize,
    },
    /// A process that does not exist or can't be looked at.
    #[error("can't look at process {pid}: {why}")]
    NoProcess {
        /// The process that was asked for.
        pid: u32,
        /// What the system said.
        why: String,
    },
    /// The operating system refused a call.
    #[error("{function} failed: {why}")]
    System {
        /// The C function that refused.
        function: &'static str,
        /// What the system said.
        why: String,
    },
    /// A command that could not be started.
    #[error("can't run {}: {why}", .program.display())]
    CannotRun {
        /// The command's program.
        program: OsString,
        /// What the system said.
        why: String,
        /// Whether there is no such program (and not, say, no permission).
        is_missing: bool,
    },
    /// A call from a pool's own function, on a thread in which this library is
    /// reading or setting that pool.
    #[error(
        "poolkeeper was called from within a pool's own function, while it reads or sets that pool"
    )]
    Reentered,
    /// A code that no finding has.
    #[error("unknown finding {code:?}{}; known codes: {}", did_you_mean(.suggestion), .known.join(", "))]
    UnknownFinding {
        /// The code that was given.
        code: String,
        /// The nearest known code, when one is near.
        suggestion: Option<String>,
        /// Every code.
        known: Vec<&'static str>,
    },
    /// This operating system is not supported yet.
    #[error("poolkeeper does not support {system} yet: only Linux is built and tested")]
    UnsupportedPlatform {
        /// The system's name as Rust calls it.
        system: &'static str,
    },
}

impl Error {
    /// Every code that [`Error::code`] can give.
    pub const CODES: [&'static str; 14] = [
        "invalid-limit",
        "unknown-pool",
        "unknown-file",
        "empty-request",
        "conflict",
        "backend",
        "invalid-cpus",
        "no-worker",
        "no-process",
        "system",
        "cannot-run",
        "reentered",
        "unknown-finding",
        "unsupported-platform",
    ];

    /// A short name for programs to test, which never changes.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = poolkeeper::limit(0).unwrap_err();
    /// assert_eq!(error.code(), "invalid-limit");
    /// ```
    pub fn code(&self) -> &'static str {
        match self {
            Error::InvalidLimit { .. } => "invalid-limit",
            Error::UnknownPool { .. } => "unknown-pool",
            Error::UnknownFile { .. } => "unknown-file",
            Error::EmptyRequest => "empty-request",
            Error::Conflict { .. } => "conflict",
            Error::Backend { .. } => "backend",
            Error::InvalidCpus { .. } => "invalid-cpus",
            Error::NoWorker { .. } => "no-worker",
            Error::NoProcess { .. } => "no-process",
            Error::System { .. } => "system",
            Error::CannotRun { .. } => "cannot-run",
            Error::Reentered => "reentered",
            Error::UnknownFinding { .. } => "unknown-finding",
            Error::UnsupportedPlatform { .. } => "unsupported-platform",
        }
    }
}

/// What several things have at their end.
fn plural(count: &usize) -> &'static str {
    if *count == 1 { "" } else { "s" }
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    match suggestion {
        Some(name) => format!("; did you mean {name:?}?"),
        None => String::new(),
    }
}

fn loaded_paths(paths: &[PathBuf]) -> String {
    if paths.is_empty() {
        return "no pool is loaded".to_owned();
    }
    let list: Vec<_> = paths.iter().map(|p| p.display().to_string()).collect();
    format!("loaded: {}", list.join(", "))
}

/// The candidate nearest to `word`, when it is near enough to be a slip.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|c| (strsim::damerau_levenshtein(&lower, &c.to_lowercase()), c))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, c)| *distance <= 1 + c.len().min(word.len()) / 4)
        .map(|(_, c)| c.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once_and_given_by_an_error() {
        let errors = [
            Error::InvalidLimit {
                value: "0".into(),
                max: 1,
            },
            Error::UnknownPool {
                name: "x".into(),
                suggestion: None,
                known: vec![],
            },
            Error::UnknownFile {
                path: "x".into(),
                suggestion: None,
                loaded: vec![],
            },
            Error::EmptyRequest,
            Error::Conflict {
                name: "x".into(),
                first: 1,
                second: 2,
            },
            Error::Backend {
                function: "f",
                backend: "x".into(),
                available: vec![],
            },
            Error::InvalidCpus {
                name: "cpus",
                value: "0".into(),
            },
            Error::NoWorker {
                index: 2,
                workers: 1,
            },
            Error::NoProcess {
                pid: 1,
                why: "x".into(),
            },
            Error::System {
                function: "f",
                why: "x".into(),
            },
            Error::CannotRun {
                program: "x".into(),
                why: "x".into(),
                is_missing: true,
            },
            Error::Reentered,
            Error::UnknownFinding {
                code: "x".into(),
                suggestion: None,
                known: vec![],
            },
            Error::UnsupportedPlatform { system: "plan9" },
        ];
        let codes: Vec<_> = errors.iter().map(Error::code).collect();
        assert_eq!(codes, Error::CODES);
    }

    #[test]
    fn a_slip_is_suggested_and_nonsense_is_not() {
        let names = ["blas", "openmp", "openblas"];
        assert_eq!(nearest("blass", names), Some("blas".to_owned()));
        assert_eq!(nearest("OpenBLAS_", names), Some("openblas".to_owned()));
        assert_eq!(nearest("zebra", names), None);
    }
}
