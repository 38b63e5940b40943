//! SciPy's CSR matrices, handled as sparse.

use super::arrays::Element;
use super::watch::raise;
use numpy::PyReadonlyArray1;
use poolkeeper_kmeans::{Csr, Index};
use pyo3::prelude::*;

/// The arrays of a CSR matrix, as `(indptr, indices, data, columns)`.
pub(super) type Arrays<'py> = (
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    usize,
);

/// A matrix of numbers of a type, with indices of another.
pub(super) struct Matrix<'py, T: Element, I: numpy::Element> {
    indptr: PyReadonlyArray1<'py, I>,
    indices: PyReadonlyArray1<'py, I>,
    data: PyReadonlyArray1<'py, T>,
    columns: usize,
}

impl<'py, T: Element, I: numpy::Element + Index> Matrix<'py, T, I> {
    /// `None` where the arrays have other types.
    pub(super) fn of((indptr, indices, data, columns): &Arrays<'py>) -> Option<Self> {
        Some(Matrix {
            indptr: indptr.extract().ok()?,
            indices: indices.extract().ok()?,
            data: data.extract().ok()?,
            columns: *columns,
        })
    }

    pub(super) fn view(&self, py: Python<'_>) -> PyResult<Csr<'_, T, I>> {
        let (indptr, indices) = (self.indptr.as_slice()?, self.indices.as_slice()?);
        Csr::new(indptr, indices, self.data.as_slice()?, self.columns)
            .map_err(|why| raise(py, &why))
    }
}

/// Calls a generic function with the matrix, whatever its types are.
macro_rules! for_matrix {
    ($arrays:expr, $matrix:ident => $call:expr) => {
        if let Some($matrix) = $crate::kmeans::sparse::Matrix::<f32, i32>::of($arrays) {
            $call
        } else if let Some($matrix) = $crate::kmeans::sparse::Matrix::<f64, i32>::of($arrays) {
            $call
        } else if let Some($matrix) = $crate::kmeans::sparse::Matrix::<f32, i64>::of($arrays) {
            $call
        } else if let Some($matrix) = $crate::kmeans::sparse::Matrix::<f64, i64>::of($arrays) {
            $call
        } else {
            Err(pyo3::exceptions::PyTypeError::new_err(
                "X must have float32 or float64 data, and int32 or int64 indices",
            ))
        }
    };
}
pub(super) use for_matrix;
