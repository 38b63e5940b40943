//! Samples against centers that are known.

use super::arrays::{Element, Weights, centers_of};
use super::rows::{Given, Rows, for_rows};
use super::watch::Watch;
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use poolkeeper_kmeans::Moved;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// How samples are moved before they are compared: scale and offset.
pub(super) type Place<'py> = (f64, Bound<'py, PyAny>);

pub(super) fn place<'py, T: Element>(py: Python<'py>, moved: &Moved<T>) -> Place<'py> {
    let offset = PyArray1::from_slice(py, &moved.offset);
    (moved.scale.into(), offset.into_any())
}

/// # Errors
/// `TypeError`, unless the offset is an array of the samples' number type.
fn moved_of<T: Element>((scale, offset): Place<'_>) -> PyResult<Moved<T>> {
    let wrong = |_| PyTypeError::new_err("the offset must be an array of X's number type");
    let offset = offset.extract::<PyReadonlyArray1<'_, T>>().map_err(wrong)?;
    let offset = offset.as_array().to_vec();
    Ok(Moved {
        scale: T::of_f64(scale),
        offset,
    })
}

/// The nearest center to each row of `x`.
#[pyfunction]
fn _kmeans_assign<'py>(
    py: Python<'py>,
    x: Given<'py>,
    centers: Bound<'py, PyAny>,
    moved: Option<Place<'py>>,
    n_jobs: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<i32>>> {
    let watch = Watch::begin(n_jobs, x.len()? * centers.len()?, None)?;
    for_rows!(py, x, rows => assign(py, rows, &centers, moved, &watch))
}

fn assign<'py, R: Rows>(
    py: Python<'py>,
    rows: &R,
    centers: &Bound<'py, PyAny>,
    moved: Option<Place<'py>>,
    watch: &Watch,
) -> PyResult<Bound<'py, PyArray1<i32>>> {
    let centers = centers_of::<R::T>(centers)?;
    let centers = centers.as_array();
    let moved = moved.map(moved_of::<R::T>).transpose()?;
    let labels = watch.run(py, || rows.assign(centers, moved.as_ref(), watch))?;
    Ok(labels.into_pyarray(py))
}

/// The nearest center to each row of `x`, and the inertia.
#[pyfunction]
fn _kmeans_assigned<'py>(
    py: Python<'py>,
    x: Given<'py>,
    weights: Option<Bound<'py, PyAny>>,
    centers: Bound<'py, PyAny>,
    n_jobs: Option<i64>,
) -> PyResult<(Bound<'py, PyArray1<i32>>, f64)> {
    let watch = Watch::begin(n_jobs, x.len()? * centers.len()?, None)?;
    for_rows!(py, x, rows => assigned(py, rows, weights, &centers, &watch))
}

fn assigned<'py, R: Rows>(
    py: Python<'py>,
    rows: &R,
    weights: Option<Bound<'py, PyAny>>,
    centers: &Bound<'py, PyAny>,
    watch: &Watch,
) -> PyResult<(Bound<'py, PyArray1<i32>>, f64)> {
    let (centers, weights) = (centers_of::<R::T>(centers)?, Weights::<R::T>::new(weights)?);
    let (centers, weights) = (centers.as_array(), weights.as_array());
    let (labels, inertia) = watch.run(py, || rows.assigned(weights, centers, watch))?;
    Ok((labels.into_pyarray(py), inertia))
}

/// The nearest center to each row of `x`, and the squared distance to it.
#[pyfunction]
fn _kmeans_nearest<'py>(
    py: Python<'py>,
    x: Given<'py>,
    centers: Bound<'py, PyAny>,
    n_jobs: Option<i64>,
) -> PyResult<Nearest<'py>> {
    let watch = Watch::begin(n_jobs, x.len()? * centers.len()?, None)?;
    for_rows!(py, x, rows => nearest(py, rows, &centers, &watch))
}

/// Labels and squared distances.
type Nearest<'py> = (Bound<'py, PyArray1<i32>>, Bound<'py, PyArray1<f64>>);

fn nearest<'py, R: Rows>(
    py: Python<'py>,
    rows: &R,
    centers: &Bound<'py, PyAny>,
    watch: &Watch,
) -> PyResult<Nearest<'py>> {
    let centers = centers_of::<R::T>(centers)?;
    let centers = centers.as_array();
    let (labels, squares) = watch.run(py, || rows.nearest(centers, watch))?;
    Ok((labels.into_pyarray(py), squares.into_pyarray(py)))
}

/// The sum of the squared distances of the rows of `x` to the nearest center.
#[pyfunction]
fn _kmeans_inertia<'py>(
    py: Python<'py>,
    x: Given<'py>,
    weights: Option<Bound<'py, PyAny>>,
    centers: Bound<'py, PyAny>,
    n_jobs: Option<i64>,
) -> PyResult<f64> {
    let watch = Watch::begin(n_jobs, x.len()? * centers.len()?, None)?;
    for_rows!(py, x, rows => inertia(py, rows, weights, &centers, &watch))
}

fn inertia<'py, R: Rows>(
    py: Python<'py>,
    rows: &R,
    weights: Option<Bound<'py, PyAny>>,
    centers: &Bound<'py, PyAny>,
    watch: &Watch,
) -> PyResult<f64> {
    let (centers, weights) = (centers_of::<R::T>(centers)?, Weights::<R::T>::new(weights)?);
    let (centers, weights) = (centers.as_array(), weights.as_array());
    watch.run(py, || rows.inertia(weights, centers, watch))
}

/// The distance of every row of `x` to every center.
#[pyfunction]
fn _kmeans_transform<'py>(
    py: Python<'py>,
    x: Given<'py>,
    centers: Bound<'py, PyAny>,
    n_jobs: Option<i64>,
) -> PyResult<Bound<'py, PyAny>> {
    let watch = Watch::begin(n_jobs, x.len()? * centers.len()?, None)?;
    for_rows!(py, x, rows => transform(py, rows, &centers, &watch))
}

fn transform<'py, R: Rows>(
    py: Python<'py>,
    rows: &R,
    centers: &Bound<'py, PyAny>,
    watch: &Watch,
) -> PyResult<Bound<'py, PyAny>> {
    let centers = centers_of::<R::T>(centers)?;
    let centers = centers.as_array();
    let out = PyArray2::<R::T>::zeros(py, [rows.count(), centers.nrows()], false);
    {
        let mut out = out.readwrite();
        let out = out.as_array_mut();
        watch.run(py, || rows.transform(centers, out, watch))?;
    }
    Ok(out.into_any())
}

pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(_kmeans_assign, module)?)?;
    module.add_function(wrap_pyfunction!(_kmeans_assigned, module)?)?;
    module.add_function(wrap_pyfunction!(_kmeans_nearest, module)?)?;
    module.add_function(wrap_pyfunction!(_kmeans_inertia, module)?)?;
    module.add_function(wrap_pyfunction!(_kmeans_transform, module)?)
}
