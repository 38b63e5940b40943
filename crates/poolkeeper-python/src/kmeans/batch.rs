//! One batch of `MiniBatchKMeans`, dense or sparse.

use super::arrays::{Element, Samples, Weights, centers_of};
use super::sparse::{Arrays, Matrix, for_matrix};
use super::watch::{Watch, raise};
use numpy::ndarray::{Array2, ArrayView1, ArrayView2};
use numpy::{IntoPyArray, PyArray1};
use poolkeeper_kmeans::{Batch, Csr, Index, MiniBatch, Result, plus_plus, plus_plus_csr};
use pyo3::Borrowed;
use pyo3::exceptions::PyTypeError;
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

/// A matrix, or the arrays of one in CSR form.
enum Given<'py> {
    Dense(Samples<'py>),
    Sparse(Arrays<'py>),
}

impl<'py> FromPyObject<'_, 'py> for Given<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match object.extract() {
            Ok(arrays) => Ok(Given::Sparse(arrays)),
            Err(_) => Ok(Given::Dense(object.extract()?)),
        }
    }
}

impl Given<'_> {
    /// How many numbers there are.
    fn len(&self) -> PyResult<usize> {
        match self {
            Given::Dense(x) => Ok(x.len()),
            Given::Sparse((_, _, data, _)) => data.len(),
        }
    }
}

/// What a batch is for, the same for both forms.
trait Rows: Sync {
    type T: Element;

    fn batch(
        &self,
        model: &mut MiniBatch<Self::T>,
        weights: Option<ArrayView1<Self::T>>,
        watch: &Watch,
    ) -> Result<Batch>;

    fn reassign(&self, model: &mut MiniBatch<Self::T>, ratio: f64, seed: u64) -> Result<usize>;

    fn plus_plus(
        &self,
        weights: Option<ArrayView1<Self::T>>,
        n_clusters: usize,
        seed: u64,
        watch: &Watch,
    ) -> Result<Array2<Self::T>>;
}

impl<T: Element> Rows for ArrayView2<'_, T> {
    type T = T;

    fn batch(
        &self,
        model: &mut MiniBatch<T>,
        weights: Option<ArrayView1<T>>,
        watch: &Watch,
    ) -> Result<Batch> {
        model.partial_fit(*self, weights, watch)
    }

    fn reassign(&self, model: &mut MiniBatch<T>, ratio: f64, seed: u64) -> Result<usize> {
        model.reassign(*self, None, ratio, seed)
    }

    fn plus_plus(
        &self,
        weights: Option<ArrayView1<T>>,
        n_clusters: usize,
        seed: u64,
        watch: &Watch,
    ) -> Result<Array2<T>> {
        Ok(plus_plus(*self, weights, n_clusters, None, seed, watch)?.0)
    }
}

impl<T: Element, I: Index> Rows for Csr<'_, T, I> {
    type T = T;

    fn batch(
        &self,
        model: &mut MiniBatch<T>,
        weights: Option<ArrayView1<T>>,
        watch: &Watch,
    ) -> Result<Batch> {
        model.partial_fit_csr(self, weights, watch)
    }

    fn reassign(&self, model: &mut MiniBatch<T>, ratio: f64, seed: u64) -> Result<usize> {
        model.reassign_csr(self, None, ratio, seed)
    }

    fn plus_plus(
        &self,
        weights: Option<ArrayView1<T>>,
        n_clusters: usize,
        seed: u64,
        watch: &Watch,
    ) -> Result<Array2<T>> {
        Ok(plus_plus_csr(self, weights, n_clusters, None, seed, watch)?.0)
    }
}

/// Calls a generic function with the rows, whatever form and type they have.
macro_rules! for_rows {
    ($py:expr, $given:expr, $rows:ident => $call:expr) => {
        match $given {
            Given::Dense(Samples::F32(x)) => {
                let $rows = &x.as_array();
                $call
            }
            Given::Dense(Samples::F64(x)) => {
                let $rows = &x.as_array();
                $call
            }
            Given::Sparse(x) => for_matrix!(&x, matrix => {
                let $rows = &matrix.view($py)?;
                $call
            }),
        }
    };
}

/// Moves centers by a batch; also returns its inertia before, and the squared
/// distance that they moved.
#[pyfunction]
fn _kmeans_batch<'py>(
    py: Python<'py>,
    x: Given<'py>,
    weights: Option<Bound<'py, PyAny>>,
    centers: Bound<'py, PyAny>,
    counts: Vec<f64>,
    n_jobs: Option<i64>,
) -> PyResult<(Model<'py>, f64, f64)> {
    let watch = Watch::begin(n_jobs, x.len()? * centers.len()?, None)?;
    for_rows!(py, x, rows => batch(py, rows, weights, model(&centers, counts)?, &watch))
}

fn batch<'py, R: Rows>(
    py: Python<'py>,
    rows: &R,
    weights: Option<Bound<'py, PyAny>>,
    mut model: MiniBatch<R::T>,
    watch: &Watch,
) -> PyResult<(Model<'py>, f64, f64)> {
    let weights = Weights::<R::T>::new(weights)?;
    let weights = weights.as_array();
    let done = watch.run(py, || rows.batch(&mut model, weights, watch))?;
    Ok((parts(py, model), done.inertia, done.shift))
}

/// Puts centers that have seen little to samples of a batch; also returns how many.
#[pyfunction]
fn _kmeans_reassign<'py>(
    py: Python<'py>,
    x: Given<'py>,
    centers: Bound<'py, PyAny>,
    counts: Vec<f64>,
    ratio: f64,
    seed: u64,
) -> PyResult<(Model<'py>, usize)> {
    for_rows!(py, x, rows => reassign(py, rows, model(&centers, counts)?, ratio, seed))
}

fn reassign<'py, R: Rows>(
    py: Python<'py>,
    rows: &R,
    mut model: MiniBatch<R::T>,
    ratio: f64,
    seed: u64,
) -> PyResult<(Model<'py>, usize)> {
    let moved = rows.reassign(&mut model, ratio, seed);
    let moved = moved.map_err(|why| raise(py, &why))?;
    Ok((parts(py, model), moved))
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
    module.add_function(wrap_pyfunction!(_kmeans_plus_plus, module)?)?;
    module.add_function(wrap_pyfunction!(_kmeans_batch, module)?)?;
    module.add_function(wrap_pyfunction!(_kmeans_reassign, module)?)
}
