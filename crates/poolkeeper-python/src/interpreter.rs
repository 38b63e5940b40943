//! One interpreter a process, and when to let go of it.
//!
//! The classes of this module are made once, and would be shared by interpreters
//! that each have a lock of their own.

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

/// No interpreter has this number.
const NONE: i64 = -1;

/// # Errors
/// `ImportError` if another interpreter of this process has imported the module.
pub(crate) fn claim(py: Python<'_>) -> PyResult<()> {
    static FIRST: AtomicI64 = AtomicI64::new(NONE);
    // SAFETY: this thread is attached (Python/C API, PyInterpreterState_Get).
    let own = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    if own < 0 {
        return Err(PyErr::fetch(py));
    }
    match FIRST.compare_exchange(NONE, own, Ordering::SeqCst, Ordering::SeqCst) {
        Err(first) if first != own => Err(PyImportError::new_err(format!(
            "poolkeeper does not support subinterpreters: interpreter {first} of this process \
             has imported it, and interpreter {own} can't. Limits that are set there hold here too"
        ))),
        _ => Ok(()),
    }
}

type ThreadHead = unsafe extern "C" fn(*mut ffi::PyInterpreterState) -> *mut ffi::PyThreadState;
type NextThread = unsafe extern "C" fn(*mut ffi::PyThreadState) -> *mut ffi::PyThreadState;

/// Calls the library, detached from the interpreter unless this is its only
/// thread.
///
/// The library asks the loader. Another thread may hold the loader's lock and
/// wait for the GIL: in a constructor of a library that it loads, or, before
/// glibc 2.40, in a Python callback of dl_iterate_phdr (threadpoolctl before 3.8
/// has one). Detaching costs a sixth of a whole scope, and a thread that is
/// alone need not.
pub(crate) fn unlocked<T: Send>(py: Python<'_>, call: impl FnOnce() -> T + Send) -> T {
    if is_alone() { call() } else { py.detach(call) }
}

/// Whether the interpreter has no other thread, not even one that waits to
/// attach. The caller is attached.
fn is_alone() -> bool {
    /// Not in the stable interface, so looked up by name: since Python 3.0 they
    /// are in every interpreter. Where they aren't, nobody is known to be alone.
    static THREADS: OnceLock<Option<(ThreadHead, NextThread)>> = OnceLock::new();
    let look_up = || {
        let this = libloading::os::unix::Library::this();
        // SAFETY: Include/cpython/pystate.h has these signatures.
        let head = unsafe { this.get(b"PyInterpreterState_ThreadHead") }.ok()?;
        // SAFETY: as above.
        let next = unsafe { this.get(b"PyThreadState_Next") }.ok()?;
        Some((*head, *next))
    };
    let Some((head, next)) = *THREADS.get_or_init(look_up) else {
        return false;
    };
    // SAFETY: this thread is attached. The first thread's state is only compared
    // with its own, which can't go away, and only its own is looked into.
    unsafe {
        let own = ffi::PyThreadState_Get();
        head(ffi::PyInterpreterState_Get()) == own && next(own).is_null()
    }
}
