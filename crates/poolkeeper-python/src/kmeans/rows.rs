//! The samples of a call, dense or sparse, and what is done with them.

use super::arrays::{Element, Samples};
use super::sparse::Arrays;
use super::watch::Watch;
use numpy::ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut2};
use poolkeeper_kmeans::{
    Batch, Csr, Fit, Index, MiniBatch, Moved, Options, Result, assign_csr, assign_moved, fit,
    fit_csr, inertia, nearest, nearest_csr, plus_plus, plus_plus_csr, transform, transform_csr,
};
use pyo3::Borrowed;
use pyo3::prelude::*;

/// A matrix, or the arrays of one in CSR form.
pub(super) enum Given<'py> {
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
    pub(super) fn len(&self) -> PyResult<usize> {
        match self {
            Given::Dense(x) => Ok(x.len()),
            Given::Sparse((_, _, data, _)) => data.len(),
        }
    }
}

/// What is done with samples, the same for both forms.
pub(super) trait Rows: Sync {
    type T: Element;

    fn fit(
        &self,
        weights: Option<ArrayView1<Self::T>>,
        options: Options<Self::T>,
        watch: &Watch,
    ) -> Result<Fit<Self::T>>;

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

    /// How many there are.
    fn count(&self) -> usize;

    /// Labels; those of dense rows after they were `moved` so.
    fn assign(
        &self,
        centers: ArrayView2<Self::T>,
        moved: Option<&Moved<Self::T>>,
        watch: &Watch,
    ) -> Result<Vec<i32>>;

    /// Labels and inertia.
    fn assigned(
        &self,
        weights: Option<ArrayView1<Self::T>>,
        centers: ArrayView2<Self::T>,
        watch: &Watch,
    ) -> Result<(Vec<i32>, f64)>;

    fn nearest(&self, centers: ArrayView2<Self::T>, watch: &Watch) -> Result<(Vec<i32>, Vec<f64>)>;

    fn inertia(
        &self,
        weights: Option<ArrayView1<Self::T>>,
        centers: ArrayView2<Self::T>,
        watch: &Watch,
    ) -> Result<f64>;

    fn transform(
        &self,
        centers: ArrayView2<Self::T>,
        out: ArrayViewMut2<Self::T>,
        watch: &Watch,
    ) -> Result<()>;
}

impl<T: Element> Rows for ArrayView2<'_, T> {
    type T = T;

    fn fit(
        &self,
        weights: Option<ArrayView1<T>>,
        options: Options<T>,
        watch: &Watch,
    ) -> Result<Fit<T>> {
        fit(*self, weights, options, watch)
    }

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

    fn count(&self) -> usize {
        self.nrows()
    }

    fn assign(
        &self,
        centers: ArrayView2<T>,
        moved: Option<&Moved<T>>,
        watch: &Watch,
    ) -> Result<Vec<i32>> {
        assign_moved(*self, centers, moved, watch)
    }

    fn assigned(
        &self,
        weights: Option<ArrayView1<T>>,
        centers: ArrayView2<T>,
        watch: &Watch,
    ) -> Result<(Vec<i32>, f64)> {
        let labels = assign_moved(*self, centers, None, watch)?;
        Ok((labels, inertia(*self, weights, centers, watch)?))
    }

    fn nearest(&self, centers: ArrayView2<T>, watch: &Watch) -> Result<(Vec<i32>, Vec<f64>)> {
        nearest(*self, centers, watch)
    }

    fn inertia(
        &self,
        weights: Option<ArrayView1<T>>,
        centers: ArrayView2<T>,
        watch: &Watch,
    ) -> Result<f64> {
        inertia(*self, weights, centers, watch)
    }

    fn transform(
        &self,
        centers: ArrayView2<T>,
        out: ArrayViewMut2<T>,
        watch: &Watch,
    ) -> Result<()> {
        transform(*self, centers, out, watch)
    }
}

impl<T: Element, I: Index> Rows for Csr<'_, T, I> {
    type T = T;

    fn fit(
        &self,
        weights: Option<ArrayView1<T>>,
        options: Options<T>,
        watch: &Watch,
    ) -> Result<Fit<T>> {
        fit_csr(self, weights, options, watch)
    }

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

    fn count(&self) -> usize {
        self.rows()
    }

    fn assign(
        &self,
        centers: ArrayView2<T>,
        _moved: Option<&Moved<T>>,
        watch: &Watch,
    ) -> Result<Vec<i32>> {
        Ok(nearest_csr(self, centers, watch)?.0)
    }

    fn assigned(
        &self,
        weights: Option<ArrayView1<T>>,
        centers: ArrayView2<T>,
        watch: &Watch,
    ) -> Result<(Vec<i32>, f64)> {
        assign_csr(self, weights, centers, watch)
    }

    fn nearest(&self, centers: ArrayView2<T>, watch: &Watch) -> Result<(Vec<i32>, Vec<f64>)> {
        nearest_csr(self, centers, watch)
    }

    fn inertia(
        &self,
        weights: Option<ArrayView1<T>>,
        centers: ArrayView2<T>,
        watch: &Watch,
    ) -> Result<f64> {
        Ok(self.assigned(weights, centers, watch)?.1)
    }

    fn transform(
        &self,
        centers: ArrayView2<T>,
        out: ArrayViewMut2<T>,
        watch: &Watch,
    ) -> Result<()> {
        transform_csr(self, centers, out, watch)
    }
}

/// Calls a generic function with the rows, whatever form and type they have.
macro_rules! for_rows {
    ($py:expr, $given:expr, $rows:ident => $call:expr) => {
        match $given {
            $crate::kmeans::rows::Given::Dense($crate::kmeans::arrays::Samples::F32(x)) => {
                let $rows = &x.as_array();
                $call
            }
            $crate::kmeans::rows::Given::Dense($crate::kmeans::arrays::Samples::F64(x)) => {
                let $rows = &x.as_array();
                $call
            }
            $crate::kmeans::rows::Given::Sparse(x) => $crate::kmeans::sparse::for_matrix!(&x, matrix => {
                let $rows = &matrix.view($py)?;
                $call
            }),
        }
    };
}
pub(super) use for_rows;
