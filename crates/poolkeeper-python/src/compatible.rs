//! What the threadpoolctl layer (`poolkeeper.threadpoolctl`) is made of.

use crate::errors::raise;
use crate::interpreter::{unlocked, unlocked_in_drop};
use poolkeeper::{Request, Selector};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use std::sync::{Mutex, PoisonError};

/// A number that changes whenever a library is loaded or unloaded.
#[pyfunction]
pub(crate) fn _loader_version(py: Python<'_>) -> u64 {
    unlocked(py, poolkeeper::compatible::loader_version)
}

/// Whether this is a system on which no pool can be seen.
#[pyfunction]
pub(crate) fn _is_unsupported() -> bool {
    poolkeeper::unsupported().is_some()
}

/// The loader's version, and the files that it has mapped.
#[pyfunction]
pub(crate) fn _loaded_files(py: Python<'_>) -> PyResult<(u64, Bound<'_, PyList>)> {
    let (version, files) = unlocked(py, poolkeeper::compatible::loaded_files).map_err(raise)?;
    let list = PyList::empty(py);
    for file in &files {
        list.append(crate::pool::path(py, file)?)?;
    }
    Ok((version, list))
}

/// The ids of the pools that are loaded.
#[pyfunction]
pub(crate) fn _pool_ids(py: Python<'_>) -> PyResult<Vec<u32>> {
    unlocked(py, poolkeeper::compatible::pool_ids).map_err(raise)
}

/// A pool's thread count now; ``None`` if no such pool is loaded.
#[pyfunction]
pub(crate) fn _threads(py: Python<'_>, pool: u32) -> PyResult<Option<i32>> {
    unlocked(py, || poolkeeper::compatible::threads(pool)).map_err(raise)
}

/// Sets a pool's thread count at once, whatever scopes are live.
#[pyfunction]
pub(crate) fn _set_threads(py: Python<'_>, pool: u32, threads: i32) -> PyResult<bool> {
    unlocked(py, || poolkeeper::compatible::set_threads(pool, threads)).map_err(raise)
}

/// threadpoolctl's kind of scope over native pools: the innermost of a context
/// wins, and one that nobody ends leaves its values behind.
#[pyclass(frozen, module = "poolkeeper._native")]
pub(crate) struct Claim(Mutex<poolkeeper::Scope>);

impl Claim {
    /// Does something with the scope, detached, as `Scope` does.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        action: impl FnOnce(&mut poolkeeper::Scope) -> T + Send,
    ) -> T {
        unlocked(py, || {
            action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
        })
    }
}

#[pymethods]
impl Claim {
    /// Begins it: ``pools`` maps pools' ids to thread counts, or to ``None`` for
    /// a witness. ``context`` tells tasks and threads apart.
    #[new]
    fn new(pools: &Bound<'_, PyDict>, context: u64) -> PyResult<Self> {
        let mut request = Request::new().innermost_of(context).only_loaded();
        for item in pools.items() {
            let (pool, threads): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
            let selector = Selector::Id(pool.extract()?);
            request = match threads.extract::<Option<i32>>()? {
                Some(threads) => request.select_raw(selector, threads),
                None => request.witness(selector),
            };
        }
        let scope = unlocked(pools.py(), || poolkeeper::limit(request)).map_err(raise)?;
        Ok(Claim(Mutex::new(scope)))
    }

    /// The thread counts from before, by pools' ids.
    #[getter]
    fn before<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let before = PyDict::new(py);
        let counts: Vec<_> = self.with(py, |scope| scope.before().collect());
        for (pool, threads) in counts {
            before.set_item(pool, threads)?;
        }
        Ok(before)
    }

    /// Ends it and restores; a second call does nothing.
    fn end(&self, py: Python<'_>) {
        self.with(py, |scope| scope.end());
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let scope = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        if !scope.is_ended() {
            unlocked_in_drop(|| scope.keep());
        }
    }
}

/// Overlapping scopes over a value that Python code reads and sets.
#[pyclass(frozen, module = "poolkeeper._native")]
#[derive(Default)]
pub(crate) struct Overlap(poolkeeper::compatible::Overlap);

#[pymethods]
impl Overlap {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Begins a scope; its ticket and the value to set.
    fn join(&self, found: i32, threads: Option<i32>, context: u64) -> (u64, i32) {
        self.0.join(found, threads, context)
    }

    /// Notes the value that was read back.
    fn note(&self, observed: i32) {
        self.0.note(observed);
    }

    /// Ends a scope; the value to set, if any. ``found`` is ``None`` where the
    /// present value can't be read.
    fn leave(&self, ticket: u64, found: Option<i32>) -> Option<i32> {
        self.0.leave(ticket, found)
    }

    /// Ends a scope and leaves its value behind.
    fn keep(&self, ticket: u64) {
        self.0.keep(ticket);
    }
}

pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Claim>()?;
    module.add_class::<Overlap>()?;
    module.add_function(wrap_pyfunction!(_is_unsupported, module)?)?;
    module.add_function(wrap_pyfunction!(_loader_version, module)?)?;
    module.add_function(wrap_pyfunction!(_loaded_files, module)?)?;
    module.add_function(wrap_pyfunction!(_pool_ids, module)?)?;
    module.add_function(wrap_pyfunction!(_threads, module)?)?;
    module.add_function(wrap_pyfunction!(_set_threads, module)?)?;
    Ok(())
}
