//! `poolkeeper.cluster`'s way into the crate `poolkeeper-kmeans`.
//!
//! Arrays are read where they lie, detached from the interpreter. Which number
//! type they have is found here; everything below is generic.

mod arrays;
mod batch;
mod parts;
mod rows;
mod sparse;
mod watch;

use arrays::{Element, Samples, Weights, centers_of};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray2};
use poolkeeper_kmeans::{Fit, Init, Options};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rows::{Given, Rows, for_rows};
use watch::Watch;

/// What a fit is asked for, but for the data.
#[derive(FromPyObject)]
struct Request<'py> {
    /// `"k-means++"`, `"random"`, or an array of centers.
    #[pyo3(item)]
    init: Bound<'py, PyAny>,
    #[pyo3(item)]
    n_clusters: usize,
    #[pyo3(item)]
    n_init: usize,
    #[pyo3(item)]
    max_iter: usize,
    #[pyo3(item)]
    tol: f64,
    #[pyo3(item)]
    seed: u64,
}

impl Request<'_> {
    fn options<T: Element>(&self) -> PyResult<Options<T>> {
        Ok(Options {
            init: init(&self.init)?,
            n_init: self.n_init,
            max_iter: self.max_iter,
            tol: self.tol,
            seed: self.seed,
            ..Options::new(self.n_clusters)
        })
    }
}

fn init<T: Element>(init: &Bound<'_, PyAny>) -> PyResult<Init<T>> {
    let Ok(name) = init.extract::<String>() else {
        return Ok(Init::Centers(centers_of(init)?.as_array().to_owned()));
    };
    match name.as_str() {
        "k-means++" => Ok(Init::PlusPlus { local_trials: None }),
        "random" => Ok(Init::Random),
        _ => Err(PyValueError::new_err(format!(
            "no start is called {name:?}"
        ))),
    }
}

/// Centers, labels, inertia, iterations, whether it converged, whether because
/// no label changed, and what was chosen for the shape.
type Found<'py> = (
    Bound<'py, PyAny>,
    Bound<'py, PyArray1<i32>>,
    f64,
    usize,
    bool,
    bool,
    String,
);

/// Clusters the rows of `x`.
#[pyfunction]
fn _kmeans_fit<'py>(
    py: Python<'py>,
    x: Given<'py>,
    weights: Option<Bound<'py, PyAny>>,
    request: Request<'py>,
    n_jobs: Option<i64>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Found<'py>> {
    let watch = Watch::begin(n_jobs, x.len()? * request.n_clusters, progress)?;
    for_rows!(py, x, rows => fit(py, rows, weights, &request, &watch))
}

fn fit<'py, R: Rows>(
    py: Python<'py>,
    rows: &R,
    weights: Option<Bound<'py, PyAny>>,
    request: &Request<'py>,
    watch: &Watch,
) -> PyResult<Found<'py>> {
    let options = request.options::<R::T>()?;
    let weights = Weights::new(weights)?;
    let weights = weights.as_array();
    let fit = watch.run(py, || rows.fit(weights, &options, watch))?;
    Ok(found(py, fit))
}

fn found<T: Element>(py: Python<'_>, fit: Fit<T>) -> Found<'_> {
    (
        fit.centers.into_pyarray(py).into_any(),
        fit.labels.into_pyarray(py),
        fit.inertia,
        fit.iterations,
        fit.converged,
        fit.strict,
        fit.choice,
    )
}

/// The nearest center to each row of `x`.
#[pyfunction]
fn _kmeans_assign<'py>(
    py: Python<'py>,
    x: Samples<'py>,
    centers: Bound<'py, PyAny>,
    n_jobs: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<i32>>> {
    let watch = Watch::begin(n_jobs, x.len() * centers.len()?, None)?;
    match x {
        Samples::F32(x) => assign(py, &x, &centers, &watch),
        Samples::F64(x) => assign(py, &x, &centers, &watch),
    }
}

fn assign<'py, T: Element>(
    py: Python<'py>,
    x: &PyReadonlyArray2<'py, T>,
    centers: &Bound<'py, PyAny>,
    watch: &Watch,
) -> PyResult<Bound<'py, PyArray1<i32>>> {
    let centers = centers_of::<T>(centers)?;
    let (x, centers) = (x.as_array(), centers.as_array());
    let labels = watch.run(py, || poolkeeper_kmeans::assign(x, centers, watch))?;
    Ok(labels.into_pyarray(py))
}

/// The nearest center to each row of `x`, and the squared distance to it.
#[pyfunction]
fn _kmeans_nearest<'py>(
    py: Python<'py>,
    x: Samples<'py>,
    centers: Bound<'py, PyAny>,
    n_jobs: Option<i64>,
) -> PyResult<Nearest<'py>> {
    let watch = Watch::begin(n_jobs, x.len() * centers.len()?, None)?;
    match x {
        Samples::F32(x) => nearest(py, &x, &centers, &watch),
        Samples::F64(x) => nearest(py, &x, &centers, &watch),
    }
}

/// Labels and squared distances.
type Nearest<'py> = (Bound<'py, PyArray1<i32>>, Bound<'py, PyArray1<f64>>);

fn nearest<'py, T: Element>(
    py: Python<'py>,
    x: &PyReadonlyArray2<'py, T>,
    centers: &Bound<'py, PyAny>,
    watch: &Watch,
) -> PyResult<Nearest<'py>> {
    let centers = centers_of::<T>(centers)?;
    let (x, centers) = (x.as_array(), centers.as_array());
    let found = watch.run(py, || poolkeeper_kmeans::nearest(x, centers, watch))?;
    Ok((found.0.into_pyarray(py), found.1.into_pyarray(py)))
}

/// The sum of the squared distances of the rows of `x` to the nearest center.
#[pyfunction]
fn _kmeans_inertia<'py>(
    py: Python<'py>,
    x: Samples<'py>,
    weights: Option<Bound<'py, PyAny>>,
    centers: Bound<'py, PyAny>,
    n_jobs: Option<i64>,
) -> PyResult<f64> {
    let watch = Watch::begin(n_jobs, x.len() * centers.len()?, None)?;
    match x {
        Samples::F32(x) => inertia(py, &x, weights, &centers, &watch),
        Samples::F64(x) => inertia(py, &x, weights, &centers, &watch),
    }
}

fn inertia<'py, T: Element>(
    py: Python<'py>,
    x: &PyReadonlyArray2<'py, T>,
    weights: Option<Bound<'py, PyAny>>,
    centers: &Bound<'py, PyAny>,
    watch: &Watch,
) -> PyResult<f64> {
    let (centers, weights) = (centers_of::<T>(centers)?, Weights::<T>::new(weights)?);
    let (x, centers, weights) = (x.as_array(), centers.as_array(), weights.as_array());
    watch.run(py, || {
        poolkeeper_kmeans::inertia(x, weights, centers, watch)
    })
}

/// The distance of every row of `x` to every center.
#[pyfunction]
fn _kmeans_transform<'py>(
    py: Python<'py>,
    x: Samples<'py>,
    centers: Bound<'py, PyAny>,
    n_jobs: Option<i64>,
) -> PyResult<Bound<'py, PyAny>> {
    let watch = Watch::begin(n_jobs, x.len() * centers.len()?, None)?;
    match x {
        Samples::F32(x) => transform(py, &x, &centers, &watch),
        Samples::F64(x) => transform(py, &x, &centers, &watch),
    }
}

fn transform<'py, T: Element>(
    py: Python<'py>,
    x: &PyReadonlyArray2<'py, T>,
    centers: &Bound<'py, PyAny>,
    watch: &Watch,
) -> PyResult<Bound<'py, PyAny>> {
    let centers = centers_of::<T>(centers)?;
    let (x, centers) = (x.as_array(), centers.as_array());
    let out = PyArray2::<T>::zeros(py, [x.nrows(), centers.nrows()], false);
    {
        let mut out = out.readwrite();
        let out = out.as_array_mut();
        watch.run(py, || poolkeeper_kmeans::transform(x, centers, out, watch))?;
    }
    Ok(out.into_any())
}

/// Lists the k-means pool from now on.
#[pyfunction]
fn _kmeans_announce() -> PyResult<()> {
    poolkeeper::own::announce().map_err(crate::errors::raise)
}

pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    batch::add(module)?;
    parts::add(module)?;
    sparse::add(module)?;
    module.add_function(wrap_pyfunction!(_kmeans_announce, module)?)?;
    module.add_function(wrap_pyfunction!(_kmeans_fit, module)?)?;
    module.add_function(wrap_pyfunction!(_kmeans_assign, module)?)?;
    module.add_function(wrap_pyfunction!(_kmeans_nearest, module)?)?;
    module.add_function(wrap_pyfunction!(_kmeans_inertia, module)?)?;
    module.add_function(wrap_pyfunction!(_kmeans_transform, module)?)
}
