//! One interpreter a process.
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
