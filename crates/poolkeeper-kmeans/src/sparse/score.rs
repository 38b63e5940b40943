//! Scores of sparse rows: only the numbers that are stored are multiplied,
//! each with all centers at once.

use ndarray::ArrayView2;

use super::csr::{Csr, Index};
use crate::Scalar;

/// Centers column by column, times -2, with `|c|²`.
pub(super) struct Across<T> {
    pub(super) k: usize,
    values: Vec<T>,
    norms: Vec<T>,
    /// `|c|²` in `f64`, for distances.
    exact: Vec<f64>,
}

impl<T: Scalar> Across<T> {
    pub(super) fn new(centers: ArrayView2<T>) -> Self {
        let square =
            |center: ndarray::ArrayView1<T>| center.iter().map(|c| c.wide() * c.wide()).sum();
        Self::of_columns(centers, centers.outer_iter().map(square).collect())
    }

    /// For centers of which only some columns are looked at; `exact` is the `|c|²` of
    /// all of them.
    pub(super) fn of_columns(centers: ArrayView2<T>, exact: Vec<f64>) -> Self {
        let minus_two = T::near(-2.0);
        Across {
            k: centers.nrows(),
            values: centers.t().iter().map(|&c| c * minus_two).collect(),
            norms: exact.iter().map(|&norm| T::near(norm)).collect(),
            exact,
        }
    }

    /// The scores `|c|² - 2 x·c` of a row, for all centers.
    pub(super) fn scores<I: Index>(&self, x: &Csr<T, I>, row: usize, scores: &mut Vec<T>) {
        scores.clear();
        scores.extend_from_slice(&self.norms);
        for (column, value) in x.row(row) {
            let centers = &self.values[column * self.k..][..self.k];
            for (score, &center) in scores.iter_mut().zip(centers) {
                // Not fused, so that it is the same on every processor.
                *score += value * center;
            }
        }
    }

    /// The first center with the smallest score.
    pub(super) fn nearest<I: Index>(
        &self,
        x: &Csr<T, I>,
        row: usize,
        scores: &mut Vec<T>,
    ) -> usize {
        self.scores(x, row, scores);
        let mut best = (T::INFINITY, 0);
        for (c, &score) in scores.iter().enumerate() {
            if score < best.0 {
                best = (score, c);
            }
        }
        best.1
    }

    /// The largest `|c|²`.
    pub(super) fn farthest(&self) -> f64 {
        self.exact.iter().copied().fold(0.0, f64::max)
    }

    /// The squared distance to a center, in `f64`.
    pub(super) fn square_distance<I: Index>(
        &self,
        x: &Csr<T, I>,
        row: usize,
        center: usize,
    ) -> f64 {
        let mut square = self.exact[center];
        for (column, value) in x.row(row) {
            let (x, minus_two_c) = (value.wide(), self.values[column * self.k + center].wide());
            square += x * (x + minus_two_c);
        }
        square.max(0.0)
    }
}
