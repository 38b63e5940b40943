//! Scores of sparse rows: only the numbers that are stored are multiplied,
//! each with all centers at once.

use std::sync::Mutex;

use ndarray::ArrayView2;

use super::csr::{Csr, Index};
use crate::parallel::Team;
use crate::problem::lock;
use crate::update::sum;
use crate::{Control, Result, Scalar};

/// Centers column by column, times -2, with `|c|²`.
pub(super) struct Across<T> {
    pub(super) k: usize,
    values: Vec<T>,
    norms: Vec<T>,
    /// `|c|²` in `f64`, for distances.
    exact: Vec<f64>,
}

/// `|c|²` of each center.
///
/// # Errors
///
/// `Cancelled`.
pub(super) fn squares<T: Scalar>(
    centers: ArrayView2<T>,
    team: &Team,
    control: &dyn Control,
) -> Result<Vec<f64>> {
    let squares: Vec<_> = (0..centers.nrows()).map(|_| Mutex::new(0.0)).collect();
    let threads = Team::size(control, centers.len());
    team.each(threads, squares.len(), control, &|_, c| {
        let center = centers.row(c);
        *lock(&squares[c]) = sum(center, center, |c, _| c * c);
    })?;
    Ok(squares.iter().map(|square| *lock(square)).collect())
}

impl<T: Scalar> Across<T> {
    /// `exact` is the `|c|²` of each center. Without `columns` all are looked at.
    pub(super) fn new(centers: ArrayView2<T>, columns: Option<&[usize]>, exact: Vec<f64>) -> Self {
        let centers = centers.as_standard_layout();
        let rows: Vec<&[T]> = (centers.outer_iter())
            .map(|center| center.to_slice().unwrap_or_default())
            .collect();
        let minus_two = T::near(-2.0);
        let mut values =
            Vec::with_capacity(rows.len() * columns.map_or(centers.ncols(), <[_]>::len));
        let put = |j: usize| values.extend(rows.iter().map(|row| minus_two * row[j]));
        match columns {
            None => (0..centers.ncols()).for_each(put),
            Some(columns) => columns.iter().copied().for_each(put),
        }
        Across {
            k: rows.len(),
            values,
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

    /// The `|c|²` of a center.
    pub(super) fn square(&self, center: usize) -> f64 {
        self.exact[center]
    }

    /// Whether a center has this number in a column.
    pub(super) fn has(&self, center: usize, column: usize, x: T) -> bool {
        self.values[column * self.k + center] == T::near(-2.0) * x
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
            square += part_of_square(value, self.values[column * self.k + center]);
        }
        square.max(0.0)
    }

    /// The squared distances to all centers: the same numbers.
    pub(super) fn square_distances<I: Index>(
        &self,
        x: &Csr<T, I>,
        row: usize,
        squares: &mut Vec<f64>,
    ) {
        squares.clone_from(&self.exact);
        for (column, value) in x.row(row) {
            let centers = &self.values[column * self.k..][..self.k];
            for (square, &center) in squares.iter_mut().zip(centers) {
                *square += part_of_square(value, center);
            }
        }
        for square in squares {
            *square = square.max(0.0);
        }
    }
}

/// `(x - c)² - c²`, of `-2 c`.
fn part_of_square<T: Scalar>(x: T, minus_two_c: T) -> f64 {
    let (x, minus_two_c) = (x.wide(), minus_two_c.wide());
    x * (x + minus_two_c)
}
