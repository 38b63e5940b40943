//! The words of the project as types: [`Level`], [`Reach`] and [`Pool`].

use serde::{Serialize, Serializer};
use std::fmt;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

/// A level at which a program is parallel through native pools.
///
/// The third level, processes, has no native pool and so never appears on a
/// [`Pool`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Outer thread pools: OpenMP runtimes.
    Openmp,
    /// Linear algebra libraries, often called from inside the outer level.
    Blas,
    /// Pools that are neither: Apache Arrow's, oneTBB's, libvips's, ...
    Other,
}

impl Level {
    /// Every level, outermost first.
    pub const ALL: [Level; 3] = [Level::Openmp, Level::Blas, Level::Other];

    /// The level's name as users type it: `"openmp"`, `"blas"` or `"other"`.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Openmp => "openmp",
            Level::Blas => "blas",
            Level::Other => "other",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What setting a pool's thread count affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// Every thread of the process shares one value.
    Process,
    /// Only the calling thread's value changes.
    Thread,
    /// A limit does not reach it.
    None,
}

impl Reach {
    /// `"process"`, `"thread"` or `"none"`.
    pub const fn name(self) -> &'static str {
        match self {
            Reach::Process => "process",
            Reach::Thread => "thread",
            Reach::None => "none",
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A path as text, also where it isn't UTF-8.
pub(crate) fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// A path that may be missing as text, also where it isn't UTF-8.
pub(crate) fn lossy_option<S: Serializer>(
    path: &Option<PathBuf>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    path.as_ref()
        .map(|path| path.to_string_lossy())
        .serialize(serializer)
}

/// The backends of a FlexiBLAS, as its management interface lists them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backends {
    /// Names known from FlexiBLAS's configuration.
    pub available: Vec<String>,
    /// Names (or paths) loaded so far; the index is what FlexiBLAS switches to.
    pub loaded: Vec<String>,
    /// The backend that BLAS calls go to now.
    pub current: Option<String>,
}

/// One native runtime loaded in this process, as it was when [`crate::pools`]
/// looked.
///
/// A field that could not be found out is `None`, never 0.
///
/// # Examples
///
/// ```
/// for pool in poolkeeper::pools()? {
///     println!("{} runs {:?} threads", pool.name, pool.num_threads);
/// }
/// # Ok::<(), poolkeeper::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Pool {
    /// Tells pools apart for the life of the process; later ones are larger.
    #[serde(skip)]
    pub id: u32,
    /// Standard that the runtime implements: `"blas"` or `"openmp"`; `"other"` for none.
    pub user_api: &'static str,
    /// Family of the implementation: `"openblas"`, `"mkl"`, `"blis"`,
    /// `"flexiblas"` or `"openmp"`.
    pub internal_api: &'static str,
    /// Threads that the calling thread's next parallel call would use; where the reach
    /// is [`Reach::None`], the threads that it has now.
    pub num_threads: Option<NonZeroU32>,
    /// Beginning of the file's name that identifies the library (`"libscipy_openblas"`);
    /// the file's stem where the pool lives inside another library.
    pub prefix: String,
    /// Path of the loaded file, symbolic links resolved.
    #[serde(serialize_with = "lossy")]
    pub filepath: PathBuf,
    /// Version the library reports.
    pub version: Option<String>,
    /// What the library's threads are made with: `"pthreads"`, `"openmp"`,
    /// `"disabled"`, MKL's `"intel"`, `"gnu"`, `"tbb"`, `"sequential"`, ...
    pub threading_layer: Option<String>,
    /// Processor kind that the library chose its kernels for.
    pub architecture: Option<String>,
    /// The runtime's name among [`crate::runtimes::all`]: `"libgomp"` where
    /// `internal_api` says only `"openmp"`.
    pub runtime: &'static str,
    /// The runtime's name as people write it: `"OpenBLAS"`.
    pub name: &'static str,
    /// Level that the pool belongs to.
    pub level: Level,
    /// What setting its thread count affects.
    pub reach: Reach,
    /// Highest thread count that the pool can be set to (OpenBLAS's `MAX_THREADS`).
    pub max_threads: Option<NonZeroU32>,
    /// Number of simultaneous callers that the pool survives.
    pub capacity: Option<u32>,
    /// Whether its idle workers can end, and start again with its next use.
    #[serde(skip)]
    pub(crate) can_end_workers: bool,
    /// Text before the names of the library's functions: `"scipy_"` or nothing.
    pub symbol_prefix: &'static str,
    /// Text after the names of the library's functions: `"64_"`, `"_64"` or nothing.
    pub symbol_suffix: &'static str,
    /// Path of another pool that decides this one's thread count: the OpenMP runtime
    /// that it runs on, or the backend that a FlexiBLAS passes its calls to.
    #[serde(serialize_with = "lossy_option")]
    pub runs_on: Option<PathBuf>,
    /// FlexiBLAS's backends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backends: Option<Backends>,
}
