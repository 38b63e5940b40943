//! The budget divided over the three levels.

use crate::errors::raise;
use crate::interpreter::unlocked;
use crate::look::look;
use crate::numbers;
use crate::pool::html;
use crate::scope::Scope;
use crate::share::{Entered, Share, variables};
use poolkeeper::budget::{self, Levels};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::collections::HashMap;

/// Divides the budget over processes, OpenMP and BLAS.
///
/// The product of the three never exceeds the budget, and the threads that may
/// call a BLAS at once never exceed what each loaded BLAS survives. Numbers that
/// you ask for are lowered until they fit, the outermost level first. Without
/// them there is one process, OpenMP gets the CPUs that are left, and a BLAS
/// call gets one thread.
///
/// Parameters
/// ----------
/// processes : int, optional
///     Processes that work at the same time.
/// openmp : int, optional
///     Threads of the outer level in each process.
/// blas : int, optional
///     Threads of each BLAS call.
/// cpus : int, optional
///     CPUs to divide. Default: the budget, :func:`cpus` (in a worker thread, the
///     worker's share).
/// nested : bool, default True
///     Whether BLAS calls come from inside OpenMP regions, so that the product
///     counts. If False, OpenMP and BLAS take turns, and each may have a process's
///     whole share.
///
/// Returns
/// -------
/// Split
///     The shares. Its ``str`` is a sentence; its ``repr`` also has a table.
///
/// Raises
/// ------
/// LimitError
///     If a count is outside 1 to ``MAX_LIMIT``.
/// TypeError
///     If a count is no whole number.
///
/// Examples
/// --------
/// >>> import poolkeeper
/// >>> plan = poolkeeper.split(processes=4, cpus=10)
/// >>> [worker.cpus for worker in plan.workers]
/// [3, 3, 2, 2]
/// >>> plan.worker(0).openmp
/// 3
#[pyfunction]
#[pyo3(signature = (processes=None, openmp=None, blas=None, *, cpus=None, nested=true))]
pub(crate) fn split(
    py: Python<'_>,
    processes: Option<&Bound<'_, PyAny>>,
    openmp: Option<&Bound<'_, PyAny>>,
    blas: Option<&Bound<'_, PyAny>>,
    cpus: Option<&Bound<'_, PyAny>>,
    nested: bool,
) -> PyResult<Split> {
    let count = |value: Option<&Bound<'_, PyAny>>| value.map(numbers::count).transpose();
    let levels = Levels {
        processes: count(processes)?,
        openmp: count(openmp)?,
        blas: count(blas)?,
        nested,
    };
    let cpus = match count(cpus)? {
        Some(cpus) => cpus,
        None => crate::budget::own(py)?.cpus,
    };
    let pools = unlocked(py, poolkeeper::compatible::uncounted_pools).map_err(raise)?;
    let split = budget::Split::new(cpus, &levels, &pools).map_err(raise)?;
    Ok(Split {
        split,
        entered: Entered::default(),
    })
}

/// A budget divided over processes x OpenMP x BLAS, which :func:`split` returns.
///
/// ``with plan:`` limits this process's pools to the smallest share.
#[pyclass(frozen, module = "poolkeeper")]
pub(crate) struct Split {
    split: budget::Split,
    entered: Entered,
}

#[pymethods]
impl Split {
    /// CPUs that were divided.
    #[getter]
    fn cpus(&self) -> u32 {
        self.split.cpus
    }

    /// Processes that work at the same time.
    #[getter]
    fn processes(&self) -> u32 {
        self.split.processes()
    }

    /// OpenMP threads that every process may have; the first may have more.
    #[getter]
    fn openmp(&self) -> u32 {
        self.split.smallest().openmp
    }

    /// Threads that every BLAS call may have.
    #[getter]
    fn blas(&self) -> u32 {
        self.split.smallest().blas
    }

    /// Whether the product of the levels counts.
    #[getter]
    fn nested(&self) -> bool {
        self.split.nested
    }

    /// The share of each process, the larger ones first: a list of :class:`Share`.
    #[getter]
    fn workers(&self) -> Vec<Share> {
        self.split
            .workers
            .iter()
            .copied()
            .map(Share::from)
            .collect()
    }

    /// What held the numbers down, one sentence each.
    #[getter]
    fn bounds(&self) -> Vec<String> {
        self.split.bounds.clone()
    }

    /// The share of one worker, counted from 0.
    ///
    /// Raises
    /// ------
    /// IndexError
    ///     If there are fewer workers.
    fn worker(&self, index: usize) -> PyResult<Share> {
        self.split.worker(index).map(Share::from).map_err(raise)
    }

    /// Begins a limit of this process's pools to the smallest share.
    ///
    /// Returns
    /// -------
    /// Scope
    ///     Live until it is released.
    fn limit(&self, py: Python<'_>) -> PyResult<Scope> {
        Scope::begin(py, self.split.smallest().request())
    }

    /// The environment variables that keep the smallest share, which fits every
    /// worker: a dict of str by name. ``plan.worker(i).env()`` has one worker's.
    fn env(&self) -> HashMap<&'static str, String> {
        variables(&self.split.smallest())
    }

    /// Every number, as a dict.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("cpus", self.split.cpus)?;
        dict.set_item("nested", self.split.nested)?;
        let workers = self.split.workers.iter().map(|share| {
            HashMap::from([
                ("cpus", share.cpus),
                ("openmp", share.openmp),
                ("blas", share.blas),
            ])
        });
        dict.set_item("workers", workers.collect::<Vec<_>>())?;
        dict.set_item("bounds", self.bounds())?;
        Ok(dict)
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyResult<PyRef<'_, Self>> {
        slf.entered
            .enter(slf.py(), slf.split.smallest().request())?;
        Ok(slf)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.entered.exit(py)
    }

    fn __str__(&self) -> String {
        self.split.to_string()
    }

    /// What a notebook shows.
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        html(slf.as_any(), "split")
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        poolkeeper_cli::split_table(&self.split, look(py))
            .trim_end()
            .to_owned()
    }
}
