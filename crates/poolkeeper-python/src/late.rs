//! Libraries that Python loads while a scope is live: limited before their first call.
//!
//! An import of an extension module ends in `_imp.create_dynamic`, and ctypes opens
//! libraries by `_ctypes.dlopen`. Once a scope has begun, both are followed by a look
//! at what is loaded, which takes nanoseconds where no scope is live. (A library
//! that native code opens is seen by poolkeeper's next call, or the next import.)

use crate::interpreter::unlocked;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Notices libraries that are loaded from now on; only the first call has an effect.
///
/// # Errors
/// None of a usual interpreter.
pub(crate) fn watch(py: Python<'_>) -> PyResult<()> {
    static WATCHES: AtomicBool = AtomicBool::new(false);
    if WATCHES.load(Relaxed) || WATCHES.swap(true, Relaxed) {
        return Ok(());
    }
    let imports = py.import("_imp")?;
    for name in ["create_dynamic", "exec_dynamic"] {
        follow(imports.as_any(), name)?;
    }
    let sys = py.import("sys")?;
    if sys.getattr("builtin_module_names")?.contains("_ctypes")? {
        py.import("_ctypes")?; // linked in: its import would not be seen
    }
    let modules = sys.getattr("modules")?;
    for (module, name) in [("_ctypes", "dlopen"), ("ctypes", "_dlopen")] {
        if let Ok(module) = modules.get_item(module) {
            follow(&module, name)?;
        }
    }
    Ok(())
}

/// Replaces a function of a module by one that looks at the loaded libraries afterwards.
fn follow(module: &Bound<'_, PyAny>, name: &str) -> PyResult<()> {
    let Ok(function) = module.getattr(name) else {
        return Ok(()); // not on this system, or not yet
    };
    if function.cast::<Followed>().is_err() {
        let function = function.unbind();
        module.setattr(name, Bound::new(module.py(), Followed { function })?)?;
    }
    Ok(())
}

/// A function that loads libraries, followed by a look at what is loaded.
#[pyclass(frozen, module = "poolkeeper._native")]
struct Followed {
    function: Py<PyAny>,
}

#[pymethods]
impl Followed {
    #[pyo3(signature = (*arguments, **named))]
    fn __call__(
        &self,
        py: Python<'_>,
        arguments: &Bound<'_, PyTuple>,
        named: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let result = self.function.call(py, arguments, named);
        if poolkeeper::is_covering() {
            // What can't be limited is not the import's fault, and a scope's outcomes tell.
            let _ = unlocked(py, poolkeeper::refresh);
        }
        let loaded = arguments.get_item(0).and_then(|what| {
            let name = what.getattr("name").or_else(|_| what.getattr("__name__"))?;
            name.extract::<String>()
        });
        if loaded.is_ok_and(|name| name == "_ctypes")
            && let Ok(module) = py.import("sys")?.getattr("modules")?.get_item("_ctypes")
        {
            follow(&module, "dlopen")?;
        }
        result
    }

    /// Every other attribute is that of the wrapped function.
    fn __getattr__(&self, py: Python<'_>, name: &str) -> PyResult<Py<PyAny>> {
        self.function.getattr(py, name)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.function.bind(py).repr()?.to_string())
    }
}
