//! `Outcome` and `Ending`: what became of a limit.

use crate::pool::{html, path};
use poolkeeper::{PoolName, Status, printable};
use pyo3::prelude::*;

/// What became of a limit in one pool.
#[pyclass(frozen, module = "poolkeeper")]
pub(crate) struct Outcome(pub(crate) poolkeeper::Outcome);

impl Outcome {
    fn pool(&self) -> Option<&PoolName> {
        self.0.pool.as_ref()
    }
}

#[pymethods]
impl Outcome {
    /// The pool's runtime, or the name in the request that no pool answers to.
    #[getter]
    fn name(&self) -> &str {
        &self.0.name
    }

    /// The pool's file; ``None`` if no pool answers to the name.
    #[getter]
    fn filepath<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.pool().map(|pool| path(py, &pool.filepath)).transpose()
    }

    /// The pool's level.
    #[getter]
    fn level(&self) -> Option<&str> {
        self.pool().map(|pool| pool.level.name())
    }

    /// What setting the pool affects.
    #[getter]
    fn reach(&self) -> Option<&str> {
        self.pool().map(|pool| pool.reach.name())
    }

    /// Threads asked for.
    #[getter]
    fn requested(&self) -> Option<u32> {
        self.0.requested
    }

    /// Threads before the limit.
    #[getter]
    fn before(&self) -> Option<u32> {
        self.0.before
    }

    /// Threads read back afterwards.
    #[getter]
    fn observed(&self) -> Option<u32> {
        self.0.observed
    }

    /// ``"applied"``, ``"below"`` (the pool had fewer threads and keeps them),
    /// ``"clamped"`` (the runtime took another number), ``"shared"`` (another scope
    /// holds the pool) or ``"ignored"``.
    #[getter]
    fn status(&self) -> &str {
        self.0.status.name()
    }

    /// Why the limit was ignored; ``None`` if it wasn't.
    #[getter]
    fn reason(&self) -> Option<&str> {
        match &self.0.status {
            Status::Ignored(why) => Some(why),
            _ => None,
        }
    }

    fn __str__(&self) -> String {
        printable(&self.0.to_string()).into_owned()
    }

    /// What a notebook shows.
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        html(slf.as_any(), "outcome")
    }

    fn __repr__(&self) -> String {
        format!("<Outcome {}>", self.__str__())
    }
}

/// What was done to one pool when a scope ended.
#[pyclass(frozen, module = "poolkeeper")]
pub(crate) struct Ending(pub(crate) poolkeeper::Ending);

#[pymethods]
impl Ending {
    /// The pool's runtime.
    #[getter]
    fn name(&self) -> &str {
        self.0.pool.runtime
    }

    /// The pool's file.
    #[getter]
    fn filepath<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        path(py, &self.0.pool.filepath)
    }

    /// ``"restored"``, ``"held"`` (by another scope), ``"left"`` (other code
    /// changed the pool), ``"other-thread"`` or ``"thread-gone"``.
    #[getter]
    fn status(&self) -> &str {
        self.0.status.name()
    }

    fn __str__(&self) -> String {
        printable(&self.0.to_string()).into_owned()
    }

    fn __repr__(&self) -> String {
        format!("<Ending {}>", self.__str__())
    }
}
