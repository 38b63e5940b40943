//! One interpreter a process, and when to let go of it.
//!
//! The classes of this module are made once, and would be shared by interpreters
//! that each have a lock of their own.

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;
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

/// Calls the library, detached from the interpreter.
///
/// The library asks the loader and takes the registry's lock. Another thread may
/// hold either and wait for the GIL: in a constructor of a library that it loads,
/// or, before glibc 2.40, in a Python callback of dl_iterate_phdr (threadpoolctl
/// before 3.8 has one). That thread need not be one that Python knows.
pub(crate) fn unlocked<T: Send>(py: Python<'_>, call: impl FnOnce() -> T + Send) -> T {
    py.detach(call)
}

/// As [`unlocked`], where an object is dropped: without an interpreter too.
pub(crate) fn unlocked_in_drop(call: impl FnOnce() + Send) {
    let mut call = Some(call);
    Python::try_attach(|py| py.detach(|| call.take().map(|call| call())));
    if let Some(call) = call {
        call();
    }
}
