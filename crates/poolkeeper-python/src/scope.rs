//! `limit`, `set_limit` and `Scope`.

use crate::errors::{LimitWarning, raise};
use crate::fastcall::{Arguments, Body};
use crate::interpreter::{unlocked, unlocked_in_drop};
use crate::late;
use crate::numbers;
use crate::pool::html;
use crate::report::{Ending, Outcome};
use poolkeeper::{EndStatus, Request, printable};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::collections::HashMap;
use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// `poolkeeper.limit`: see its docstring in `limit.txt`.
pub(crate) struct Limit;

impl Body for Limit {
    const NAME: &'static CStr = c"limit";
    const DOC: &'static CStr = match CStr::from_bytes_with_nul(
        concat!(
            "limit(limits=None, /, *, force=False, late=True, **pools)\n--\n\n",
            include_str!("limit.txt"),
            "\0"
        )
        .as_bytes(),
    ) {
        Ok(text) => text,
        Err(_) => panic!("limit.txt contains a NUL"),
    };

    fn call<'py>(arguments: &Arguments<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut request = Request::new();
        let mut positional = arguments.positional();
        if let Some(limits) = positional.next() {
            request = numbers::add_limits(request, &limits)?;
        }
        let more = positional.count();
        if more > 0 {
            return Err(PyTypeError::new_err(format!(
                "limit() takes one positional argument, not {}: name the pools, as in limit(blas=1)",
                more + 1
            )));
        }
        for argument in arguments.named() {
            let (name, value) = argument?;
            request = match &*name.to_cow()? {
                "force" if numbers::flag("force", &value)? => request.force(),
                "late" if !numbers::flag("late", &value)? => request.only_loaded(),
                "force" | "late" => request,
                _ => numbers::add(request, name.as_any(), &value)?,
            };
        }
        let scope = Scope::begin(arguments.py(), request)?;
        Ok(Bound::new(arguments.py(), scope)?.into_any())
    }
}

/// Sets the thread counts outside every scope: the baseline.
///
/// The baseline stays until it is set again. While scopes are live, a new one
/// waits for the last of them to end. A pool with reach ``"thread"`` is set for
/// the calling thread only.
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
///     What became of the request in each pool.
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
    py: Python<'_>,
    limits: Option<&Bound<'_, PyAny>>,
    pools: Option<&Bound<'_, PyDict>>,
) -> PyResult<Vec<Outcome>> {
    let request = numbers::request(limits, pools)?;
    let outcomes = unlocked(py, || poolkeeper::set_limit(request)).map_err(raise)?;
    Ok(outcomes.into_iter().map(Outcome).collect())
}

/// Sets pools by their ids, as :func:`set_limit` does by names: of two pools in one
/// file, a path names both.
#[pyfunction]
pub(crate) fn _set_limits(py: Python<'_>, pools: HashMap<u32, u32>) -> PyResult<()> {
    let set = |request: Request, (pool, threads): (&u32, &u32)| {
        request.select(poolkeeper::Selector::Id(*pool), *threads)
    };
    let request = pools.iter().fold(Request::new(), set);
    unlocked(py, || poolkeeper::set_limit(request)).map_err(raise)?;
    Ok(())
}

/// A limit on native thread pools, live from :func:`limit` until it is released.
#[pyclass(frozen, module = "poolkeeper")]
pub(crate) struct Scope {
    scope: Mutex<poolkeeper::Scope>,
    /// In a `with` block, which will end it. Read and written without the lock,
    /// which entering would otherwise take only for this: two threads that
    /// enter one scope at once may miss the error, and nothing else.
    entered: AtomicBool,
    /// A copy of the scope's own word, for the same reason.
    ended: AtomicBool,
}

impl Scope {
    pub(crate) fn begin(py: Python<'_>, request: Request) -> PyResult<Scope> {
        late::watch(py)?;
        let scope = unlocked(py, || poolkeeper::limit(request)).map_err(raise)?;
        Ok(Scope {
            scope: Mutex::new(scope),
            entered: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        })
    }

    /// Does something with the scope, whose lock is waited for and let go of while
    /// this thread is detached.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        action: impl FnOnce(&mut poolkeeper::Scope) -> T + Send,
    ) -> T {
        unlocked(py, || {
            action(&mut self.scope.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }

    /// Ends the scope, and returns what the user should know of.
    fn end(&self, py: Python<'_>) -> Vec<poolkeeper::Ending> {
        if self.ended.swap(true, Relaxed) {
            return Vec::new();
        }
        self.entered.store(false, Relaxed);
        // To end a scope, the library asks nothing but pools for their numbers and
        // sets them: only waiting for its lock is done detached.
        if let Ok(mut scope) = self.scope.try_lock()
            && scope.try_end()
        {
            return scope.notable_endings().collect();
        }
        self.with(py, |scope| {
            scope.end();
            scope.notable_endings().collect()
        })
    }

    fn request(&self, py: Python<'_>) -> Request {
        self.with(py, |scope| scope.request().clone())
    }
}

#[pymethods]
impl Scope {
    /// What became of the limit in each pool: a list of :class:`Outcome`.
    #[getter]
    fn outcomes(&self, py: Python<'_>) -> Vec<Outcome> {
        let outcomes = self.with(py, |scope| scope.outcomes());
        outcomes.into_iter().map(Outcome).collect()
    }

    /// What was done to each pool when the scope ended: a list of
    /// :class:`Ending`, empty while the scope is live.
    #[getter]
    fn endings(&self, py: Python<'_>) -> Vec<Ending> {
        let endings = self.with(py, |scope| scope.endings());
        endings.into_iter().map(Ending).collect()
    }

    /// Whether the limit is in force.
    #[getter]
    fn live(&self) -> bool {
        !self.ended.load(Relaxed)
    }

    /// Ends the limit; a second call does nothing.
    ///
    /// Returns
    /// -------
    /// list of Ending
    ///     What was done to each pool.
    ///
    /// Warns
    /// -----
    /// LimitWarning
    ///     If a pool was left as it is, because other code changed it meanwhile,
    ///     or because the limit belongs to another thread.
    pub(crate) fn release(&self, py: Python<'_>) -> PyResult<Vec<Ending>> {
        warn(py, self.end(py))?;
        Ok(self.endings(py))
    }

    /// Ends a limit that lasts as long as the thread it began on, and warns of
    /// nothing that follows from the thread's end: the interpreter's end and a
    /// fork drop what belongs to a thread on another one.
    fn _release_with_thread(&self, py: Python<'_>) -> PyResult<()> {
        let mut endings = self.end(py);
        endings.retain(|ending| {
            !matches!(
                ending.status,
                EndStatus::OtherThread | EndStatus::ThreadGone
            )
        });
        if endings.is_empty() || is_finalizing(py) {
            return Ok(());
        }
        warn(py, endings)
    }

    fn __enter__(slf: PyRef<'_, Self>) -> PyResult<PyRef<'_, Self>> {
        if slf.entered.load(Relaxed) {
            return Err(PyRuntimeError::new_err(
                "this scope is in a with block already: make one for each block",
            ));
        }
        if slf.ended.load(Relaxed) {
            let py = slf.py();
            let request = slf.request(py);
            let begun = unlocked(py, || poolkeeper::limit(request)).map_err(raise)?;
            let ended = slf.with(py, |scope| std::mem::replace(scope, begun));
            unlocked(py, || drop(ended));
            slf.ended.store(false, Relaxed);
        }
        slf.entered.store(true, Relaxed);
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
        warn(py, self.end(py))
    }

    /// Decorates a function, a coroutine function or a generator function: its
    /// body runs as if in a ``with`` block of its own.
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        function: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let scope = slf.get();
        if scope.entered.load(Relaxed) {
            return Err(PyRuntimeError::new_err(
                "this scope is in a with block: decorate with one of its own",
            ));
        }
        warn(py, scope.end(py))?;
        py.import("poolkeeper._decorate")?
            .getattr("decorate")?
            .call1((slf, function))
    }

    /// Begins another scope with the same limits.
    fn _again(&self, py: Python<'_>) -> PyResult<Scope> {
        Scope::begin(py, self.request(py))
    }

    /// What a notebook shows.
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        html(slf.as_any(), "scope")
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let (word, outcomes) = self.with(py, |scope| {
            let word = if scope.is_ended() { "ended" } else { "live" };
            (word, scope.outcomes())
        });
        let outcomes: Vec<_> = outcomes.iter().map(ToString::to_string).collect();
        format!("<Scope {word}: {}>", printable(&outcomes.join("; ")))
    }
}

impl Drop for Scope {
    /// A limit whose scope nobody kept is over at once, which nobody who wrote
    /// `poolkeeper.limit(1)` as a statement meant.
    fn drop(&mut self) {
        let scope = self.scope.get_mut().unwrap_or_else(PoisonError::into_inner);
        if scope.is_ended() {
            return;
        }
        unlocked_in_drop(|| scope.end());
        // While the interpreter shuts down there is nobody to warn, and every
        // scope that lasted until then is dropped.
        Python::try_attach(|py| {
            // The scope may be dropped because of an exception: it goes on.
            let pending = PyErr::take(py);
            warn_of_loss(py);
            if let Some(pending) = pending {
                pending.restore(py);
            }
        });
    }
}

fn warn_of_loss(py: Python<'_>) {
    if is_finalizing(py) {
        return;
    }
    let message = c"a limit ended because nothing kept its scope: use `with \
        poolkeeper.limit(...):`, keep the result until its release(), or call \
        poolkeeper.set_limit(...) for good";
    if let Err(error) = PyErr::warn(py, &py.get_type::<LimitWarning>(), message, 1) {
        error.write_unraisable(py, None);
    }
}

/// Whether the interpreter is shutting down, as far as it can still tell.
fn is_finalizing(py: Python<'_>) -> bool {
    let asked = py
        .import("sys")
        .and_then(|sys| sys.call_method0("is_finalizing")?.is_truthy());
    asked.unwrap_or(true)
}

fn warn(py: Python<'_>, endings: Vec<poolkeeper::Ending>) -> PyResult<()> {
    for ending in endings {
        let message = CString::new(ending.to_string())?;
        PyErr::warn(py, &py.get_type::<LimitWarning>(), &message, 1)?;
    }
    Ok(())
}
