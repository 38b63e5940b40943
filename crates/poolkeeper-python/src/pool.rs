//! `Pool` and `Pools`.

use crate::look::{counted, look};
use poolkeeper::printable;
use pyo3::exceptions::{PyIndexError, PyOverflowError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PySlice};
use std::path::Path;

/// One native runtime loaded in this process, as it was when
/// :func:`poolkeeper.pools` looked. A field that could not be found out is ``None``.
#[pyclass(frozen, module = "poolkeeper", eq)]
#[derive(Clone, PartialEq)]
pub(crate) struct Pool(poolkeeper::Pool);

#[pymethods]
impl Pool {
    /// Tells pools apart for the life of the process; later ones are larger.
    #[getter]
    fn id(&self) -> u32 {
        self.0.id
    }

    /// Standard that the runtime implements: ``"blas"`` or ``"openmp"``; ``"other"`` for none.
    #[getter]
    fn user_api(&self) -> &str {
        self.0.user_api
    }

    /// Family of the implementation: ``"openblas"``, ``"mkl"``, ``"openmp"``...
    #[getter]
    fn internal_api(&self) -> &str {
        self.0.internal_api
    }

    /// Threads that the calling thread's next parallel call would have used.
    #[getter]
    fn num_threads(&self) -> Option<u32> {
        self.0.num_threads.map(Into::into)
    }

    /// Beginning of the file's name that identifies the library.
    #[getter]
    fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// Path of the loaded file, symbolic links resolved.
    #[getter]
    fn filepath<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        path(py, &self.0.filepath)
    }

    /// Version that the library reports.
    #[getter]
    fn version(&self) -> Option<&str> {
        self.0.version.as_deref()
    }

    /// What its threads are made with: ``"pthreads"``, ``"openmp"``, ...
    #[getter]
    fn threading_layer(&self) -> Option<&str> {
        self.0.threading_layer.as_deref()
    }

    /// Processor kind that the library chose its kernels for.
    #[getter]
    fn architecture(&self) -> Option<&str> {
        self.0.architecture.as_deref()
    }

    /// Name of the runtime, as a request names it: ``"openblas"``, ``"libgomp"``.
    #[getter]
    fn runtime(&self) -> &str {
        self.0.runtime
    }

    /// Name of the runtime as its makers write it: ``"OpenBLAS"``.
    #[getter]
    fn name(&self) -> &str {
        self.0.name
    }

    /// Level that the pool belongs to: ``"openmp"``, ``"blas"``, or ``"other"`` where it is neither.
    #[getter]
    fn level(&self) -> &str {
        self.0.level.name()
    }

    /// What setting its thread count affects: ``"process"``, ``"thread"``, or ``"none"`` where no limit reaches it.
    #[getter]
    fn reach(&self) -> &str {
        self.0.reach.name()
    }

    /// Highest thread count that the pool can be set to.
    #[getter]
    fn max_threads(&self) -> Option<u32> {
        self.0.max_threads.map(Into::into)
    }

    /// Number of simultaneous callers that the pool survives.
    #[getter]
    fn capacity(&self) -> Option<u32> {
        self.0.capacity
    }

    /// What stands before each of its functions' names: ``"scipy_"`` or ``""``.
    #[getter]
    fn symbol_prefix(&self) -> &str {
        self.0.symbol_prefix
    }

    /// What stands after each of its functions' names: ``"64_"``, ``"_64"``, ``""``.
    #[getter]
    fn symbol_suffix(&self) -> &str {
        self.0.symbol_suffix
    }

    /// Path of the pool that decides its thread count, if another one does: the
    /// OpenMP runtime under it, or a FlexiBLAS's backend.
    #[getter]
    fn runs_on<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.0
            .runs_on
            .as_deref()
            .map(|file| path(py, file))
            .transpose()
    }

    /// FlexiBLAS's backends: a dict with ``available``, ``loaded`` (lists of
    /// names) and ``current``; ``None`` for every other runtime.
    #[getter]
    fn backends<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(backends) = &self.0.backends else {
            return Ok(None);
        };
        let dict = PyDict::new(py);
        dict.set_item("available", &backends.available)?;
        dict.set_item("loaded", &backends.loaded)?;
        dict.set_item("current", &backends.current)?;
        Ok(Some(dict))
    }

    /// Whether this process, a forked child, hangs where it uses several threads of it.
    #[getter]
    fn _waits_in_this_child(&self) -> bool {
        self.0.waits_in_this_child()
    }

    /// Every field by its name.
    fn to_dict<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(slf.py());
        for field in FIELDS {
            dict.set_item(field, slf.getattr(field)?)?;
        }
        Ok(dict)
    }

    fn __repr__(&self) -> String {
        let unknown = || "? threads".to_owned();
        let which = match self.0.reach {
            poolkeeper::Reach::None => "now",
            _ => "at most",
        };
        format!(
            "<Pool {}: {} {which}, level {}, reach {}, {}>",
            self.0.runtime,
            self.0
                .num_threads
                .map_or_else(unknown, |n| counted(n.get(), "thread")),
            self.0.level,
            self.0.reach,
            printable(&self.0.filepath.display().to_string()),
        )
    }
}

const FIELDS: [&str; 18] = [
    "user_api",
    "internal_api",
    "num_threads",
    "prefix",
    "filepath",
    "version",
    "threading_layer",
    "architecture",
    "runtime",
    "name",
    "level",
    "reach",
    "max_threads",
    "capacity",
    "symbol_prefix",
    "symbol_suffix",
    "runs_on",
    "backends",
];

/// The pools that were found: a sequence of :class:`Pool` that prints as a table.
#[pyclass(frozen, module = "poolkeeper", sequence, eq)]
#[derive(PartialEq)]
pub(crate) struct Pools(Vec<Pool>);

impl From<Vec<poolkeeper::Pool>> for Pools {
    fn from(pools: Vec<poolkeeper::Pool>) -> Self {
        Pools(pools.into_iter().map(Pool).collect())
    }
}

#[pymethods]
impl Pools {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = index.py();
        if let Ok(slice) = index.cast::<PySlice>() {
            let list = PyList::new(py, self.0.iter().cloned())?;
            return list.as_any().get_item(slice);
        }
        let length = self.0.len() as isize;
        // An int that no index can be is only out of range.
        let wanted = match index.extract::<isize>() {
            Err(error) if error.is_instance_of::<PyOverflowError>(py) => isize::MIN / 2,
            other => other?,
        };
        let position = if wanted < 0 { wanted + length } else { wanted };
        let pool = usize::try_from(position)
            .ok()
            .and_then(|position| self.0.get(position));
        match pool {
            Some(pool) => Ok(Bound::new(py, pool.clone())?.into_any()),
            None => Err(PyIndexError::new_err(format!(
                "the list has {}, no [{index}]",
                counted(length.unsigned_abs() as u64, "pool")
            ))),
        }
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        PyList::new(py, self.0.iter().cloned())?.call_method0("__iter__")
    }

    /// Every pool as a dict: :meth:`Pool.to_dict` of each.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for pool in &self.0 {
            list.append(Pool::to_dict(&Bound::new(py, pool.clone())?)?)?;
        }
        Ok(list)
    }

    /// Why no pool can be seen on this system; ``None`` where pools can.
    #[getter]
    fn unsupported(&self) -> Option<String> {
        poolkeeper::unsupported().map(|reason| reason.to_string())
    }

    /// What a notebook shows.
    fn _repr_html_<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        html(slf.as_any(), "pools")
    }

    fn __repr__(&self, py: Python<'_>) -> String {
        let pools: Vec<_> = self.0.iter().map(|pool| pool.0.clone()).collect();
        poolkeeper_cli::pools_table(&pools, look(py))
            .trim_end()
            .to_owned()
    }
}

/// A path as `str`, with Python's own escapes for bytes that aren't UTF-8.
pub(crate) fn path<'py>(py: Python<'py>, path: &Path) -> PyResult<Bound<'py, PyAny>> {
    path.as_os_str()
        .into_pyobject(py)
        .map(Bound::into_any)
        .map_err(Into::into)
}

/// An object as HTML, by the function of this name.
pub(crate) fn html<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    object
        .py()
        .import("poolkeeper.notebook.show")?
        .call_method1(name, (object,))
}
