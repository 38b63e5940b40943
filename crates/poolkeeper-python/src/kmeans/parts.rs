//! One iteration over data that is in several places: what a place tells, as
//! objects that can be sent.

use super::arrays::{Element, Samples, Weights, centers_of};
use super::watch::{Watch, raise};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray2};
use poolkeeper_kmeans::{Frame, Partial, Summary};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// What is known of one part of the data, or of several.
#[pyclass(frozen, module = "poolkeeper._native", name = "_KMeansSummary")]
pub(super) struct PySummary(Summary);

/// The fields of a summary: rows, weight, largest weight; of each column the
/// smallest and the largest number, the mean and the squares.
type Fields = (u64, f64, f64, Vec<f64>, Vec<f64>, Vec<f64>, Vec<f64>);

#[pymethods]
impl PySummary {
    #[new]
    fn new(fields: Fields) -> Self {
        let (rows, weight, largest_weight, smallest, largest, mean, squares) = fields;
        PySummary(Summary {
            rows,
            weight,
            largest_weight,
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

    fn __reduce__<'py>(&self, py: Python<'py>) -> (Bound<'py, PyAny>, (Fields,)) {
        let own = self.0.clone();
        let fields = (
            own.rows,
            own.weight,
            own.largest_weight,
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

/// Sums and weights as bytes: an array would come out of a message at any address.
type Sent<'py> = (Bound<'py, PyBytes>, Bound<'py, PyBytes>, [i128; 4]);

fn sent<'py>(py: Python<'py>, numbers: &[i64]) -> Bound<'py, PyBytes> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|n| n.to_le_bytes()).collect();
    PyBytes::new(py, &bytes)
}

fn received(bytes: &[u8]) -> Vec<i64> {
    let (numbers, _) = bytes.as_chunks();
    numbers.iter().map(|n| i64::from_le_bytes(*n)).collect()
}

#[pymethods]
impl PyPartial {
    #[new]
    fn new(sums: &[u8], weights: &[u8], squares: [i128; 4]) -> Self {
        let [high, low, total_high, total_low] = squares;
        PyPartial(Partial {
            sums: received(sums),
            weights: received(weights),
            inertia: [high, low],
            total: [total_high, total_low],
        })
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

    /// Moves what `sample`, which is a part of this, gave to center `old` to
    /// center `new`.
    fn moved(&self, sample: &Self, old: usize, new: usize) -> Self {
        let mut partial = self.0.clone();
        let columns = partial.sums.len() / partial.weights.len();
        for j in 0..columns {
            let value = sample.0.sums[old * columns + j];
            let (old, new) = (old * columns + j, new * columns + j);
            partial.sums[old] = partial.sums[old].wrapping_sub(value);
            partial.sums[new] = partial.sums[new].wrapping_add(value);
        }
        let weight = sample.0.weights[old];
        partial.weights[old] = partial.weights[old].wrapping_sub(weight);
        partial.weights[new] = partial.weights[new].wrapping_add(weight);
        PyPartial(partial)
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
        let (sums, weights) = (sent(py, &own.sums), sent(py, &own.weights));
        let ([high, low], [total_high, total_low]) = (own.inertia, own.total);
        let squares = [high, low, total_high, total_low];
        (py.get_type::<Self>().into_any(), (sums, weights, squares))
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

pub(super) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PySummary>()?;
    module.add_class::<PyPartial>()?;
    module.add_function(wrap_pyfunction!(_kmeans_summary, module)?)?;
    module.add_function(wrap_pyfunction!(_kmeans_partial, module)?)
}
