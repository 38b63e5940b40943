//! `poolkeeper.cluster`'s way into the crate `poolkeeper-kmeans`.
//!
//! Arrays are read where they lie, detached from the interpreter. Which number
//! type they have is found here; everything below is generic.

mod arrays;
mod batch;
mod model;
mod parts;
mod predict;
mod rows;
mod sparse;
mod watch;

use arrays::{Element, Weights, centers_of};
use numpy::{IntoPyArray, PyArray1};
use poolkeeper_kmeans::{Fit, Init, Options};
use predict::{Place, place};
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
/// no label changed, what was chosen for the shape, and how dense samples were moved.
type Found<'py> = (
    Bound<'py, PyAny>,
    Bound<'py, PyArray1<i32>>,
    f64,
    usize,
    bool,
    bool,
    String,
    Option<Place<'py>>,
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
    let fit = watch.run(py, || rows.fit(weights, options, watch))?;
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
        fit.moved.map(|moved| place(py, &moved)),
    )
}

/// Lists the k-means pool from now on.
#[pyfunction]
fn _kmeans_announce() -> PyResult<()> {
    poolkeeper::kmeans_pool::announce().map_err(crate::errors::raise)
}

pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    batch::add(module)?;
    parts::add(module)?;
    predict::add(module)?;
    module.add_function(wrap_pyfunction!(_kmeans_announce, module)?)?;
    module.add_function(wrap_pyfunction!(_kmeans_fit, module)?)
}
