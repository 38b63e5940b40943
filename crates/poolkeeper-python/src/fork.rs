//! Forks: what Python calls around them, and idle workers that end before.

use crate::doctor;
use crate::errors::raise;
use crate::interpreter::unlocked;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Ends the idle OpenMP workers of the calling thread (libgomp's).
///
/// OpenMP keeps the threads of a parallel region for the next one. A program that
/// computes rarely can let them go: their stacks are given back, and the process has so
/// many threads less. The next region starts others, in some 30 microseconds a thread;
/// settings stay. What code keeps in the workers (``threadprivate`` and thread-local
/// variables) is gone with them. Inside a parallel region nothing happens. Workers of
/// other runtimes, and of other threads, stay.
///
/// Examples
/// --------
/// >>> import poolkeeper
/// >>> poolkeeper.trim()
#[pyfunction]
fn trim(py: Python<'_>) -> PyResult<()> {
    unlocked(py, poolkeeper::trim).map_err(raise)
}

/// Lets forked children run OpenMP: before each fork, idle workers end.
///
/// A fork copies one thread. A libgomp that has run a parallel region believes in
/// workers which the child doesn't have, and the child's first region waits for them for
/// ever: a fit of scikit-learn, torch, LightGBM or XGBoost after one in the parent. With
/// this, the forking thread's idle workers end before the fork, as by :func:`trim`, and
/// both processes start their own. :func:`auto` and :func:`guard` turn it on, too.
///
/// Parameters
/// ----------
/// on : bool, default True
///     False turns it off, also where :func:`auto` or :func:`guard` would have it on.
///
/// Notes
/// -----
/// It holds for every kind of fork by Python: ``os.fork``, multiprocessing's ``fork``
/// and ``forkserver``, joblib's multiprocessing backend, servers that load a program
/// before they fork. Code that keeps something in OpenMP's workers between regions
/// (``threadprivate``) finds it gone after a fork, in the parent too. A fork inside a
/// parallel region is not cured, nor is numba's OpenMP layer, which ends such a child by
/// itself.
///
/// Examples
/// --------
/// >>> import poolkeeper
/// >>> poolkeeper.fork_safe()
#[pyfunction]
#[pyo3(signature = (on=true))]
fn fork_safe(py: Python<'_>, on: bool) {
    // Detached: it may load what ends of threads need.
    unlocked(py, || poolkeeper::fork_safe(on));
}

/// Makes forks safe until it is released, unless :func:`fork_safe` says otherwise.
#[pyclass(module = "poolkeeper._native")]
struct ForkSafety(Option<poolkeeper::ForkSafety>);

#[pymethods]
impl ForkSafety {
    #[new]
    fn new(py: Python<'_>) -> Self {
        ForkSafety(Some(unlocked(py, poolkeeper::ForkSafety::begin)))
    }

    /// Ends it; a second call does nothing.
    fn release(&mut self) {
        self.0 = None;
    }
}

/// Ends idle workers where forks are to be safe, before Python forks.
#[pyfunction]
fn _prepare_fork(py: Python<'_>) {
    if poolkeeper::is_fork_safe() {
        // Detached: what is loaded must be looked at, which may wait for another thread.
        unlocked(py, poolkeeper::prepare_fork);
    }
}

/// Restores pools that were limited by threads which don't exist in a forked child.
#[pyfunction]
fn _settle_after_fork(py: Python<'_>) {
    unlocked(py, poolkeeper::settle_after_fork);
}

/// Adds all this to the module, and the three calls around each fork.
///
/// # Errors
/// None of a usual interpreter.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add_function(wrap_pyfunction!(trim, module)?)?;
    module.add_function(wrap_pyfunction!(fork_safe, module)?)?;
    module.add_class::<ForkSafety>()?;
    let hooks = PyDict::new(py);
    hooks.set_item("before", wrap_pyfunction!(_prepare_fork, module)?)?;
    // A forked child that goes on with Python must not keep the limits of
    // threads it doesn't have, even if it never calls poolkeeper.
    hooks.set_item(
        "after_in_child",
        wrap_pyfunction!(_settle_after_fork, module)?,
    )?;
    let count = wrap_pyfunction!(doctor::_count_fork, module)?;
    hooks.set_item("after_in_parent", count)?;
    let register = py.import("os")?.getattr("register_at_fork")?;
    register.call((), Some(&hooks))?;
    Ok(())
}
