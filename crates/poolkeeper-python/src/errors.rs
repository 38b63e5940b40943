//! Rust errors as Python exceptions.

use poolkeeper::{Error, printable};
use pyo3::create_exception;
use pyo3::exceptions::{
    PyIndexError, PyOSError, PyProcessLookupError, PyRuntimeWarning, PyValueError,
};
use pyo3::prelude::*;

create_exception!(
    poolkeeper,
    LimitError,
    PyValueError,
    "A request that can't be met. ``code`` is a short name, the same in every version."
);
create_exception!(
    poolkeeper,
    LimitWarning,
    PyRuntimeWarning,
    "A limit ended in a way that leaves a pool other than expected."
);

pub(crate) fn raise(error: Error) -> PyErr {
    let text = printable(&error.to_string()).into_owned();
    match error {
        Error::UnsupportedPlatform { .. } | Error::System { .. } | Error::CannotRun { .. } => {
            return PyOSError::new_err(text);
        }
        Error::NoProcess { .. } => return PyProcessLookupError::new_err(text),
        Error::NoWorker { .. } => return PyIndexError::new_err(text),
        _ => {}
    }
    Python::attach(|py| {
        let raised = LimitError::new_err(text);
        match raised.value(py).setattr("code", error.code()) {
            Ok(()) => raised,
            Err(failure) => failure,
        }
    })
}
