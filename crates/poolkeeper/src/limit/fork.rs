//! Forking: the registry is whole in the child, and knows who is missing there.
//!
//! The forking thread holds the registry's lock across `fork`, so that no other
//! thread is in the middle of a change; both processes then let go of it.

use crate::limit::registry::Registry;
use crate::limit::{registry, threads};
use crate::platform;
use std::cell::UnsafeCell;
use std::sync::MutexGuard;

/// The lock held across a fork.
struct Held(UnsafeCell<Option<MutexGuard<'static, Registry>>>);

// SAFETY: the cell is only touched between `prepare` and `parent` or `child`,
// by the thread that holds the registry's lock.
unsafe impl Sync for Held {}

static HELD: Held = Held(UnsafeCell::new(None));

pub(crate) fn watch() {
    platform::on_fork(prepare, parent, child);
}

unsafe extern "C" fn prepare() {
    let guard = registry();
    // SAFETY: this thread holds the registry's lock.
    unsafe { *HELD.0.get() = Some(guard) };
}

unsafe extern "C" fn parent() {
    // SAFETY: this thread took the lock in `prepare` and still holds it.
    drop(unsafe { (*HELD.0.get()).take() });
}

unsafe extern "C" fn child() {
    // SAFETY: as in `parent`: the child's only thread is the one that forked.
    let guard = unsafe { (*HELD.0.get()).take() };
    if let Some(mut registry) = guard {
        registry.forked(threads::current_if_known());
    }
}
