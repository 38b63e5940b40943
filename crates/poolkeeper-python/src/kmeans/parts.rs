//! One iteration over data that is in several places: what a place tells, as
//! objects that can be sent.

use super::arrays::{Element, Samples, Weights, centers_of};
use super::predict::{Place, place};
use super::watch::{Watch, raise};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray2};
use poolkeeper_kmeans::{Exact, Frame, Partial, Summary, WeightRange};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// What is known of one part of the data, or of several.
#[pyclass(frozen, module = "poolkeeper._native", name = "_KMeansSummary")]
pub(super) struct PySummary(Summary);

/// The weights of a summary: their sum, the smallest, the largest, their powers of two.
type WeightFields = (f64, f64, f64, Vec<u64>);

/// The fields of a summary: rows, weights; of each column the smallest and the largest
/// number, the mean and the squares.
type Fields = (u64, WeightFields, Vec<f64>, Vec<f64>, Vec<f64>, Vec<f64>);

#[pymethods]
impl PySummary {
    #[new]
    fn new(fields: Fields) -> Self {
        let (rows, weights, smallest, largest, mean, squares) = fields;
        let (weight, smallest_weight, largest_weight, powers) = weights;
        PySummary(Summary {
            rows,
            weight,
            weights: WeightRange {
                smallest: smallest_weight,
                largest: largest_weight,
                powers,
            },
            smallest,
            largest,
            mean,
            squares,
        })
    }

    #[getter]
    fn rows(&self) -> u64 {
        self.0.rows
    }

    #[getter]
    fn weight(&self) -> f64 {
        self.0.weight
    }

    #[getter]
    fn variance(&self) -> f64 {
        self.0.variance()
    }

    fn merge(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        let mut both = self.0.clone();
        both.merge(&other.0).map_err(|why| raise(py, &why))?;
        Ok(PySummary(both))
    }

    /// How samples of float32, or of float64, are moved before they are compared.
    fn moved<'py>(&self, py: Python<'py>, is_single: bool) -> PyResult<Place<'py>> {
        let failed = |why| raise(py, &why);
        if is_single {
            let frame = Frame::<f32>::new(&self.0).map_err(failed)?;
            return Ok(place(py, frame.moved()));
        }
        let frame = Frame::<f64>::new(&self.0).map_err(failed)?;
        Ok(place(py, frame.moved()))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyAny>, (Fields,)) {
        let own = self.0.clone();
        let weights = own.weights;
        let fields = (
            own.rows,
            (
                own.weight,
                weights.smallest,
                weights.largest,
                weights.powers,
            ),
            own.smallest,
            own.largest,
            own.mean,
            own.squares,
        );
        (py.get_type::<Self>().into_any(), (fields,))
    }
}

/// What one part of the data, or several, give to the next centers.
#[pyclass(frozen, module = "poolkeeper._native", name = "_KMeansPartial")]
pub(super) struct PyPartial(Partial);

/// How many centers; sums and weights as bytes: an array would come out of a message at
/// any address; the digits of both sums of squares.
type Sent<'py> = (
    usize,
    Bound<'py, PyBytes>,
    Bound<'py, PyBytes>,
    Vec<u64>,
    Vec<u64>,
);

fn sent<'py>(py: Python<'py>, numbers: impl Iterator<Item = i64>) -> Bound<'py, PyBytes> {
    let bytes: Vec<u8> = numbers.flat_map(i64::to_le_bytes).collect();
    PyBytes::new(py, &bytes)
}

fn received(bytes: &[u8]) -> Vec<i64> {
    let (numbers, _) = bytes.as_chunks();
    numbers.iter().map(|n| i64::from_le_bytes(*n)).collect()
}

#[pymethods]
impl PyPartial {
    #[new]
    fn new(
        centers: usize,
        sums: &[u8],
        weights: &[u8],
        inertia: Vec<u64>,
        total: Vec<u64>,
    ) -> PyResult<Self> {
        let exact = |digits: Vec<u64>| {
            let sum = Exact::from_digits(&digits);
            sum.ok_or_else(|| PyValueError::new_err("these are the digits of no sum"))
        };
        Ok(PyPartial(Partial {
            centers,
            sums: received(sums),
            weights: received(weights).as_chunks().0.to_vec(),
            inertia: exact(inertia)?,
            total: exact(total)?,
        }))
    }

    fn merge(&self, py: Python<'_>, other: &Self) -> PyResult<Self> {
        let mut both = self.0.clone();
        both.merge(&other.0).map_err(|why| raise(py, &why))?;
        Ok(PyPartial(both))
    }

    /// Whether the same samples belong to the same centers, as far as the sums tell.
    fn has_the_sums_of(&self, other: &Self) -> bool {
        self.0.sums == other.0.sums && self.0.weights == other.0.weights
    }

    /// The digits of the samples' sum of squares, the same for other centers.
    fn squares(&self) -> Vec<u64> {
        self.0.total.digits()
    }

    /// Whether it can be of the samples that `summary` is of.
    fn fits(&self, summary: &PySummary, is_single: bool) -> bool {
        if is_single {
            self.0.fits::<f32>(&summary.0)
        } else {
            self.0.fits::<f64>(&summary.0)
        }
    }

    /// Moves what `sample`, which is a part of this, gave to center `old` to
    /// center `new`.
    fn moved(&self, py: Python<'_>, sample: &Self, old: usize, new: usize) -> PyResult<Self> {
        let mut partial = self.0.clone();
        let done = partial.move_sample(&sample.0, old, new);
        done.map_err(|why| raise(py, &why))?;
        Ok(PyPartial(partial))
    }

    /// The next centers, the centers without samples, the inertia of the old
    /// ones, and the squared distance between both.
    fn finish<'py>(
        &self,
        py: Python<'py>,
        centers: Samples<'py>,
        summary: &PySummary,
    ) -> PyResult<(Bound<'py, PyAny>, Vec<usize>, f64, f64)> {
        match centers {
            Samples::F32(centers) => self.finish_as(py, &centers, summary),
            Samples::F64(centers) => self.finish_as(py, &centers, summary),
        }
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyAny>, Sent<'py>) {
        let own = &self.0;
        let sums = sent(py, own.sums.iter().copied());
        let weights = sent(py, own.weights.iter().flatten().copied());
        let (inertia, total) = (own.inertia.digits(), own.total.digits());
        let sent = (own.centers, sums, weights, inertia, total);
        (py.get_type::<Self>().into_any(), sent)
    }
}

impl PyPartial {
    fn finish_as<'py, T: Element>(
        &self,
        py: Python<'py>,
        centers: &PyReadonlyArray2<'py, T>,
        summary: &PySummary,
    ) -> PyResult<(Bound<'py, PyAny>, Vec<usize>, f64, f64)> {
        let step = Frame::<T>::new(&summary.0)
            .and_then(|frame| self.0.finish(centers.as_array(), &frame))
            .map_err(|why| raise(py, &why))?;
        let next = step.centers.into_pyarray(py).into_any();
        Ok((next, step.empty, step.inertia, step.shift))
    }
}

/// Looks at every number of `x`, a part of the samples, once.
#[pyfunction]
fn _kmeans_summary<'py>(
    py: Python<'py>,
    x: Samples<'py>,
    weights: Option<Bound<'py, PyAny>>,
    n_jobs: Option<i64>,
) -> PyResult<PySummary> {
    let watch = Watch::begin(n_jobs, x.len() * 4, None)?;
    match x {
        Samples::F32(x) => summarise(py, &x, weights, &watch),
        Samples::F64(x) => summarise(py, &x, weights, &watch),
    }
}

fn summarise<'py, T: Element>(
    py: Python<'py>,
    x: &PyReadonlyArray2<'py, T>,
    weights: Option<Bound<'py, PyAny>>,
    watch: &Watch,
) -> PyResult<PySummary> {
    let weights = Weights::<T>::new(weights)?;
    let (x, weights) = (x.as_array(), weights.as_array());
    let summary = watch.run(py, || Summary::of_part(x, weights, watch))?;
    Ok(PySummary(summary))
}

/// Labels the rows of `x`, a part of what `summary` tells of, and sums them.
#[pyfunction]
fn _kmeans_partial<'py>(
    py: Python<'py>,
    x: Samples<'py>,
    weights: Option<Bound<'py, PyAny>>,
    centers: Bound<'py, PyAny>,
    summary: &PySummary,
    n_jobs: Option<i64>,
) -> PyResult<(Bound<'py, PyArray1<i32>>, PyPartial)> {
    let watch = Watch::begin(n_jobs, x.len() * centers.len()?, None)?;
    match x {
        Samples::F32(x) => partial(py, &x, weights, &centers, summary, &watch),
        Samples::F64(x) => partial(py, &x, weights, &centers, summary, &watch),
    }
}

fn partial<'py, T: Element>(
    py: Python<'py>,
    x: &PyReadonlyArray2<'py, T>,
    weights: Option<Bound<'py, PyAny>>,
    centers: &Bound<'py, PyAny>,
    summary: &PySummary,
    watch: &Watch,
) -> PyResult<(Bound<'py, PyArray1<i32>>, PyPartial)> {
    let (centers, weights) = (centers_of::<T>(centers)?, Weights::<T>::new(weights)?);
    let (x, centers, weights) = (x.as_array(), centers.as_array(), weights.as_array());
    let (labels, partial) = watch.run(py, || {
        let frame = Frame::new(&summary.0)?;
        poolkeeper_kmeans::partial(x, weights, centers, &frame, watch)
    })?;
    Ok((labels.into_pyarray(py), PyPartial(partial)))
}

/// The squared distances, rows and labels of the `count` rows of `x` that are farthest from
/// their centers; `x` is a part of what `summary` tells of.
#[pyfunction]
fn _kmeans_farthest<'py>(
    py: Python<'py>,
    x: Samples<'py>,
    weights: Option<Bound<'py, PyAny>>,
    centers: Bound<'py, PyAny>,
    summary: &PySummary,
    count: usize,
    n_jobs: Option<i64>,
) -> PyResult<Vec<(f64, usize, usize)>> {
    let watch = Watch::begin(n_jobs, x.len() * centers.len()?, None)?;
    match x {
        Samples::F32(x) => farthest(py, &x, weights, &centers, summary, count, &watch),
        Samples::F64(x) => farthest(py, &x, weights, &centers, summary, count, &watch),
    }
}

fn farthest<'py, T: Element>(
    py: Python<'py>,
    x: &PyReadonlyArray2<'py, T>,
    weights: Option<Bound<'py, PyAny>>,
    centers: &Bound<'py, PyAny>,
    summary: &PySummary,
    count: usize,
    watch: &Watch,
) -> PyResult<Vec<(f64, usize, usize)>> {
    let (centers, weights) = (centers_of::<T>(centers)?, Weights::<T>::new(weights)?);
    let (x, centers, weights) = (x.as_array(), centers.as_array(), weights.as_array());
    watch.run(py, || {
        let frame = Frame::new(&summary.0)?;
        poolkeeper_kmeans::farthest(x, weights, centers, &frame, count, watch)
    })
}

pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PySummary>()?;
    module.add_class::<PyPartial>()?;
    module.add_function(wrap_pyfunction!(_kmeans_summary, module)?)?;
    module.add_function(wrap_pyfunction!(_kmeans_farthest, module)?)?;
    module.add_function(wrap_pyfunction!(_kmeans_partial, module)?)
}
