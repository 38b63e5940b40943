//! The registry's lock.
//!
//! A thread that holds the lock does only two things: it changes the registry, and
//! it calls the pools' own functions that read and set thread counts. It never
//! waits for the loader, for an interpreter's lock or for code of a caller. So
//! code that waits for the lock, in whatever place (a library's constructor, a
//! fork handler), waits only for pools.
//!
//! The lock knows its owner. A pool's function that calls this library again, or
//! forks, does so on a thread that holds the lock already: it gets an error
//! instead of waiting for itself.

use crate::limit::registry::{Live, Registry};
use crate::limit::threads;
use crate::{Error, Result};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError, TryLockError};

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);

/// The thread that holds the lock, by an address that only it has; 0 for none.
/// A thread asks only whether it is itself, which only itself can change.
static OWNER: AtomicUsize = AtomicUsize::new(0);

/// What happened on the owner's thread while it held the lock.
static MISSED: Mutex<Missed> = Mutex::new(Missed {
    ended: Vec::new(),
    has_forked: false,
});
static HAS_MISSED: AtomicBool = AtomicBool::new(false);

struct Missed {
    ended: Vec<Live>,
    has_forked: bool,
}

/// The registry, locked.
pub(crate) struct Locked(MutexGuard<'static, Registry>);

impl Deref for Locked {
    type Target = Registry;

    fn deref(&self) -> &Registry {
        &self.0
    }
}

impl DerefMut for Locked {
    fn deref_mut(&mut self) -> &mut Registry {
        &mut self.0
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        if HAS_MISSED.load(Relaxed) {
            self.catch_up();
        }
        OWNER.store(0, Relaxed); // and then the guard is dropped
    }
}

impl Locked {
    fn begin(guard: MutexGuard<'static, Registry>, thread: usize) -> Self {
        OWNER.store(thread, Relaxed);
        let mut locked = Locked(guard);
        if HAS_MISSED.load(Relaxed) {
            locked.catch_up();
        }
        locked
    }

    /// Does what could not be done while the lock was held by the thread that
    /// wanted it.
    fn catch_up(&mut self) {
        let mut missed = missed();
        HAS_MISSED.store(false, Relaxed);
        let ended = std::mem::take(&mut missed.ended);
        let has_forked = std::mem::take(&mut missed.has_forked);
        drop(missed);
        if has_forked {
            self.forked(threads::current_if_known());
        }
        for mut live in ended {
            self.leave(&mut live, threads::current_if_known());
        }
    }
}

/// Locks the registry.
///
/// # Errors
/// [`Error::Reentered`] on a thread that holds it: in a pool's own function.
pub(crate) fn lock() -> Result<Locked> {
    let thread = this_thread();
    if OWNER.load(Relaxed) == thread {
        return Err(Error::Reentered);
    }
    let guard = REGISTRY.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Locked::begin(guard, thread))
}

/// Locks the registry if that needs no waiting.
pub(crate) fn try_lock() -> Option<Locked> {
    let guard = match REGISTRY.try_lock() {
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => return None,
    };
    Some(Locked::begin(guard, this_thread()))
}

/// Ends a scope when the lock, which this thread holds, is let go of.
pub(crate) fn end_later(live: Live) {
    missed().ended.push(live);
    HAS_MISSED.store(true, Relaxed);
}

/// This process was forked by a thread that holds the lock.
pub(crate) fn forked_meanwhile() {
    missed().has_forked = true;
    HAS_MISSED.store(true, Relaxed);
}

/// Only ever locked by the registry's owner, for a moment.
fn missed() -> MutexGuard<'static, Missed> {
    MISSED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A number that no other thread that runs now has.
fn this_thread() -> usize {
    thread_local! {
        static PLACE: u8 = const { 0 };
    }
    // A place without a destructor can be asked for as long as the thread runs.
    PLACE
        .try_with(|place| std::ptr::from_ref(place).addr())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_scope_is_not_ended_where_that_would_wait() {
        let mut scope = crate::limit(1).expect("a limit");
        let held = super::lock().expect("the lock");
        let ended = std::thread::scope(|threads| threads.spawn(|| scope.try_end()).join());
        assert!(!ended.expect("no panic"));
        drop(held);
        scope.end();
        assert!(scope.is_ended());
        assert!(scope.try_end(), "it has ended");
    }
}
