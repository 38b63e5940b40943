//! One batch of `MiniBatchKMeans`.

use super::arrays::{Element, Samples, Weights, centers_of};
use super::watch::{Watch, raise};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray2};
use poolkeeper_kmeans::MiniBatch;
use pyo3::prelude::*;

/// Centers, and the weight that each has seen.
type Model<'py> = (Bound<'py, PyAny>, Bound<'py, PyArray1<f64>>);

fn model<T: Element>(centers: &Bound<'_, PyAny>, counts: Vec<f64>) -> PyResult<MiniBatch<T>> {
    let centers = centers_of::<T>(centers)?.as_array().to_owned();
    Ok(MiniBatch { centers, counts })
}

fn parts<T: Element>(py: Python<'_>, model: MiniBatch<T>) -> Model<'_> {
    let centers = model.centers.into_pyarray(py).into_any();
    (centers, model.counts.into_pyarray(py))
}

/// Moves centers by a batch; also returns its inertia before, and the squared
/// distance that they moved.
#[pyfunction]
fn _kmeans_batch<'py>(
    py: Python<'py>,
    x: Samples<'py>,
    weights: Option<Bound<'py, PyAny>>,
    centers: Bound<'py, PyAny>,
    counts: Vec<f64>,
    n_jobs: Option<i64>,
) -> PyResult<(Model<'py>, f64, f64)> {
    let watch = Watch::begin(n_jobs, x.len() * centers.len()?, None)?;
    match x {
        Samples::F32(x) => batch(py, &x, weights, model(&centers, counts)?, &watch),
        Samples::F64(x) => batch(py, &x, weights, model(&centers, counts)?, &watch),
    }
}

fn batch<'py, T: Element>(
    py: Python<'py>,
    x: &PyReadonlyArray2<'py, T>,
    weights: Option<Bound<'py, PyAny>>,
    mut model: MiniBatch<T>,
    watch: &Watch,
) -> PyResult<(Model<'py>, f64, f64)> {
    let weights = Weights::<T>::new(weights)?;
    let (x, weights) = (x.as_array(), weights.as_array());
    let done = watch.run(py, || model.partial_fit(x, weights, watch))?;
    Ok((parts(py, model), done.inertia, done.shift))
}

/// Puts centers that have seen little to samples of a batch; also returns how many.
#[pyfunction]
fn _kmeans_reassign<'py>(
    py: Python<'py>,
    x: Samples<'py>,
    centers: Bound<'py, PyAny>,
    counts: Vec<f64>,
    ratio: f64,
    seed: u64,
) -> PyResult<(Model<'py>, usize)> {
    match x {
        Samples::F32(x) => reassign(py, &x, model(&centers, counts)?, ratio, seed),
        Samples::F64(x) => reassign(py, &x, model(&centers, counts)?, ratio, seed),
    }
}

fn reassign<'py, T: Element>(
    py: Python<'py>,
    x: &PyReadonlyArray2<'py, T>,
    mut model: MiniBatch<T>,
    ratio: f64,
    seed: u64,
) -> PyResult<(Model<'py>, usize)> {
    let moved = model
        .reassign(x.as_array(), None, ratio, seed)
        .map_err(|why| raise(py, &why))?;
    Ok((parts(py, model), moved))
}

/// First centers by greedy k-means++.
#[pyfunction]
fn _kmeans_plus_plus<'py>(
    py: Python<'py>,
    x: Samples<'py>,
    weights: Option<Bound<'py, PyAny>>,
    n_clusters: usize,
    seed: u64,
    n_jobs: Option<i64>,
) -> PyResult<Bound<'py, PyAny>> {
    let watch = Watch::begin(n_jobs, x.len() * n_clusters, None)?;
    match x {
        Samples::F32(x) => start(py, &x, weights, n_clusters, seed, &watch),
        Samples::F64(x) => start(py, &x, weights, n_clusters, seed, &watch),
    }
}

fn start<'py, T: Element>(
    py: Python<'py>,
    x: &PyReadonlyArray2<'py, T>,
    weights: Option<Bound<'py, PyAny>>,
    n_clusters: usize,
    seed: u64,
    watch: &Watch,
) -> PyResult<Bound<'py, PyAny>> {
    let weights = Weights::<T>::new(weights)?;
    let (x, weights) = (x.as_array(), weights.as_array());
    let (centers, _) = watch.run(py, || {
        poolkeeper_kmeans::plus_plus(x, weights, n_clusters, None, seed, watch)
    })?;
    Ok(centers.into_pyarray(py).into_any())
}

pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(_kmeans_plus_plus, module)?)?;
    module.add_function(wrap_pyfunction!(_kmeans_batch, module)?)?;
    module.add_function(wrap_pyfunction!(_kmeans_reassign, module)?)
}
