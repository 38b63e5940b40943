//! `MiniBatchKMeans`: its centers, and the batches that move them.

use super::arrays::{Element, Weights, centers_of};
use super::model::Model;
use super::rows::{Given, Rows, for_rows};
use super::watch::{Watch, raise};
use numpy::{IntoPyArray, PyArray1};
use poolkeeper_kmeans::MiniBatch;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// # Errors
/// `TypeError`, unless the centers have the samples' number type.
fn of_type<T: Element>(model: &mut Model) -> PyResult<&mut MiniBatch<T>> {
    T::batches(model)
        .ok_or_else(|| PyTypeError::new_err("X must have the number type of the centers"))
}

/// Centers that batches move, so that they need not be copied for each one.
#[pyclass(module = "poolkeeper._native", name = "_KMeansBatches")]
struct PyBatches(Model);

#[pymethods]
impl PyBatches {
    /// Copies the centers; `counts` is the weight that each has seen.
    #[new]
    fn new(centers: &Bound<'_, PyAny>, counts: Vec<f64>) -> PyResult<Self> {
        Ok(PyBatches(match centers_of::<f32>(centers) {
            Ok(centers) => Model::F32(MiniBatch {
                centers: centers.as_array().to_owned(),
                counts,
            }),
            Err(_) => Model::F64(MiniBatch {
                centers: centers_of::<f64>(centers)?.as_array().to_owned(),
                counts,
            }),
        }))
    }

    /// The weight that each center has seen.
    fn counts<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_slice(py, self.0.counts())
    }

    /// The centers where they are now, copied.
    fn centers<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        match &self.0 {
            Model::F32(model) => model.centers.clone().into_pyarray(py).into_any(),
            Model::F64(model) => model.centers.clone().into_pyarray(py).into_any(),
        }
    }

    /// Moves the centers by a batch. Returns its inertia before, and the squared
    /// distance that they moved.
    fn step(
        &mut self,
        py: Python<'_>,
        x: Given<'_>,
        weights: Option<Bound<'_, PyAny>>,
        n_jobs: Option<i64>,
    ) -> PyResult<(f64, f64)> {
        let watch = Watch::begin(n_jobs, x.len()? * self.0.counts().len(), None)?;
        for_rows!(py, x, rows => step(py, rows, weights, &mut self.0, &watch))
    }

    /// Puts centers that have seen little to samples of a batch. Returns how many.
    fn reassign(&mut self, py: Python<'_>, x: Given<'_>, ratio: f64, seed: u64) -> PyResult<usize> {
        for_rows!(py, x, rows => {
            let moved = rows.reassign(of_type(&mut self.0)?, ratio, seed);
            moved.map_err(|why| raise(py, &why))
        })
    }
}

fn step<R: Rows>(
    py: Python<'_>,
    rows: &R,
    weights: Option<Bound<'_, PyAny>>,
    model: &mut Model,
    watch: &Watch,
) -> PyResult<(f64, f64)> {
    let model = of_type(model)?;
    let weights = Weights::<R::T>::new(weights)?;
    let weights = weights.as_array();
    let done = watch.run(py, || rows.batch(model, weights, watch))?;
    Ok((done.inertia, done.shift))
}

/// First centers by greedy k-means++.
#[pyfunction]
fn _kmeans_plus_plus<'py>(
    py: Python<'py>,
    x: Given<'py>,
    weights: Option<Bound<'py, PyAny>>,
    n_clusters: usize,
    seed: u64,
    n_jobs: Option<i64>,
) -> PyResult<Bound<'py, PyAny>> {
    let watch = Watch::begin(n_jobs, x.len()? * n_clusters, None)?;
    for_rows!(py, x, rows => start(py, rows, weights, n_clusters, seed, &watch))
}

fn start<'py, R: Rows>(
    py: Python<'py>,
    rows: &R,
    weights: Option<Bound<'py, PyAny>>,
    n_clusters: usize,
    seed: u64,
    watch: &Watch,
) -> PyResult<Bound<'py, PyAny>> {
    let weights = Weights::<R::T>::new(weights)?;
    let weights = weights.as_array();
    let centers = watch.run(py, || rows.plus_plus(weights, n_clusters, seed, watch))?;
    Ok(centers.into_pyarray(py).into_any())
}

pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyBatches>()?;
    module.add_function(wrap_pyfunction!(_kmeans_plus_plus, module)?)
}
