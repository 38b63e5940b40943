//! The registry, brought up to date with what the loader has loaded.

use crate::Result;
use crate::catalog;
use crate::limit::fork;
use crate::limit::gate::{self, Locked};
use crate::limit::presence;
use crate::limit::threads::ThreadRef;
use crate::platform;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// How often a list that goes on changing is looked at before the next call.
const MOST_LOOKS: usize = 4;

/// The registry, locked and up to date, and whether the loader's list had changed.
/// Late libraries are not covered yet: see [`seen_by`] and [`current`].
///
/// # Errors
/// [`Error::Reentered`](crate::Error::Reentered).
fn up_to_date() -> Result<(Locked, bool)> {
    let mut changed = false;
    for _ in 0..MOST_LOOKS {
        let epoch = platform::epoch();
        let known = {
            let registry = gate::lock()?;
            if registry.catalog.is_of(epoch) {
                return Ok((registry, changed));
            }
            registry.catalog.known()
        };
        let look = catalog::look(known)?;
        watch_forks(look.has_new());
        let (published, _spare) = {
            let mut registry = gate::lock()?;
            let (published, spare) = registry.catalog.publish(look);
            if published {
                registry.forget_what_is_gone();
            }
            (published, spare)
        };
        changed |= published;
    }
    Ok((gate::lock()?, changed))
}

/// Registers the handlers of a fork: once, and again after new pools were found,
/// whose libraries may have handlers of their own.
fn watch_forks(has_new: bool) {
    static WATCHES: AtomicBool = AtomicBool::new(false);
    if !WATCHES.swap(true, Relaxed) || has_new {
        fork::watch();
    }
}

/// The registry up to date, for a thread that need not have been here; and
/// whether the loader's list had changed.
///
/// # Errors
/// As [`up_to_date`].
pub(crate) fn seen_by(thread: Option<ThreadRef>) -> Result<(Locked, bool)> {
    let (mut registry, changed) = up_to_date()?;
    registry.settle_all(thread);
    Ok((registry, changed))
}

/// The registry up to date, and this thread in it (nobody, while the thread is
/// being torn down).
///
/// # Errors
/// As [`up_to_date`].
pub(crate) fn current() -> Result<(Locked, ThreadRef)> {
    let (mut registry, _) = up_to_date()?;
    let thread = presence::current(|| registry.begin_thread());
    registry.settle_all(thread);
    Ok((registry, thread.unwrap_or_default()))
}

/// Lets go of libraries that the program has closed, if no scope is live: what
/// has ended still names its pools, and calls nothing in them.
///
/// # Errors
/// [`Error::Reentered`](crate::Error::Reentered).
pub(crate) fn let_go() -> Result<()> {
    let (resting, _retired) = {
        let mut registry = gate::lock()?;
        if !registry.live.is_empty() || registry.catalog.pools().is_empty() {
            return Ok(());
        }
        registry.catalog.rest()
    };
    let rested = resting.renew();
    let _spare = {
        let mut registry = gate::lock()?;
        let spare = registry.catalog.wake(rested);
        registry.forget_what_is_gone();
        spare
    };
    Ok(())
}
