//! `limit`, `set_limit` and `Scope`.

use crate::errors::{LimitWarning, raise};
use crate::numbers;
use crate::report::{Ending, Outcome};
use poolkeeper::Request;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::ffi::CString;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Limits native thread pools until the scope ends.
///
/// Works as a ``with`` block, as a decorator of functions, coroutine functions
/// and generator functions, and as a plain call whose result has ``release()``.
///
/// Where scopes overlap, on one thread or on several, the smallest limit holds,
/// and the last to end restores what was there before the first.
///
/// Parameters
/// ----------
/// limits : int or dict, optional
///     Threads for every pool, or a dict of threads by name: a level
///     (``"blas"``, ``"openmp"``), a runtime (``"openblas"``, ``"mkl"``,
///     ``"libgomp"``, ...) or the path of a loaded library. The most specific
///     name counts.
/// force : bool, default False
///     Raise limits that other scopes have set.
/// late : bool, default False
///     Cover libraries that are loaded while the scope is live, from the next
///     call of poolkeeper on.
/// **pools : int
///     Threads by name, as in the dict: ``limit(blas=1, openmp=8)``.
///
/// Returns
/// -------
/// Scope
///     Already live.
///
/// Raises
/// ------
/// LimitError
///     For a count outside 1 to ``poolkeeper.MAX_LIMIT``, an unknown name or
///     path, a name given twice, or no name at all. Nothing has been changed.
/// TypeError
///     For a count that is no int (a bool or a float, say).
///
/// Examples
/// --------
/// >>> import poolkeeper
/// >>> with poolkeeper.limit(blas=1) as scope:
/// ...     all(outcome.status == "applied" for outcome in scope.outcomes
/// ...         if outcome.filepath)
/// True
///
/// >>> @poolkeeper.limit(1)
/// ... def quiet():
/// ...     return 42
/// >>> quiet()
/// 42
#[pyfunction]
#[pyo3(signature = (limits=None, /, *, force=false, late=false, **pools))]
pub(crate) fn limit(
    limits: Option<&Bound<'_, PyAny>>,
    force: bool,
    late: bool,
    pools: Option<&Bound<'_, PyDict>>,
) -> PyResult<Scope> {
    let mut request = numbers::request(limits, pools)?;
    if force {
        request = request.force();
    }
    if late {
        request = request.late();
    }
    Scope::begin(request)
}

/// Sets the thread counts outside every scope: the baseline.
///
/// It stays until it is set again. While scopes are live it waits for the last
/// of them to end. A pool with reach ``"thread"`` is set for the calling thread
/// only.
///
/// Parameters
/// ----------
/// limits : int or dict, optional
///     As in :func:`limit`.
/// **pools : int
///     As in :func:`limit`.
///
/// Returns
/// -------
/// list of Outcome
///     What became of it in each pool.
///
/// Raises
/// ------
/// LimitError, TypeError
///     As :func:`limit`.
///
/// Examples
/// --------
/// >>> import poolkeeper
/// >>> outcomes = poolkeeper.set_limit(blas=2)
#[pyfunction]
#[pyo3(signature = (limits=None, /, **pools))]
pub(crate) fn set_limit(
    limits: Option<&Bound<'_, PyAny>>,
    pools: Option<&Bound<'_, PyDict>>,
) -> PyResult<Vec<Outcome>> {
    let request = numbers::request(limits, pools)?;
    let outcomes = poolkeeper::set_limit(request).map_err(raise)?;
    Ok(outcomes.into_iter().map(Outcome).collect())
}

/// A limit on native thread pools, live from its making until it is released.
#[pyclass(frozen, module = "poolkeeper")]
pub(crate) struct Scope(Mutex<State>);

struct State {
    scope: poolkeeper::Scope,
    /// In a `with` block, which will end it.
    entered: bool,
}

impl Scope {
    fn begin(request: Request) -> PyResult<Scope> {
        let scope = poolkeeper::limit(request).map_err(raise)?;
        Ok(Scope(Mutex::new(State {
            scope,
            entered: false,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the scope, and returns what the user should know of.
    fn end(&self) -> Vec<poolkeeper::Ending> {
        let mut state = self.state();
        if state.scope.is_ended() {
            return Vec::new();
        }
        state.entered = false;
        state.scope.end();
        state.scope.notable_endings().collect()
    }
}

#[pymethods]
impl Scope {
    /// What became of the limit in each pool: a list of :class:`Outcome`.
    #[getter]
    fn outcomes(&self) -> Vec<Outcome> {
        self.state()
            .scope
            .outcomes()
            .into_iter()
            .map(Outcome)
            .collect()
    }

    /// What was done to each pool when the scope ended: a list of
    /// :class:`Ending`, empty while it is live.
    #[getter]
    fn endings(&self) -> Vec<Ending> {
        self.state()
            .scope
            .endings()
            .into_iter()
            .map(Ending)
            .collect()
    }

    /// Whether the limit is in force.
    #[getter]
    fn live(&self) -> bool {
        !self.state().scope.is_ended()
    }

    /// Ends the limit; a second time does nothing.
    ///
    /// Returns
    /// -------
    /// list of Ending
    ///     What was done to each pool.
    ///
    /// Warns
    /// -----
    /// LimitWarning
    ///     If a pool was left as it is: somebody else changed it meanwhile, or
    ///     the limit belongs to another thread.
    fn release(&self, py: Python<'_>) -> PyResult<Vec<Ending>> {
        warn(py, self.end())?;
        Ok(self.endings())
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyResult<PyRef<'_, Self>> {
        {
            let mut state = slf.state();
            if state.entered {
                return Err(PyRuntimeError::new_err(
                    "this scope is in a with block already: make one for each block",
                ));
            }
            if state.scope.is_ended() {
                let request = state.scope.request().clone();
                state.scope = poolkeeper::limit(request).map_err(raise)?;
            }
            state.entered = true;
        }
        Ok(slf)
    }

    #[pyo3(signature = (_type, _value, _traceback, /))]
    fn __exit__(
        &self,
        py: Python<'_>,
        _type: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        warn(py, self.end())
    }

    /// Decorates a function, a coroutine function or a generator function: its
    /// body runs as if in a ``with`` block of its own.
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        function: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let scope = slf.get();
        if scope.state().entered {
            return Err(PyRuntimeError::new_err(
                "this scope is in a with block: decorate with one of its own",
            ));
        }
        warn(py, scope.end())?;
        py.import("poolkeeper._decorate")?
            .getattr("decorate")?
            .call1((slf, function))
    }

    /// Begins another scope with the same limits.
    fn _again(&self) -> PyResult<Scope> {
        let request = self.state().scope.request().clone();
        Scope::begin(request)
    }

    fn __repr__(&self) -> String {
        let state = self.state();
        let word = if state.scope.is_ended() {
            "ended"
        } else {
            "live"
        };
        let outcomes: Vec<_> = state
            .scope
            .outcomes()
            .iter()
            .map(ToString::to_string)
            .collect();
        format!("<Scope {word}: {}>", outcomes.join("; "))
    }
}

impl Drop for Scope {
    /// A limit whose scope nobody kept is over at once, which nobody who wrote
    /// `poolkeeper.limit(1)` as a statement meant.
    fn drop(&mut self) {
        let state = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if state.scope.is_ended() {
            return;
        }
        state.scope.end();
        // While the interpreter shuts down there is nobody to warn.
        Python::try_attach(|py| {
            let message = c"a limit ended because nothing kept its scope: use `with \
                poolkeeper.limit(...):`, keep the result until its release(), or call \
                poolkeeper.set_limit(...) for good";
            if let Err(error) = PyErr::warn(py, &py.get_type::<LimitWarning>(), message, 1) {
                error.write_unraisable(py, None);
            }
        });
    }
}

fn warn(py: Python<'_>, endings: Vec<poolkeeper::Ending>) -> PyResult<()> {
    for ending in endings {
        let message = CString::new(ending.to_string())?;
        PyErr::warn(py, &py.get_type::<LimitWarning>(), &message, 1)?;
    }
    Ok(())
}
