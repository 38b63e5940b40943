//! NumPy arrays as the crate's views; nothing is copied.

use numpy::ndarray::ArrayView1;
use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use poolkeeper_kmeans::Scalar;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// A number type that both sides know.
pub(crate) trait Element: numpy::Element + Scalar {}

impl Element for f32 {}
impl Element for f64 {}

/// The samples, one a row.
#[derive(FromPyObject)]
pub(crate) enum Samples<'py> {
    #[pyo3(transparent, annotation = "float32 array")]
    F32(PyReadonlyArray2<'py, f32>),
    #[pyo3(transparent, annotation = "float64 array")]
    F64(PyReadonlyArray2<'py, f64>),
}

impl Samples<'_> {
    /// How many numbers there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Samples::F32(x) => x.len(),
            Samples::F64(x) => x.len(),
        }
    }
}

/// # Errors
/// `TypeError`, unless it is a matrix of the samples' number type.
pub(crate) fn centers_of<'py, T: Element>(
    centers: &Bound<'py, PyAny>,
) -> PyResult<PyReadonlyArray2<'py, T>> {
    let array = centers.extract::<PyReadonlyArray2<'py, T>>();
    array.map_err(|_| PyTypeError::new_err("centers must be a matrix of X's number type"))
}

/// The samples' weights, if there are any.
pub(crate) struct Weights<'py, T: Element>(Option<PyReadonlyArray1<'py, T>>);

impl<'py, T: Element> Weights<'py, T> {
    /// # Errors
    /// `TypeError`, unless they are an array of the samples' number type.
    pub(crate) fn new(weights: Option<Bound<'py, PyAny>>) -> PyResult<Self> {
        let array = weights.map(|weights| {
            let array = weights.extract::<PyReadonlyArray1<'py, T>>();
            array.map_err(|_| PyTypeError::new_err("weights must be an array of X's number type"))
        });
        Ok(Weights(array.transpose()?))
    }

    pub(crate) fn as_array(&self) -> Option<ArrayView1<'_, T>> {
        self.0.as_ref().map(|weights| weights.as_array())
    }
}
