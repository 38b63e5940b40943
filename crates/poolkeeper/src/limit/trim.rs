//! Idle workers that end now, also those of libraries not seen before.

use crate::Result;
use crate::limit::idle::is_fork_safe;
use crate::limit::refresh::seen_by;
use crate::limit::threads;

/// Ends the idle OpenMP workers (libgomp's) of the calling thread, and waits until they
/// are gone. Their stacks are given back; the next parallel region starts others, and all
/// settings stay. What code keeps in the workers (`threadprivate` and thread-local
/// variables) is gone with them. Inside a parallel region it does nothing.
///
/// # Errors
/// [`Error::Reentered`](crate::Error::Reentered).
///
/// # Examples
///
/// ```
/// poolkeeper::trim()?;
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn trim() -> Result<()> {
    let kept = {
        let (registry, _) = seen_by(threads::current_if_known())?;
        registry.catalog.keep_those_with_workers()
    };
    // Without the lock: a worker that began scopes takes it when it ends.
    for pool in &kept {
        pool.end_idle_workers();
    }
    Ok(())
}

/// Does what [`fork_safe`](crate::fork_safe) promises, also for libraries that poolkeeper
/// has not seen yet.
///
/// A fork handler of this library does so for those that it has seen. This function
/// waits for the loader, which a fork handler must not: call it before a fork, where
/// that is possible.
///
/// # Examples
///
/// ```
/// poolkeeper::prepare_fork();
/// ```
pub fn prepare_fork() {
    if is_fork_safe() {
        // A fork does not fail because nothing could be prepared for it.
        let _ = trim();
    }
}
