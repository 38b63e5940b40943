//! Scores of sparse rows: only the numbers that are stored are multiplied,
//! each with all centers at once.

use std::sync::{Mutex, OnceLock};

use ndarray::ArrayView2;

use super::csr::{Csr, Index};

use crate::kernels::sparse::{Centers, NearestSparse, SLACK};
use crate::lanes::sum;
use crate::parallel::Team;
use crate::problem::lock;
use crate::update::power_above;
use crate::{Control, Error, Kernel, Result, Scalar};

/// Centers column by column, times -2, with `|c|²`.
pub(super) struct Across<'a, T> {
    pub(super) k: usize,
    nearest: NearestSparse<T>,
    centers: ArrayView2<'a, T>,
    /// The columns that are looked at; without it all.
    columns: Option<&'a [usize]>,
    /// Times a power of two that keeps scores within the type, and `SLACK`.
    values: Vec<T>,
    /// Likewise.
    norms: Vec<T>,
    /// `|c|²` in `f64`, for distances.
    exact: Vec<f64>,
    /// Of each center the columns that are not 0, once they are asked for.
    filled: Vec<OnceLock<Vec<usize>>>,
}

/// Below this share of `|c|²`, a distance is what subtraction has left of it, and is
/// summed from differences instead.
const CANCELLED: f64 = 1.0 / 4096.0;

/// `|c|²` of each center.
///
/// # Errors
///
/// `Cancelled`; `TooLarge`, where that is no `f64`.
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
    let squares: Vec<f64> = squares.iter().map(|square| *lock(square)).collect();
    let limit = f64::MAX / 16.0;
    let Some(c) = squares.iter().position(|&square| square > limit) else {
        return Ok(squares);
    };
    let sizes = centers.row(c).into_iter().map(|c| c.wide().abs());
    let largest = sizes.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    let (column, span) = largest.unwrap_or_default();
    let limit = (limit / centers.ncols() as f64).sqrt();
    Err(Error::TooLarge {
        column,
        span,
        limit,
    })
}

/// Columns that a thread turns at a time.
const COLUMNS: usize = 64;

/// The numbers of centers column by column, times a factor, and `SLACK` zeros.
fn turned<T: Scalar>(
    centers: ArrayView2<T>,
    columns: Option<&[usize]>,
    factor: f64,
    team: &Team,
    control: &dyn Control,
) -> Result<Vec<T>> {
    let k = centers.nrows();
    let count = columns.map_or(centers.ncols(), <[_]>::len);
    let standard = centers.as_standard_layout();
    let rows: Vec<&[T]> = (standard.outer_iter())
        .map(|center| center.to_slice().unwrap_or_default())
        .collect();
    let mut turned = vec![T::default(); count * k + SLACK];
    let parts: Vec<_> = turned[..count * k]
        .chunks_mut(COLUMNS * k)
        .map(Mutex::new)
        .collect();
    let threads = Team::size(control, count * k);
    team.each(threads, parts.len(), control, &|_, part| {
        let mut to = lock(&parts[part]);
        let first = part * COLUMNS;
        let here = first..count.min(first + COLUMNS);
        let scaled = |x: T| T::near(x.wide() * factor);
        for (c, row) in rows.iter().enumerate() {
            let to = to[c..].iter_mut().step_by(k);
            match columns {
                None => to
                    .zip(&row[here.clone()])
                    .for_each(|(to, &x)| *to = scaled(x)),
                Some(columns) => {
                    let columns = &columns[here.clone()];
                    to.zip(columns).for_each(|(to, &j)| *to = scaled(row[j]));
                }
            }
        }
    })?;
    drop(parts);
    Ok(turned)
}

impl<'a, T: Scalar> Across<'a, T> {
    /// `exact` is the `|c|²` of each center, and no row's `|x|²` is above `farthest`.
    /// Without `columns` all are looked at.
    ///
    /// # Errors
    ///
    /// `Cancelled`, and those of [`Kernel::choose`].
    pub(super) fn new(
        centers: ArrayView2<'a, T>,
        columns: Option<&'a [usize]>,
        exact: Vec<f64>,
        farthest: f64,
        team: &Team,
        control: &dyn Control,
    ) -> Result<Self> {
        let largest = exact.iter().copied().fold(farthest, f64::max);
        let limit = T::LARGEST / 16.0;
        let scale = if largest < limit {
            1.0
        } else {
            limit / power_above(largest)
        };
        let mut norms: Vec<T> = exact.iter().map(|&norm| T::near(norm * scale)).collect();
        norms.resize(exact.len() + SLACK, T::INFINITY);
        Ok(Across {
            k: exact.len(),
            nearest: T::table(Kernel::choose(None)?).nearest_sparse,
            centers,
            columns,
            values: turned(centers, columns, -2.0 * scale, team, control)?,
            norms,
            filled: exact.iter().map(|_| OnceLock::new()).collect(),
            exact,
        })
    }

    /// The first center with the smallest score `|c|² - 2 x·c`. `numbers` is for the row's.
    pub(super) fn nearest<I: Index>(
        &self,
        x: &Csr<T, I>,
        row: usize,
        numbers: &mut Vec<(usize, T)>,
    ) -> usize {
        numbers.clear();
        numbers.extend(x.row(row).map(|(column, value)| (column * self.k, value)));
        let centers = Centers {
            k: self.k,
            values: &self.values,
            norms: &self.norms,
        };
        // SAFETY: the kernel is for this processor, every column of a row is one of the
        // centers', and `SLACK` numbers follow the values and the norms.
        unsafe { (self.nearest)(numbers, &centers) }
    }

    /// The column of the centers that a column of the rows is.
    fn column(&self, column: usize) -> usize {
        self.columns.map_or(column, |columns| columns[column])
    }

    /// The squared distance to a center, in `f64`.
    pub(super) fn square_distance<I: Index>(
        &self,
        x: &Csr<T, I>,
        row: usize,
        center: usize,
    ) -> f64 {
        let mut square = self.exact[center];
        for (column, x) in x.row(row) {
            let (x, c) = (x.wide(), self.centers[[center, self.column(column)]].wide());
            square += x * (x - 2.0 * c);
        }
        if square < self.exact[center] * CANCELLED {
            return self.sum_of_differences(x, row, center);
        }
        square
    }

    /// The same, without a difference of large numbers: 0 for a row that is the center.
    fn sum_of_differences<I: Index>(&self, x: &Csr<T, I>, row: usize, center: usize) -> f64 {
        let filled = self.filled[center].get_or_init(|| {
            let numbers = self.centers.row(center).into_iter().enumerate();
            numbers
                .filter(|(_, c)| c.wide() != 0.0)
                .map(|(j, _)| j)
                .collect()
        });
        let c = |column: usize| self.centers[[center, column]].wide();
        let numbers = x
            .row(row)
            .map(|(column, x)| (self.column(column), x.wide()));
        let mut stored: Vec<(usize, f64)> = numbers.collect();
        stored.sort_unstable_by_key(|(column, _)| *column);
        let mut square = 0.0;
        let mut more = filled.iter().copied().peekable();
        for (column, x) in stored {
            while let Some(before) = more.next_if(|&other| other < column) {
                square += c(before) * c(before);
            }
            more.next_if_eq(&column);
            square += (x - c(column)) * (x - c(column));
        }
        square + more.map(|column| c(column) * c(column)).sum::<f64>()
    }
}
