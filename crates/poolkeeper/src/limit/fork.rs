//! Forking: the registry is whole in the child, and knows which threads are gone.
//!
//! The forking thread holds the registry's lock across `fork`, so that no other
//! thread is in the middle of a change, and none sets a pool that a library's own
//! handler has made ready for the fork (OpenBLAS ends its workers there).
//!
//! Handlers that prepare a fork run in the reverse order of their registration.
//! Our handler must run before those of the pools' libraries, which take locks that
//! the holder of the registry's lock may wait for. So it is registered again
//! whenever a pool has been found, and counts how often it is called.

use crate::limit::gate::{self, Locked};
use crate::limit::idle;
use crate::limit::threads;
use crate::platform;
use std::cell::UnsafeCell;

/// The lock held across a fork.
struct Held(UnsafeCell<Across>);

struct Across {
    locked: Option<Locked>,
    /// Whether the child can start workers of its own.
    is_safe: bool,
    /// How many of our handlers have run.
    handlers: usize,
}

// SAFETY: the cell is only touched between the first call of `prepare` and the last
// one of `parent` or `child`, by the thread that holds the registry's lock.
unsafe impl Sync for Held {}

static HELD: Held = Held(UnsafeCell::new(Across {
    locked: None,
    is_safe: false,
    handlers: 0,
}));

/// Makes our handlers run before all handlers that are registered by now.
pub(crate) fn watch() {
    platform::on_fork(prepare, parent, child);
}

unsafe extern "C" fn prepare() {
    // By the first of our handlers: the others hold the lock.
    let is_safe = idle::end_before_fork();
    let locked = gate::lock().ok();
    // SAFETY: this thread holds the registry's lock. If it was not given now, it was
    // this thread's already: a handler of ours has run before, or a pool's function
    // forks.
    let across = unsafe { &mut *HELD.0.get() };
    if across.handlers == 0 {
        across.is_safe = is_safe;
    }
    across.locked = across.locked.take().or(locked);
    across.handlers += 1;
}

/// Answers the lock, once all handlers have run, if it was taken for the fork.
fn last() -> Option<Option<Locked>> {
    // SAFETY: this thread holds the registry's lock since `prepare`.
    let across = unsafe { &mut *HELD.0.get() };
    across.handlers -= 1;
    (across.handlers == 0).then(|| across.locked.take())
}

unsafe extern "C" fn parent() {
    drop(last());
}

unsafe extern "C" fn child() {
    // SAFETY: as in `last`.
    idle::forked(unsafe { (*HELD.0.get()).is_safe });
    match last() {
        Some(Some(mut registry)) => registry.forked(threads::current_if_known()),
        Some(None) => gate::forked_meanwhile(),
        None => {}
    }
}
