//! NumPy arrays as the crate's views; nothing is copied.

use super::model::Model;
use numpy::ndarray::ArrayView1;
use numpy::{PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods};
use poolkeeper_kmeans::{MiniBatch, Scalar};
use pyo3::Borrowed;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

/// A number type that both sides know.
pub(crate) trait Element: numpy::Element + Scalar + Into<f64> {
    /// The nearest number of this type.
    fn of_f64(x: f64) -> Self;

    /// The centers, if they have this type.
    fn batches(model: &mut Model) -> Option<&mut MiniBatch<Self>>;
}

impl Element for f32 {
    fn of_f64(x: f64) -> Self {
        x as f32
    }

    fn batches(model: &mut Model) -> Option<&mut MiniBatch<f32>> {
        match model {
            Model::F32(model) => Some(model),
            Model::F64(_) => None,
        }
    }
}

impl Element for f64 {
    fn of_f64(x: f64) -> Self {
        x
    }

    fn batches(model: &mut Model) -> Option<&mut MiniBatch<f64>> {
        match model {
            Model::F64(model) => Some(model),
            Model::F32(_) => None,
        }
    }
}

/// The samples, one a row.
pub(crate) enum Samples<'py> {
    F32(PyReadonlyArray2<'py, f32>),
    F64(PyReadonlyArray2<'py, f64>),
}

impl<'py> FromPyObject<'_, 'py> for Samples<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(x) = object.extract::<PyReadonlyArray2<'py, f32>>() {
            aligned::<f32>(&*x)?;
            return Ok(Samples::F32(x));
        }
        let x = object.extract::<PyReadonlyArray2<'py, f64>>();
        let x = x.map_err(|_| PyTypeError::new_err("X must be a matrix of float32 or float64"))?;
        aligned::<f64>(&*x)?;
        Ok(Samples::F64(x))
    }
}

/// NumPy allows numbers at any address (a field of a record, a message's
/// bytes); Rust does not.
///
/// # Errors
/// `ValueError` for an array of such numbers.
fn aligned<'py, T>(array: &impl PyUntypedArrayMethods<'py>) -> PyResult<()> {
    let size = align_of::<T>();
    // SAFETY: the object is an array, whose fields are valid while it is borrowed.
    let address = unsafe { (*array.as_array_ptr()).fields.data } as usize;
    let strides = array.strides();
    if address.is_multiple_of(size)
        && strides
            .iter()
            .all(|s| s.unsigned_abs().is_multiple_of(size))
    {
        return Ok(());
    }
    Err(PyValueError::new_err(
        "the array is not aligned; copy it first",
    ))
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
    let array =
        array.map_err(|_| PyTypeError::new_err("centers must be a matrix of X's number type"))?;
    aligned::<T>(&*array)?;
    Ok(array)
}

/// The samples' weights, if there are any.
pub(crate) struct Weights<'py, T: Element>(Option<PyReadonlyArray1<'py, T>>);

impl<'py, T: Element> Weights<'py, T> {
    /// # Errors
    /// `TypeError`, unless they are an array of the samples' number type.
    pub(crate) fn new(weights: Option<Bound<'py, PyAny>>) -> PyResult<Self> {
        let array = weights.map(|weights| -> PyResult<_> {
            let array = weights.extract::<PyReadonlyArray1<'py, T>>();
            let array = array
                .map_err(|_| PyTypeError::new_err("weights must be an array of X's number type"))?;
            aligned::<T>(&*array)?;
            Ok(array)
        });
        Ok(Weights(array.transpose()?))
    }

    pub(crate) fn as_array(&self) -> Option<ArrayView1<'_, T>> {
        self.0.as_ref().map(|weights| weights.as_array())
    }
}
