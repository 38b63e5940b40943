//! `limit` as a "fastcall" function of the module.
//!
//! PyO3 passes the arguments of a function that takes `**names` through a tuple
//! and a dict, which costs a tenth of a whole `with poolkeeper.limit(1)`. This
//! is the interpreter's own convention instead: an array of arguments, and the
//! names of the last ones.

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCFunction, PyString, PyTuple};
use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// What a function was called with.
pub(crate) struct Arguments<'a, 'py> {
    py: Python<'py>,
    values: &'a [*mut ffi::PyObject],
    names: Option<Bound<'py, PyTuple>>,
}

impl<'py> Arguments<'_, 'py> {
    pub(crate) fn py(&self) -> Python<'py> {
        self.py
    }

    fn get(&self, index: usize) -> Bound<'py, PyAny> {
        // SAFETY: the caller of the function keeps its arguments alive.
        unsafe { Bound::from_borrowed_ptr(self.py, self.values[index]) }
    }

    fn names_count(&self) -> usize {
        self.names.as_ref().map_or(0, |names| names.len())
    }

    /// The arguments without a name.
    pub(crate) fn positional(&self) -> impl Iterator<Item = Bound<'py, PyAny>> {
        (0..self.values.len() - self.names_count()).map(|index| self.get(index))
    }

    /// The arguments with a name.
    ///
    /// # Errors
    /// None, but for an interpreter that passes names which aren't text.
    pub(crate) fn named(
        &self,
    ) -> impl Iterator<Item = PyResult<(Bound<'py, PyString>, Bound<'py, PyAny>)>> {
        let first = self.values.len() - self.names_count();
        let names = self.names.iter().flat_map(|names| names.iter());
        names
            .enumerate()
            .map(move |(index, name)| Ok((name.cast_into::<PyString>()?, self.get(first + index))))
    }
}

/// A function's code.
pub(crate) trait Body {
    /// Its name in the module.
    const NAME: &'static CStr;
    /// Its signature and documentation, as CPython wants them in one text.
    const DOC: &'static CStr;

    /// # Errors
    /// What the Python function raises.
    fn call<'py>(arguments: &Arguments<'_, 'py>) -> PyResult<Bound<'py, PyAny>>;
}

/// Adds the function to the module.
///
/// # Errors
/// If the interpreter has no memory for it.
pub(crate) fn add<B: Body>(module: &Bound<'_, PyModule>) -> PyResult<()> {
    // The interpreter keeps a pointer to it for as long as the function lives.
    let definition = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: B::NAME.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer {
            PyCFunctionFastWithKeywords: call::<B>,
        },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: B::DOC.as_ptr(),
    }));
    let catch_up = wrap_pyfunction!(catch_up, module)?;
    CATCH_UP.get_or_init(module.py(), || catch_up.unbind());
    let name = module.name()?;
    // SAFETY: a definition that lives for ever, no self, a module's name; a new
    // reference or NULL comes back (Python/C API, PyCFunction_NewEx).
    let function = unsafe {
        let function = ffi::PyCFunction_NewEx(definition, ptr::null_mut(), name.as_ptr());
        Bound::from_owned_ptr_or_err(module.py(), function)?
    };
    module.add(name_of::<B>(), function)
}

fn name_of<B: Body>() -> &'static str {
    B::NAME.to_str().unwrap_or_default()
}

/// What the interpreter calls.
///
/// # Safety
/// The caller is attached to an interpreter, and as METH_FASTCALL |
/// METH_KEYWORDS has it, `values` are `count` positional
/// arguments and then one for each of `names`, a tuple of str or NULL.
unsafe extern "C" fn call<B: Body>(
    _module: *mut ffi::PyObject,
    values: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this. (`Python::attach` would look for the
    // main interpreter's thread state, and wait for ever in another one.)
    let py = unsafe { Python::assume_attached() };
    let body = || {
        // SAFETY: NULL or a tuple, which the caller keeps alive.
        let names = unsafe { Bound::from_borrowed_ptr_or_opt(py, names) }
            .map(Bound::cast_into::<PyTuple>)
            .transpose()?;
        let total = count as usize + names.as_ref().map_or(0, |names| names.len());
        let values = match total {
            0 => &[][..],
            // SAFETY: there are that many; only with none may it be NULL.
            _ => unsafe { std::slice::from_raw_parts(values, total) },
        };
        B::call(&Arguments { py, values, names })
    };
    let panicked = |_| {
        Err(PyRuntimeError::new_err(
            "poolkeeper panicked: please report it",
        ))
    };
    match catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(panicked) {
        Ok(object) => object.into_ptr(),
        Err(error) => {
            // Now, so that what its making lets go of is given back below.
            error.value(py);
            give_back(py);
            error.restore(py);
            ptr::null_mut()
        }
    }
}

static CATCH_UP: PyOnceLock<Py<PyCFunction>> = PyOnceLock::new();

/// Does nothing: PyO3 catches up when it is called.
#[pyfunction]
fn catch_up() {}

/// Gives back the objects that were let go of in [`call`].
///
/// PyO3 knows of its own functions that the interpreter has called them. Here it
/// takes the thread for a detached one, and keeps what errors let go of until one
/// of its functions is called: for ever, in a program that calls only `limit`.
fn give_back(py: Python<'_>) {
    if let Some(catch_up) = CATCH_UP.get(py) {
        // A function without arguments and without code doesn't fail.
        let _ = catch_up.bind(py).call0();
    }
}
