//! See, limit and explain the native thread pools inside a process.
//!
//! A **pool** is one native runtime loaded in a process that runs work on
//! several threads: this OpenBLAS, that libgomp. [`pools`] lists the pools,
//! [`limit`] limits them for a scope, and [`set_limit`] sets their thread counts
//! outside every scope.
//!
//! ```
//! use poolkeeper::Request;
//!
//! // At most eight OpenMP threads, each calling a single-threaded BLAS.
//! let scope = poolkeeper::limit(Request::new().openmp(8).blas(1))?;
//! for outcome in scope.outcomes() {
//!     println!("{outcome}");
//! }
//! # Ok::<(), poolkeeper::Error>(())
//! ```
//!
//! # Overlapping scopes
//!
//! A pool whose reach is the process runs at the smallest limit of all live
//! scopes that name it. A pool whose reach is a thread runs at the smallest limit
//! of that thread's scopes. The last scope to end restores the number from before
//! the first, in whatever order they end. An inner scope raises an outer one's
//! limit only with [`Request::force`]. If other code changes a value meanwhile, it
//! is left alone, and [`Scope::release`] says so.
//!
//! # Platforms
//!
//! Linux is built and tested. Elsewhere no pool can be seen: [`pools`] is empty,
//! [`limit`] gives outcomes that say so, and [`unsupported`] has the reason. A library
//! can call both without asking which system this is.

pub mod budget;
mod catalog;
mod companion;
mod discover;
pub mod doctor;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod kmeans_pool;
mod limit;
mod model;
mod native;
mod places;
mod platform;
mod printable;
pub mod runtimes;
pub mod usage;
mod workers;

pub use error::{Error, Result};
pub use limit::{
    EndStatus, Ending, ForkSafety, MAX_LIMIT, Outcome, PoolName, Request, Scope, Selector, Status,
    fork_safe, is_covering, is_fork_safe, limit, pools, prepare_fork, refresh, set_limit,
    settle_after_fork, switch_backend, trim,
};
pub use model::{Backends, Level, Pool, Reach};
pub use platform::unsupported;
pub use printable::{printable, shell_quoted};

/// The pieces of a layer with threadpoolctl's interface; programs should use
/// [`limit`](crate::limit()) and [`pools`](crate::pools()) instead.
pub mod compatible {
    pub use crate::limit::{
        Overlap, loaded_files, loader_version, pool_ids, set_threads, threads, uncounted_pools,
    };
}
