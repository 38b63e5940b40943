//! No thread of ours is inside the loader's lock while the process forks.
//!
//! glibc gives a child new locks for allocation, for streams and for `dlopen`, but not
//! the one that `dl_iterate_phdr` takes. If another thread holds that one during the
//! fork, it is held for ever in the child, whose next walk, `dlopen` or import hangs. So a
//! walk of ours waits for a fork that has begun, and a fork for the walks of ours that have.
//!
//! Both wait for [`PATIENCE`] only. A walk that takes longer waits for the lock itself,
//! whose holder may want what the forking thread has (an interpreter's lock): that child
//! is lost with or without us, and waiting on would lose the parent too.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(1);
/// A walk takes less than a microsecond, and a look at new libraries a few milliseconds.
const A_MOMENT: Duration = Duration::from_micros(20);

/// Threads that are in a walk through the loader's list.
static WALKS: AtomicUsize = AtomicUsize::new(0);
/// Forks that have begun and not yet ended.
static FORKS: AtomicUsize = AtomicUsize::new(0);
static IS_WATCHED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether this thread is forking: a fork handler of another library may call us.
    static IS_FORKING: Cell<bool> = const { Cell::new(false) };
}

/// Asks for the three calls around every `fork` of this process; see
/// pthread_atfork(3).
pub(crate) fn on_fork(
    prepare: unsafe extern "C" fn(),
    parent: unsafe extern "C" fn(),
    child: unsafe extern "C" fn(),
) {
    // SAFETY: the three are `extern "C" fn()` that live as long as this code;
    // glibc drops them when the object that registered them is unloaded.
    let status = unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) };
    assert_eq!(status, 0, "pthread_atfork: out of memory");
}

/// Loads now what glibc loads when the first thread ends: `pthread_exit` opens libgcc_s,
/// for which it waits for the loader, and a fork handler that waits for the end of a
/// thread must not. (`backtrace` needs the same, since glibc 2.34.)
pub(crate) fn load_for_ends_of_threads() {
    #[cfg(target_env = "gnu")]
    {
        let mut frame = std::ptr::null_mut();
        // SAFETY: backtrace(3) writes at most as many addresses as it is told: one.
        unsafe { libc::backtrace(&raw mut frame, 1) };
    }
}

/// Goes through the loader's list at a time when no other thread forks.
pub(super) fn walk(walk: impl FnOnce()) {
    if !IS_WATCHED.load(SeqCst) && !IS_WATCHED.swap(true, SeqCst) {
        on_fork(prepare, parent, child);
    }
    // Either this thread sees the fork, or the forking one sees the walk.
    WALKS.fetch_add(1, SeqCst);
    if FORKS.load(SeqCst) != 0 && !IS_FORKING.get() {
        while_patient(|| {
            WALKS.fetch_sub(1, SeqCst);
            std::thread::sleep(A_MOMENT);
            WALKS.fetch_add(1, SeqCst);
            FORKS.load(SeqCst) != 0
        });
    }
    walk();
    WALKS.fetch_sub(1, SeqCst);
}

/// Does something as long as it says `true`, but no longer than [`PATIENCE`].
#[cold]
fn while_patient(mut again: impl FnMut() -> bool) {
    let start = Instant::now();
    while again() && start.elapsed() < PATIENCE {}
}

unsafe extern "C" fn prepare() {
    IS_FORKING.set(true);
    FORKS.fetch_add(1, SeqCst);
    if WALKS.load(SeqCst) != 0 {
        while_patient(|| {
            std::thread::sleep(A_MOMENT);
            WALKS.load(SeqCst) != 0
        });
    }
}

unsafe extern "C" fn parent() {
    FORKS.fetch_sub(1, SeqCst);
    IS_FORKING.set(false);
}

/// The other threads, and what they were at, are not here.
unsafe extern "C" fn child() {
    WALKS.store(0, SeqCst);
    FORKS.store(0, SeqCst);
    IS_FORKING.set(false);
}
