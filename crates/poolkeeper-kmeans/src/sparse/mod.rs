//! Sparse data, handled as sparse: time and memory go with the numbers that
//! are stored. Nothing is centred, which would fill the zeros.

mod batch;
mod csr;
mod fit;
mod predict;
mod score;
mod start;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{ArrayView2, ArrayViewMut1};

use crate::exact::Exact;
use crate::kernels::plain::{quantised, rounded};
use crate::lloyd::relocate::{self, Far};
use crate::parallel::Team;
use crate::problem::lock;
use crate::rows::Weights;
use crate::update::{Quanta, Sums};
use crate::weighing::WeightRange;
use crate::{Control, Result, Scalar, check};
pub use csr::{Csr, Index};
pub use fit::fit_csr;
pub use predict::{assign_csr, nearest_csr, transform_csr};
use score::{Across, squares};
pub use start::plus_plus_csr;

/// Rows that a thread takes at a time.
const CHUNK: usize = 256;

/// Stored numbers, about, that are added to sums before the caller is asked whether
/// to stop: some milliseconds.
const BETWEEN_ASKS: usize = 1 << 20;

/// Writes a row to a center.
fn put<T: Scalar, I: Index>(x: &Csr<T, I>, row: usize, mut to: ArrayViewMut1<T>) {
    to.fill(T::default());
    for (column, value) in x.row(row) {
        to[column] = value;
    }
}

/// The sums of a center and a class of weights, and the weight.
type Place<'a> = (&'a mut [i64], &'a mut [i64; 2]);

/// What all parts of a fit work on.
struct Problem<'a, T, I> {
    x: &'a Csr<'a, T, I>,
    weights: Weights<'a, T>,
    quanta: Quanta,
    /// No row's `|x|²` is larger.
    farthest: f64,
    /// The mean of the columns' variances.
    variance: f64,
    team: &'a Team,
    control: &'a dyn Control,
}

impl<'a, T: Scalar, I: Index> Problem<'a, T, I> {
    fn new(
        x: &'a Csr<'a, T, I>,
        weights: Weights<'a, T>,
        team: &'a Team,
        control: &'a dyn Control,
    ) -> Result<Self> {
        if weights.given() {
            check::weights(&weights, x.rows())?;
        }
        Self::of_part(x, weights, team, control)
    }

    /// The same for a part of the data, whose weights may all be 0.
    fn of_part(
        x: &'a Csr<'a, T, I>,
        weights: Weights<'a, T>,
        team: &'a Team,
        control: &'a dyn Control,
    ) -> Result<Self> {
        let n = x.rows() as f64;
        let range = match weights.given() {
            true => check::weight_values(&weights, x.rows())?.1,
            false => WeightRange::ones(),
        };
        let mut reach = vec![0.0_f64; x.columns];
        let (mut sums, mut squares) = (vec![0.0; x.columns], vec![0.0; x.columns]);
        for row in 0..x.rows() {
            for (column, value) in x.row(row) {
                let value = value.wide();
                reach[column] = reach[column].max(value.abs());
                sums[column] += value;
                squares[column] += value * value;
            }
        }
        // So that sums of squares are numbers, also over all rows.
        let farthest: f64 = reach.iter().map(|x| x * x).sum();
        if farthest >= f64::MAX / 16.0 / n {
            let used = reach.iter().filter(|&&x| x > 0.0).count() as f64;
            check::reach_within(&reach, (f64::MAX / 16.0 / n / used).sqrt())?;
        }
        let variances = sums
            .iter()
            .zip(&squares)
            .map(|(s, q)| (q / n - s / n * (s / n)).max(0.0));
        let variance = variances.sum::<f64>() / x.columns as f64;
        // A row may be far out, and no mean is taken off: so all sums are fine.
        let quanta = Quanta::new(&reach, &vec![T::default(); x.columns], n, &range, true);
        Ok(Problem {
            x,
            weights,
            quanta,
            farthest,
            variance,
            team,
            control,
        })
    }

    fn across<'b>(&self, centers: ArrayView2<'b, T>) -> Result<Across<'b, T>> {
        let squares = squares(centers, self.team, self.control)?;
        Across::new(
            centers,
            None,
            squares,
            self.farthest,
            self.team,
            self.control,
        )
    }

    fn threads(&self, k: usize) -> usize {
        Team::size(self.control, self.x.stored() * k)
    }

    /// Labels every row; takes `sums`, if there are any, along. Returns how
    /// many labels changed.
    fn pass(
        &self,
        across: &Across<T>,
        labels: &mut [i32],
        sums: Option<&mut Sums>,
    ) -> Result<usize> {
        let before = sums.is_some().then(|| labels.to_vec());
        let changed = AtomicUsize::new(0);
        let parts: Vec<_> = labels.chunks_mut(CHUNK).map(Mutex::new).collect();
        let threads = self.threads(across.k).min(parts.len());
        let workers: Vec<_> = (0..threads).map(|_| Mutex::default()).collect();
        self.team
            .each(threads, parts.len(), self.control, &|worker, chunk| {
                let numbers = &mut *lock(&workers[worker]);
                let mut count = 0;
                for (i, label) in lock(&parts[chunk]).iter_mut().enumerate() {
                    let new = across.nearest(self.x, chunk * CHUNK + i, numbers) as i32;
                    count += usize::from(std::mem::replace(label, new) != new);
                }
                changed.fetch_add(count, Ordering::Relaxed);
            })?;
        drop(parts);
        if let (Some(sums), Some(before)) = (sums, before) {
            self.relabel_all(sums, &before, labels)?;
        }
        Ok(changed.into_inner())
    }

    /// Moves every row whose label changed. Each thread has centers of its own, so that
    /// none needs other sums.
    fn relabel_all(&self, sums: &mut Sums, before: &[i32], labels: &[i32]) -> Result<()> {
        let classes = self.quanta.classes();
        let k = sums.masses.counts.len() / classes;
        let threads = self.threads(1).min(k);
        let mut owned: Vec<Vec<_>> = (0..threads).map(|_| Vec::new()).collect();
        for (place, at) in sums.places_mut().enumerate() {
            owned[place % k % threads].push(at);
        }
        let owned: Vec<_> = owned.into_iter().map(Mutex::new).collect();
        let numbers_of_a_row = self.x.stored().div_ceil(labels.len()).max(1);
        let step = (BETWEEN_ASKS / numbers_of_a_row).max(1);
        for first in (0..labels.len()).step_by(step) {
            let rows = first..labels.len().min(first + step);
            self.team
                .each(threads, threads, self.control, &|_, owner| {
                    let mut places = lock(&owned[owner]);
                    let centers = places.len() / classes;
                    for row in rows.clone().filter(|&row| before[row] != labels[row]) {
                        for (label, sign) in [(before[row], -1), (labels[row], 1)] {
                            // A row had no label, -1, at first.
                            match usize::try_from(label) {
                                Ok(c) if c % threads == owner => {
                                    let (class, weight) = self.quanta.weigh(self.weights.of(row));
                                    let place = class * centers + c / threads;
                                    self.count(row, weight, sign, &mut places[place]);
                                }
                                _ => {}
                            }
                        }
                    }
                })?;
        }
        Ok(())
    }

    /// Adds a row to the sums of a center and class, or takes it away.
    fn count(&self, row: usize, weight: f64, sign: i64, (values, counts): &mut Place<'_>) {
        let count = self.quanta.count(weight);
        for (to, count) in counts.iter_mut().zip(count) {
            *to = to.wrapping_add(sign * count);
        }
        let Some(fine) = &self.quanta.fine else {
            unreachable!("the sums of sparse rows are fine");
        };
        let (values, fine_values) = values.split_at_mut(self.x.columns);
        for (column, value) in self.x.row(row) {
            let (whole, left) = rounded(value.wide() * weight, self.quanta.magic[column]);
            values[column] = values[column].wrapping_add(sign * whole);
            let left = quantised(left, fine.magic[column]);
            fine_values[column] = fine_values[column].wrapping_add(sign * left);
        }
    }

    /// Moves a far row to each center without rows, as for dense data; the labels stay.
    /// Returns the rows with their labels and new centers.
    fn relocate(&self, across: &Across<T>, labels: &[i32], sums: &mut Sums) -> Vec<(Far, usize)> {
        let is_empty = |c: &usize| sums.masses.is_empty(*c);
        let empty: Vec<usize> = (0..across.k).filter(is_empty).collect();
        if empty.is_empty() {
            return Vec::new();
        }
        let far = |(row, &label): (usize, &i32)| {
            let label = label as usize;
            Far {
                distance: across.square_distance(self.x, row, label),
                row,
                label,
            }
        };
        let mut far: Vec<Far> = labels.iter().enumerate().map(far).collect();
        relocate::keep_farthest(&mut far, empty.len());
        let moved: Vec<_> = relocate::worthwhile(far).into_iter().zip(empty).collect();
        self.move_rows(&moved, sums, false);
        moved
    }

    /// Moves rows from the sums of their labels to those of other centers, or `back`.
    fn move_rows(&self, moved: &[(Far, usize)], sums: &mut Sums, back: bool) {
        if moved.is_empty() {
            return;
        }
        let k = sums.masses.counts.len() / self.quanta.classes();
        let mut places: Vec<_> = sums.places_mut().collect();
        for (sample, center) in moved {
            let (class, weight) = self.quanta.weigh(self.weights.of(sample.row));
            let sign = if back { -1 } else { 1 };
            for (center, sign) in [(sample.label, -sign), (*center, sign)] {
                self.count(sample.row, weight, sign, &mut places[class * k + center]);
            }
        }
    }

    /// The sum of the squared distances times weights; infinite beyond the largest `f64`.
    fn inertia(&self, across: &Across<T>, labels: &[i32]) -> Result<f64> {
        let total = Mutex::new(Exact::default());
        let chunks = labels.len().div_ceil(CHUNK);
        let threads = self.threads(1).min(chunks);
        self.team.each(threads, chunks, self.control, &|_, chunk| {
            let mut sum = Exact::default();
            let first = chunk * CHUNK;
            let of_chunk = labels.iter().enumerate().skip(first).take(CHUNK);
            for (row, &label) in of_chunk {
                let square = across.square_distance(self.x, row, label as usize);
                sum.add(square, self.weights.of(row));
            }
            lock(&total).merge(&sum);
        })?;
        let total = lock(&total);
        Ok(total.value())
    }
}
