//! The budget, its sources, splits and shares.

use crate::errors::raise;
use crate::interpreter::unlocked;
use crate::numbers;
use crate::scope::Scope;
use poolkeeper::Request;
use poolkeeper::budget::{self, Changes, Levels, Observed};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// One source of the budget.
#[pyclass(frozen, module = "poolkeeper")]
pub(crate) struct Source(budget::Source);

#[pymethods]
impl Source {
    /// ``"override"``, ``"scheduler"``, ``"quota"``, ``"cpuset"``,
    /// ``"affinity"`` or ``"machine"``.
    #[getter]
    fn kind(&self) -> &str {
        self.0.kind.name()
    }

    /// Where it was read: a file, a variable, a system call.
    #[getter]
    fn place(&self) -> &str {
        &self.0.place
    }

    /// What stood there, as written.
    #[getter]
    fn value(&self) -> &str {
        &self.0.value
    }

    /// The CPUs that it allows; ``None`` where it has no say.
    #[getter]
    fn cpus(&self) -> Option<f64> {
        self.0.cpus
    }

    /// ``"decides"``, ``"allows"``, ``"no-limit"`` or ``"ignored"``.
    #[getter]
    fn status(&self) -> &str {
        self.0.status.name()
    }

    /// Why it was ignored, or how it says that there is no limit.
    #[getter]
    fn note(&self) -> Option<&str> {
        self.0.status.note()
    }

    fn __repr__(&self) -> String {
        let cpus = self.0.cpus.map_or("?".to_owned(), |cpus| cpus.to_string());
        let (status, kind, place) = (self.0.status.name(), self.0.kind, &self.0.place);
        format!("<Source {kind}: {cpus} CPUs, {status}, {place}>")
    }
}

/// What `poolkeeper.cpus()` is made of: whole CPUs, exact CPUs, physical and
/// performance cores, sources, and the table of all that.
type Parts = (u32, f64, Option<u32>, Option<u32>, Vec<Source>, String);

/// Reads the budget of this process, or of another one.
#[pyfunction]
#[pyo3(signature = (pid=None, /))]
pub(crate) fn _cpus(pid: Option<&Bound<'_, PyAny>>) -> PyResult<Parts> {
    // The environment is read while attached: Python may write it when detached.
    let budget = match pid {
        Some(pid) => budget::budget_of(numbers::process(pid)?),
        None => Observed::this_process().and_then(|observed| budget::Budget::read(&observed)),
    };
    let budget = budget.map_err(raise)?;
    let table = poolkeeper_cli::budget_table(&budget);
    Ok((
        budget.cpus,
        budget.exact,
        budget.physical_cores,
        budget.performance_cores,
        budget.sources.into_iter().map(Source).collect(),
        table,
    ))
}

/// The scopes that `with` blocks on one object began, with their threads: the
/// latest of the own thread's ends first.
#[derive(Default)]
struct Entered(Mutex<Vec<(ThreadId, Py<Scope>)>>);

impl Entered {
    fn scopes(&self) -> MutexGuard<'_, Vec<(ThreadId, Py<Scope>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, py: Python<'_>, request: Request) -> PyResult<()> {
        let scope = Py::new(py, Scope::begin(py, request)?)?;
        self.scopes().push((thread::current().id(), scope));
        Ok(())
    }

    fn exit(&self, py: Python<'_>) -> PyResult<()> {
        let own = thread::current().id();
        let scope = {
            let mut scopes = self.scopes();
            let index = scopes.iter().rposition(|(thread, _)| *thread == own);
            index.map(|index| scopes.remove(index).1)
        };
        scope.map_or(Ok(()), |scope| scope.get().release(py).map(drop))
    }
}

/// What one worker may use: a process of a split, or a thread.
#[pyclass(frozen, module = "poolkeeper")]
pub(crate) struct Share {
    share: budget::Share,
    request: Request,
    entered: Entered,
}

impl Share {
    fn new(share: budget::Share, request: Request) -> Self {
        Share {
            share,
            request,
            entered: Entered::default(),
        }
    }
}

impl From<budget::Share> for Share {
    fn from(share: budget::Share) -> Self {
        Share::new(share, share.request())
    }
}

#[pymethods]
impl Share {
    /// CPUs.
    #[getter]
    fn cpus(&self) -> u32 {
        self.share.cpus
    }

    /// Threads of the outer level (OpenMP, and what else has threads).
    #[getter]
    fn openmp(&self) -> u32 {
        self.share.openmp
    }

    /// Threads of each BLAS call.
    #[getter]
    fn blas(&self) -> u32 {
        self.share.blas
    }

    /// Begins a limit that keeps the share, for libraries loaded later too.
    ///
    /// Returns
    /// -------
    /// Scope
    ///     Live until it is released.
    fn limit(&self, py: Python<'_>) -> PyResult<Scope> {
        Scope::begin(py, self.request.clone())
    }

    /// The environment variables that keep the share in a new process: a dict
    /// of str by name.
    fn env(&self) -> HashMap<&'static str, String> {
        variables(&self.share)
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyResult<PyRef<'_, Self>> {
        slf.entered.enter(slf.py(), slf.request.clone())?;
        Ok(slf)
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.entered.exit(py)
    }

    /// A copy in another process has the levels' counts; single pools' files
    /// may not be loaded there.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (u32, u32, u32))> {
        let make = py.import("poolkeeper._native")?.getattr("_share")?;
        let budget::Share {
            cpus, openmp, blas, ..
        } = self.share;
        Ok((make, (cpus, openmp, blas)))
    }

    fn __eq__(&self, other: &Self) -> bool {
        self.share == other.share
    }

    fn __repr__(&self) -> String {
        format!("<Share of {}>", self.share)
    }
}

/// A share by its numbers.
#[pyfunction]
pub(crate) fn _share(cpus: u32, openmp: u32, blas: u32) -> Share {
    budget::Share::new(cpus, openmp, blas).into()
}

/// What each of `workers` threads may use, if the caller may use `cpus` CPUs.
#[pyfunction]
pub(crate) fn _share_of_callers(py: Python<'_>, workers: u32, cpus: u32) -> PyResult<Share> {
    let pools = unlocked(py, poolkeeper::pools).map_err(raise)?;
    let (share, request) = budget::share_of_callers(workers, cpus, &pools);
    Ok(Share::new(share, request))
}

/// What to set in an environment, and what the user had set there:
/// `(name, theirs, ours)`.
type Changed = (
    HashMap<&'static str, String>,
    Vec<(&'static str, String, u32)>,
);

/// What keeps a share in `environment`, where what the user set stays.
#[pyfunction]
pub(crate) fn _environment_changes(
    share: &Share,
    environment: &Bound<'_, PyAny>,
    force: bool,
) -> PyResult<Changed> {
    let lookup = |name: &str| {
        let value = environment.call_method1("get", (name,)).ok()?;
        value.extract::<String>().ok()
    };
    let changes = Changes::new(&share.share, lookup, force);
    let kept = changes.kept.into_iter();
    Ok((
        changes.set.into_iter().collect(),
        kept.map(|kept| (kept.name, kept.theirs, kept.ours))
            .collect(),
    ))
}

/// Binds the calling thread, and what it starts, to so many CPUs.
#[pyfunction]
pub(crate) fn _pin(cpus: u32) -> PyResult<Vec<u32>> {
    budget::pin(cpus).map_err(raise)
}

fn variables(share: &budget::Share) -> HashMap<&'static str, String> {
    let lookup = |_: &str| None;
    Changes::new(share, lookup, true).set.into_iter().collect()
}

/// Divides the budget over processes, OpenMP and BLAS.
///
/// The product of the three never exceeds the budget, and the threads that may
/// call a BLAS at once never exceed what each loaded BLAS survives. What is
/// asked for is lowered until it fits, outermost first; a level that is not
/// asked for takes what is left: one process, all to OpenMP, one thread a BLAS
/// call.
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
///     CPUs to divide. Default: the budget, :func:`cpus`.
/// nested : bool, default True
///     Whether BLAS calls come from inside OpenMP regions, so that the product
///     counts. If False, the two take turns, and each may have a process's whole
///     share.
///
/// Returns
/// -------
/// Split
///     The shares; its ``str`` is a sentence, its ``repr`` has a table too.
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
        None => budget::budget().map_err(raise)?.cpus,
    };
    let pools = unlocked(py, poolkeeper::pools).map_err(raise)?;
    let split = budget::Split::new(cpus, &levels, &pools).map_err(raise)?;
    Ok(Split {
        split,
        entered: Entered::default(),
    })
}

/// A budget divided over processes x OpenMP x BLAS: what :func:`split` returns.
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
    ///     If there are fewer.
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

    /// The environment variables that keep the smallest share in any worker: a
    /// dict of str by name. ``plan.worker(i).env()`` is one worker's own.
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

    fn __repr__(&self) -> String {
        poolkeeper_cli::split_table(&self.split)
            .trim_end()
            .to_owned()
    }
}
