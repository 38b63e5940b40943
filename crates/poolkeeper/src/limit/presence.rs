//! That a thread has begun scopes, from its first one to its end.

use crate::limit::gate;
use crate::limit::threads::{ThreadRef, set_current};
use std::cell::OnceCell;

/// Ends the thread's state when the thread ends.
struct Presence(ThreadRef);

impl Drop for Presence {
    fn drop(&mut self) {
        set_current(None);
        // A pool's function can't end its thread, so this thread has the lock not yet.
        if let Ok(mut registry) = gate::lock() {
            registry.threads.end(self.0);
        }
    }
}

thread_local! {
    static PRESENCE: OnceCell<Presence> = const { OnceCell::new() };
}

/// This thread's reference, made with `begin` the first time; `None` while the
/// thread is being torn down.
pub(crate) fn current(begin: impl FnOnce() -> ThreadRef) -> Option<ThreadRef> {
    let presence = || {
        let thread = begin();
        set_current(Some(thread));
        Presence(thread)
    };
    PRESENCE.try_with(|cell| cell.get_or_init(presence).0).ok()
}
