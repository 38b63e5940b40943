//! What one worker may use, as a limit and as an environment.

use crate::errors::raise;
use crate::interpreter::unlocked;
use crate::pool::html;
use crate::scope::Scope;
use poolkeeper::Request;
use poolkeeper::budget;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::collections::HashMap;
use std::ffi::OsString;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// The scopes that `with` blocks on one object began, with their threads. A block
/// that ends takes the latest scope of its thread.
#[derive(Default)]
pub(crate) struct Entered(Mutex<Vec<(ThreadId, Py<Scope>)>>);

impl Entered {
    fn scopes(&self) -> MutexGuard<'_, Vec<(ThreadId, Py<Scope>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, py: Python<'_>, request: Request) -> PyResult<()> {
        let scope = Py::new(py, Scope::begin(py, request)?)?;
        self.scopes().push((thread::current().id(), scope));
        Ok(())
    }

    pub(crate) fn exit(&self, py: Python<'_>) -> PyResult<()> {
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
    /// The worker's CPUs.
    #[getter]
    fn cpus(&self) -> u32 {
        self.share.cpus
    }

    /// Threads of the outer level (OpenMP, TBB, rayon and the like).
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

    /// What a notebook shows.
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        html(slf.as_any(), "share")
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
    let pools = unlocked(py, poolkeeper::compatible::uncounted_pools).map_err(raise)?;
    let (share, request) = budget::share_of_callers(workers, cpus, &pools);
    Ok(Share::new(share, request))
}

/// What keeps a share in an environment, where what the user set counts.
#[pyclass(frozen, module = "poolkeeper")]
pub(crate) struct Changes(budget::Changes);

/// Name, the user's value, and what keeps the share.
type Told = Vec<(&'static str, String, u32)>;

#[pymethods]
impl Changes {
    /// The variables to set: a dict of str by name.
    #[getter]
    fn set(&self) -> HashMap<&'static str, String> {
        self.0.set.iter().cloned().collect()
    }

    /// The variables that the user had set and that stay.
    #[getter]
    fn kept(&self) -> Told {
        told(&self.0.kept)
    }

    /// The variables that the user had set to something that is no number.
    #[getter]
    fn replaced(&self) -> Told {
        told(&self.0.replaced)
    }

    /// Begins a limit of this process's pools by the numbers of these variables.
    fn limit(&self, py: Python<'_>) -> PyResult<Scope> {
        Scope::begin(py, self.0.request())
    }

    /// The most threads of each runtime's pools in this process, by its name.
    fn most(&self) -> HashMap<&'static str, u32> {
        let runtimes = poolkeeper::runtimes::all();
        runtimes.map(|card| (card.id, self.0.most(card))).collect()
    }
}

fn told(theirs: &[budget::Theirs]) -> Told {
    let each = theirs.iter();
    each.map(|theirs| (theirs.name, theirs.value.clone(), theirs.ours))
        .collect()
}

/// What keeps a share in `environment`, where what the user set stays.
#[pyfunction]
pub(crate) fn _environment_changes(
    share: &Share,
    environment: &Bound<'_, PyAny>,
    force: bool,
) -> Changes {
    let lookup = |name: &str| {
        let value = environment.call_method1("get", (name,)).ok()?;
        // Bytes that are no UTF-8 came as surrogates, which only this undoes.
        let value = value.extract::<Option<OsString>>().ok()??;
        Some(value.to_string_lossy().into_owned())
    };
    Changes(budget::Changes::new(&share.share, lookup, force))
}

pub(crate) fn variables(share: &budget::Share) -> HashMap<&'static str, String> {
    let lookup = |_: &str| None;
    budget::Changes::new(share, lookup, true)
        .set
        .into_iter()
        .collect()
}
