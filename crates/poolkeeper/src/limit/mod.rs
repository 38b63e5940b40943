//! Limits: parse the request, plan, apply, guard.
//!
//! `request` (what is asked for) -> `plan` (pure) -> `apply` (the registry of
//! live scopes) -> `scope` (the guard). `ledger` holds the rules of overlap.

mod apply;
mod claim;
mod claims;
mod end_status;
mod fork;
mod gate;
mod hold;
mod idle;
mod ledger;
mod live;
mod minima;
mod outcome;
mod overlap;
mod plan;
mod presence;
mod refresh;
mod registry;
mod request;
mod scope;
#[cfg(test)]
mod tests;
mod threads;
mod trim;

pub use end_status::EndStatus;
pub use idle::{ForkSafety, fork_safe, is_fork_safe};
pub use outcome::{Ending, Outcome, PoolName, Status};
pub use overlap::Overlap;
pub use request::{MAX_LIMIT, Request, Selector};
pub use scope::Scope;
pub use trim::{prepare_fork, trim};

use crate::Result;
use crate::discover::{describe, knob};
use crate::model::Pool;
use crate::platform;
use crate::runtimes::Fixed;
use crate::workers;
use refresh::{current, seen_by};
use scope::outcomes;
use std::path::{Path, PathBuf};

/// Looks through the loaded objects at the next call, changed or not.
pub(crate) fn look_again() {
    if let Ok(mut registry) = gate::lock() {
        registry.catalog.look_again();
    }
}

/// Limits pools until the returned [`Scope`] is dropped or released.
///
/// Takes a number for every pool, or a [`Request`]. A limit only lowers: a pool that
/// has fewer threads keeps its number ([`Status::Below`]), unless the request says
/// [`Request::force`]. Where scopes overlap, on one thread or on several, the
/// smallest limit holds, and the last scope to end restores the number from before
/// the first. Libraries that are loaded while a scope is live are covered from the
/// next call of this crate on; [`Request::only_loaded`] leaves them alone.
///
/// # Errors
/// [`Error::InvalidLimit`](crate::Error::InvalidLimit) for a count outside 1 to
/// [`MAX_LIMIT`];
/// [`Error::EmptyRequest`](crate::Error::EmptyRequest) when it names no pool;
/// [`Error::Conflict`](crate::Error::Conflict) when it names one twice;
/// [`Error::UnknownFile`](crate::Error::UnknownFile) for a path that is not a
/// loaded pool's;
/// [`Error::Reentered`](crate::Error::Reentered).
/// No pool has been changed then.
///
/// # Examples
///
/// ```
/// {
///     let scope = poolkeeper::limit(1)?;
///     for outcome in scope.outcomes() {
///         println!("{outcome}");
///     }
///     // Native pools use one thread here.
/// }
/// // And as many as before from here on.
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn limit(request: impl Into<Request>) -> Result<Scope> {
    Scope::begin(request.into())
}

/// Sets the baseline: the thread counts outside every scope. The baseline stays until
/// it is set again; while scopes are live, a new one waits for the last of them to end.
///
/// Unlike [`limit`], this function can raise a pool, too. A pool with thread reach is
/// set for the calling thread only. [`Request::force`] and [`Request::only_loaded`]
/// have no effect here.
///
/// # Errors
/// As [`limit`].
///
/// # Examples
///
/// ```
/// for outcome in poolkeeper::set_limit(2)? {
///     println!("{outcome}");
/// }
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn set_limit(request: impl Into<Request>) -> Result<Vec<Outcome>> {
    let request = request.into();
    let (mut registry, thread) = current()?;
    let (holds, unmatched) = registry.set_baseline(&request, thread)?;
    Ok(outcomes(&holds, &unmatched, &request))
}

/// Sets one pool's thread count at once, whatever scopes are live. These scopes still
/// restore the number from before them. threadpoolctl's `set_num_threads` does the
/// same; programs should use [`limit`] or [`set_limit`], which keep track.
///
/// Returns whether a pool with that [`Pool::id`] is loaded.
///
/// # Errors
/// [`Error::Reentered`](crate::Error::Reentered).
///
/// # Examples
///
/// ```
/// assert!(!poolkeeper::compatible::set_threads(0, 1)?, "no pool has the id 0");
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn set_threads(pool: u32, threads: i32) -> Result<bool> {
    let (mut registry, thread) = current()?;
    Ok(registry.set_threads(pool, threads, thread))
}

/// The [`Pool::id`]s of the loaded pools, in the loader's order: quicker than [`pools`].
///
/// # Errors
/// [`Error::Reentered`](crate::Error::Reentered).
///
/// # Examples
///
/// ```
/// assert_eq!(poolkeeper::compatible::pool_ids()?.len(), poolkeeper::pools()?.len());
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn pool_ids() -> Result<Vec<u32>> {
    let (registry, _) = seen_by(threads::current_if_known())?;
    Ok(registry
        .catalog
        .pools()
        .iter()
        .map(|pool| pool.id)
        .collect())
}

/// One pool's thread count now, as the calling thread sees it; `None` if no
/// pool with that [`Pool::id`] is loaded.
///
/// # Errors
/// [`Error::Reentered`](crate::Error::Reentered).
///
/// # Examples
///
/// ```
/// assert_eq!(poolkeeper::compatible::threads(0)?, None);
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn threads(pool: u32) -> Result<Option<i32>> {
    let (registry, _) = seen_by(threads::current_if_known())?;
    let pools = registry.catalog.pools();
    let index = pools.iter().position(|loaded| loaded.id == pool);
    Ok(index.map(|index| pools[knob(pools, index)].threads()))
}

/// Lists the native pools that this process has loaded, with their thread
/// counts as the calling thread sees them.
///
/// # Errors
/// [`Error::Reentered`](crate::Error::Reentered).
///
/// # Examples
///
/// ```
/// let pools = poolkeeper::pools()?;
/// assert!(pools.iter().all(|pool| pool.filepath.is_absolute()));
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn pools() -> Result<Vec<Pool>> {
    let mut pools = uncounted_pools()?;
    workers::count_own(&mut pools);
    Ok(pools)
}

/// As [`pools`], in microseconds whatever is loaded: where the reach is
/// [`Reach::None`](crate::Reach::None), the threads are not counted, and are `None`.
///
/// # Errors
/// As [`pools`].
///
/// # Examples
///
/// ```
/// let pools = poolkeeper::compatible::uncounted_pools()?;
/// assert_eq!(pools.len(), poolkeeper::pools()?.len());
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn uncounted_pools() -> Result<Vec<Pool>> {
    refresh::let_go()?;
    let (registry, _) = seen_by(threads::current_if_known())?;
    let pools = registry.catalog.pools();
    Ok((0..pools.len())
        .map(|index| describe(pools, index))
        .collect())
}

/// A loaded pool, with facts that [`Pool`] doesn't have.
pub(crate) struct Seen {
    pub(crate) pool: Pool,
    /// Threads that the pool which decides for it was told to use.
    pub(crate) told: u32,
    /// Why setting it can't work, if it can't.
    pub(crate) fixed: Option<Fixed>,
    /// Whether a live scope holds it, for the calling thread.
    pub(crate) is_limited: bool,
}

/// The loaded pools, as [`pools`], for the doctor.
///
/// # Errors
/// As [`pools`].
pub(crate) fn seen() -> Result<Vec<Seen>> {
    let thread = threads::current_if_known();
    let (mut registry, _) = seen_by(thread)?;
    let pools = registry.catalog.snapshot();
    let seen = (0..pools.len()).map(|index| {
        let knob = &pools[knob(&pools, index)];
        let ledger = thread.and_then(|thread| registry.ledger(knob, thread));
        Seen {
            pool: describe(&pools, index),
            told: u32::try_from(knob.threads()).unwrap_or(0),
            fixed: pools[index].facts.fixed.or(knob.facts.fixed),
            is_limited: ledger.is_some_and(|ledger| ledger.is_holding()),
        }
    });
    Ok(seen.collect())
}

/// Looks for pools that were loaded since the last call of any function here;
/// returns whether the loader's list had changed. Takes nanoseconds if it hadn't.
///
/// Every other function does this by itself. Call it to let live scopes cover
/// libraries that were just loaded.
///
/// # Errors
/// [`Error::Reentered`](crate::Error::Reentered).
///
/// # Examples
///
/// ```
/// poolkeeper::refresh()?;
/// assert!(!poolkeeper::refresh()?);
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn refresh() -> Result<bool> {
    Ok(seen_by(threads::current_if_known())?.1)
}

/// Whether a live scope covers libraries that are loaded now: after loading one,
/// call [`refresh`]. Takes a nanosecond.
///
/// # Examples
///
/// ```
/// let scope = poolkeeper::limit(1)?;
/// assert!(poolkeeper::is_covering());
/// # drop(scope);
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn is_covering() -> bool {
    registry::is_covering()
}

/// The files that the loader has mapped, as it names them, and a number that
/// changes whenever that list does.
///
/// # Errors
/// None on Linux and where nothing can be seen.
///
/// # Examples
///
/// ```
/// let (version, files) = poolkeeper::compatible::loaded_files()?;
/// assert!(!files.is_empty());
/// assert_eq!(version, poolkeeper::compatible::loader_version());
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn loaded_files() -> Result<(u64, Vec<PathBuf>)> {
    let mut files = Vec::new();
    let epoch = platform::each_image(|image| {
        if !image.name().is_empty() {
            files.push(platform::path_of(image.name()));
        }
    })?;
    Ok((epoch.version(), files))
}

/// A number that changes whenever a library is loaded or unloaded; takes
/// nanoseconds.
///
/// # Examples
///
/// ```
/// assert_eq!(poolkeeper::compatible::loader_version(), poolkeeper::compatible::loader_version());
/// ```
pub fn loader_version() -> u64 {
    platform::epoch().version()
}

/// Makes FlexiBLAS, loaded from `flexiblas`, pass calls on to `backend`: a name
/// from its configuration or the path of a BLAS library, loaded when needed.
///
/// # Errors
/// [`Error::UnknownFile`](crate::Error::UnknownFile) when no pool has that
/// file; [`Error::Backend`](crate::Error::Backend) when FlexiBLAS refuses.
///
/// # Examples
///
/// ```
/// let error = poolkeeper::switch_backend("/no/libflexiblas.so", "NETLIB").unwrap_err();
/// assert_eq!(error.code(), "unknown-file");
/// ```
pub fn switch_backend(flexiblas: impl AsRef<Path>, backend: &str) -> Result<()> {
    let (pool, _pin) = {
        let (registry, _) = seen_by(threads::current_if_known())?;
        let index = plan::find_file(flexiblas.as_ref(), registry.catalog.pools())?;
        let pool = registry.catalog.pools()[index].clone();
        let pin = pool.pin();
        (pool, pin)
    };
    // Not under the lock: this loads a library, whose constructors may do
    // anything.
    pool.switch_backend(backend)
}

/// In a forked child, restores the pools that were limited by threads of the parent
/// which don't exist here. Any call of poolkeeper does so, too; call this function
/// where no other call follows.
///
/// # Examples
///
/// ```
/// poolkeeper::settle_after_fork();
/// ```
pub fn settle_after_fork() {
    // Not by a refresh: a thread that doesn't exist here may have been in the
    // loader, whose lock is then held for ever. The pools are pinned.
    if let Ok(mut registry) = gate::lock() {
        registry.settle_all(threads::current_if_known());
    }
}
