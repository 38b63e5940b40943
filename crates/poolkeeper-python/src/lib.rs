//! The Python extension `poolkeeper._native`: conversions only, no logic.
//!
//! It keeps no state of its own that the GIL would have to guard.

mod budget;
mod command;
mod compatible;
mod doctor;
mod errors;
mod fastcall;
mod fork;
mod interpreter;
mod kmeans;
mod late;
mod look;
mod numbers;
mod pool;
mod report;
mod scope;
mod share;
mod split;
mod usage;

use pyo3::prelude::*;

/// Lists the native thread pools that this process has loaded.
///
/// Returns
/// -------
/// Pools
///     A sequence of :class:`Pool`, in the order in which they were loaded. Its
///     ``repr`` is a table. Thread counts are as the calling thread sees them. On a
///     system that is not supported yet it is empty, and ``unsupported`` says why.
///
/// Examples
/// --------
/// >>> import poolkeeper
/// >>> for pool in poolkeeper.pools():
/// ...     print(pool.runtime, pool.num_threads)  # doctest: +SKIP
#[pyfunction]
fn pools(py: Python<'_>) -> PyResult<pool::Pools> {
    interpreter::unlocked(py, poolkeeper::pools)
        .map(pool::Pools::from)
        .map_err(errors::raise)
}

/// As :func:`pools`, without counting the threads of pools that no limit reaches: for the
/// package itself, which asks wherever a thread starts.
#[pyfunction]
fn _uncounted_pools(py: Python<'_>) -> PyResult<pool::Pools> {
    interpreter::unlocked(py, poolkeeper::compatible::uncounted_pools)
        .map(pool::Pools::from)
        .map_err(errors::raise)
}

/// Makes the FlexiBLAS loaded from a file pass its calls on to another backend.
///
/// Parameters
/// ----------
/// flexiblas : str
///     Path of the loaded libflexiblas.
/// backend : str
///     A name from FlexiBLAS's configuration, or the path of a BLAS library.
///
/// Raises
/// ------
/// LimitError
///     If no pool has that file, or FlexiBLAS refuses the backend.
///
/// Examples
/// --------
/// >>> import poolkeeper
/// >>> poolkeeper.switch_backend("/no/libflexiblas.so", "NETLIB")
/// Traceback (most recent call last):
/// ...
/// poolkeeper.LimitError: no loaded pool has the file /no/libflexiblas.so; ...
#[pyfunction]
fn switch_backend(py: Python<'_>, flexiblas: std::path::PathBuf, backend: &str) -> PyResult<()> {
    // Detached: loading a library can wait for another thread's Python code.
    py.detach(|| poolkeeper::switch_backend(flexiblas, backend))
        .map_err(errors::raise)
}

/// Looks for libraries loaded since the last call, and makes live scopes with
/// ``late`` cover them; returns whether there were any.
#[pyfunction]
fn _refresh(py: Python<'_>) -> PyResult<bool> {
    interpreter::unlocked(py, poolkeeper::refresh).map_err(errors::raise)
}

#[pymodule(name = "_native", gil_used = false)]
fn native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    interpreter::claim(py)?;
    poolkeeper::doctor::remember_start();
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("MAX_LIMIT", poolkeeper::MAX_LIMIT)?;
    module.add("LimitError", py.get_type::<errors::LimitError>())?;
    module.add("LimitWarning", py.get_type::<errors::LimitWarning>())?;
    module.add_class::<pool::Pool>()?;
    module.add_class::<pool::Pools>()?;
    module.add_class::<report::Outcome>()?;
    module.add_class::<report::Ending>()?;
    module.add_class::<scope::Scope>()?;
    module.add_function(wrap_pyfunction!(pools, module)?)?;
    module.add_function(wrap_pyfunction!(_uncounted_pools, module)?)?;
    fastcall::add::<scope::Limit>(module)?;
    module.add_function(wrap_pyfunction!(scope::set_limit, module)?)?;
    module.add_function(wrap_pyfunction!(scope::_set_limits, module)?)?;
    module.add_function(wrap_pyfunction!(switch_backend, module)?)?;
    module.add_function(wrap_pyfunction!(command::run_command, module)?)?;
    module.add_class::<budget::Source>()?;
    module.add_class::<share::Share>()?;
    module.add_class::<share::Changes>()?;
    module.add_class::<split::Split>()?;
    module.add_function(wrap_pyfunction!(split::split, module)?)?;
    module.add_function(wrap_pyfunction!(budget::_cpus, module)?)?;
    module.add_function(wrap_pyfunction!(share::_share, module)?)?;
    module.add_function(wrap_pyfunction!(share::_share_of_callers, module)?)?;
    module.add_function(wrap_pyfunction!(share::_environment_changes, module)?)?;
    module.add_function(wrap_pyfunction!(budget::_pin, module)?)?;
    module.add_class::<usage::Sampler>()?;
    module.add_function(wrap_pyfunction!(_refresh, module)?)?;
    module.add_class::<doctor::Report>()?;
    module.add_class::<doctor::Finding>()?;
    module.add_function(wrap_pyfunction!(doctor::_doctor, module)?)?;
    module.add_function(wrap_pyfunction!(doctor::_safe_threads, module)?)?;
    compatible::add(module)?;
    kmeans::add(module)?;
    fork::add(module)?;
    Ok(())
}
