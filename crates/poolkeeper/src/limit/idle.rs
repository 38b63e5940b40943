//! Idle workers that end before a fork, where forks are to be safe.

use crate::limit::gate;
use crate::model::Pool;
use crate::platform;
use crate::runtimes::{self, AfterFork};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

/// What the program has said of forks itself: one of the three below.
static SAID: AtomicUsize = AtomicUsize::new(NOTHING);
const NOTHING: usize = 0;
const ON: usize = 1;
const OFF: usize = 2;

/// How many [`ForkSafety`]s there are.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// Lets children that are forked from now on run OpenMP's parallel regions: before each
/// fork the idle workers of the forking thread end, as by [`trim`](crate::trim).
///
/// fork(2) copies one thread. A libgomp that has run a region believes in workers which
/// the child doesn't have, and the child's first region waits for them for ever.
///
/// `false` turns it off, also where a [`ForkSafety`] is held.
///
/// # Examples
///
/// ```
/// poolkeeper::fork_safe(true);
/// assert!(poolkeeper::is_fork_safe());
/// # poolkeeper::fork_safe(false);
/// ```
pub fn fork_safe(on: bool) {
    platform::load_for_ends_of_threads();
    SAID.store(if on { ON } else { OFF }, SeqCst);
}

/// Whether idle workers end before a fork: by [`fork_safe`] or a [`ForkSafety`].
///
/// # Examples
///
/// ```
/// assert!(!poolkeeper::is_fork_safe());
/// ```
pub fn is_fork_safe() -> bool {
    match SAID.load(SeqCst) {
        NOTHING => HELD.load(SeqCst) > 0,
        said => said == ON,
    }
}

/// Makes forks safe as [`fork_safe`] does, as long as it lives, unless the program has
/// called that itself.
///
/// # Examples
///
/// ```
/// let safety = poolkeeper::ForkSafety::begin();
/// assert!(poolkeeper::is_fork_safe());
/// drop(safety);
/// assert!(!poolkeeper::is_fork_safe());
/// ```
#[derive(Debug)]
#[must_use = "forks are safe as long as it lives"]
pub struct ForkSafety(());

impl ForkSafety {
    /// Begins it.
    pub fn begin() -> Self {
        platform::load_for_ends_of_threads();
        HELD.fetch_add(1, SeqCst);
        ForkSafety(())
    }
}

impl Drop for ForkSafety {
    fn drop(&mut self) {
        HELD.fetch_sub(1, SeqCst);
    }
}

/// Whether the fork that made this process ended the idle workers before.
static IS_SAFE_CHILD: AtomicBool = AtomicBool::new(false);
/// How long a fork waits for pools whose references are being taken anew.
const PATIENCE: Duration = Duration::from_millis(100);

/// Ends the forking thread's idle workers, from a fork handler: waits neither for the
/// loader nor for anyone who might need what this thread holds. Says whether the child
/// can start its own.
pub(super) fn end_before_fork() -> bool {
    if !is_fork_safe() {
        return false;
    }
    let start = Instant::now();
    let kept = loop {
        let Ok(registry) = gate::lock() else {
            return false;
        };
        if !registry.catalog.is_resting() {
            break registry.catalog.keep_those_with_workers();
        }
        drop(registry);
        if start.elapsed() > PATIENCE {
            return false;
        }
        std::thread::sleep(Duration::from_micros(20));
    };
    // Without the lock: a worker that began scopes takes it when it ends.
    let ended = kept.iter().filter(|pool| pool.end_idle_workers()).count();
    let all = ended == kept.len();
    if let Ok(mut registry) = gate::lock() {
        registry.catalog.take_back(kept);
    }
    all
}

/// In a forked child: remembers whether workers were ended before.
pub(super) fn forked(is_safe: bool) {
    IS_SAFE_CHILD.store(is_safe, SeqCst);
}

impl Pool {
    /// Whether a forked child that uses it waits for ever for threads which it lacks,
    /// but with one thread, once the parent has used it. Not so where forks are safe
    /// ([`is_fork_safe`]) and its idle workers can end.
    pub fn waits_after_fork(&self) -> bool {
        self.could_wait() && !(self.can_end_workers && is_fork_safe())
    }

    /// Whether this process, a forked child, waits for ever where it uses several threads
    /// of the pool: the parent may have used it, and its workers did not end before.
    pub fn waits_in_this_child(&self) -> bool {
        self.could_wait() && !(self.can_end_workers && IS_SAFE_CHILD.load(SeqCst))
    }

    fn could_wait(&self) -> bool {
        let card = runtimes::find(self.runtime);
        card.is_some_and(|card| card.behaviour.after_fork == AfterFork::WaitsForEver)
    }
}
