//! The budget and its sources.

use crate::errors::raise;
use crate::look::look;
use crate::numbers;
use poolkeeper::budget::{self, Budget, Observed};
use poolkeeper::printable;
use pyo3::prelude::*;

/// One source of the budget.
#[pyclass(frozen, module = "poolkeeper")]
pub(crate) struct Source(budget::Source);

#[pymethods]
impl Source {
    /// ``"worker"``, ``"override"``, ``"user"``, ``"scheduler"``, ``"platform"``,
    /// ``"launcher"``, ``"quota"``, ``"cpuset"``, ``"affinity"`` or ``"machine"``.
    #[getter]
    fn kind(&self) -> &str {
        self.0.kind.name()
    }

    /// Where it was read: a file, a variable, a system call.
    #[getter]
    fn place(&self) -> &str {
        &self.0.place
    }

    /// The text that was read there.
    #[getter]
    fn value(&self) -> &str {
        &self.0.value
    }

    /// The CPUs that the source allows; ``None`` where it has no say.
    #[getter]
    fn cpus(&self) -> Option<f64> {
        self.0.cpus
    }

    /// ``"decides"``, ``"allows"``, ``"no-limit"``, ``"ignored"`` or ``"unknown"``.
    #[getter]
    fn status(&self) -> &str {
        self.0.status.name()
    }

    /// Why the source has no say, or a remark about its value.
    #[getter]
    fn note(&self) -> Option<&str> {
        self.0.note()
    }

    fn __repr__(&self) -> String {
        let unit = |cpus: f64| if cpus == 1.0 { "CPU" } else { "CPUs" };
        let cpus = self
            .0
            .cpus
            .map_or("? CPUs".to_owned(), |cpus| format!("{cpus} {}", unit(cpus)));
        let (status, kind, place) = (self.0.status.name(), self.0.kind, printable(&self.0.place));
        format!("<Source {kind}: {cpus}, {status}, {place}>")
    }
}

/// What `poolkeeper.cpus()` is made of: whole CPUs, exact CPUs, physical and
/// performance cores, sources, and the table of all that.
type Parts = (u32, f64, Option<u32>, Option<u32>, Vec<Source>, String);

/// Reads the budget of this process (in a worker thread, the thread's share), or of
/// another one.
#[pyfunction]
#[pyo3(signature = (pid=None, /))]
pub(crate) fn _cpus(py: Python<'_>, pid: Option<&Bound<'_, PyAny>>) -> PyResult<Parts> {
    let budget = match pid {
        Some(pid) => budget::budget_of(numbers::process(pid)?).map_err(raise)?,
        None => own(py)?,
    };
    let table = poolkeeper_cli::budget_table(&budget, look(py));
    Ok((
        budget.cpus,
        budget.exact,
        budget.physical_cores,
        budget.performance_cores,
        budget.sources.into_iter().map(Source).collect(),
        table,
    ))
}

/// Reads the budget of this process; in a worker thread, the thread's share.
///
/// The environment is read while attached: Python may write it when detached.
/// The rest is read detached: where a variable has OpenMP bind its threads, the
/// loader is asked, whose lock another thread may hold while it waits for the GIL.
pub(crate) fn own(py: Python<'_>) -> PyResult<Budget> {
    let mut observed = Observed::this_process().map_err(raise)?;
    let worker = py.import("poolkeeper._cpus")?.getattr("worker")?;
    if let Some(share) = worker.getattr("share")?.extract()? {
        observed = observed.by_worker(share);
    }
    py.detach(|| Budget::read(&observed)).map_err(raise)
}

/// Binds the calling thread, and what it starts, to a number of CPUs.
#[pyfunction]
pub(crate) fn _pin(cpus: u32) -> PyResult<Vec<u32>> {
    budget::pin(cpus).map_err(raise)
}
