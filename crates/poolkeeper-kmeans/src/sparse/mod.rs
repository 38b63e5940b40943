//! Sparse data, handled as sparse: time and memory go with the numbers that
//! are stored. Nothing is centred, which would fill the zeros.

mod batch;
mod csr;
mod predict;
mod score;
mod start;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut1};

use crate::control::check as not_cancelled;
use crate::kernels::plain::quantised;
use crate::lloyd::relocate::Far;
use crate::parallel::{Team, with_team};
use crate::problem::lock;
use crate::rows::Weights;
use crate::update::{Bound, Exact, Quanta, Sums};
use crate::{Control, Error, Fit, Options, Progress, Result, Scalar, check};
pub use csr::{Csr, Index};
pub use predict::{assign_csr, nearest_csr, transform_csr};
use score::{Across, squares};
pub use start::plus_plus_csr;

/// Rows that a thread takes at a time.
const CHUNK: usize = 256;

/// Stored numbers, about, that are added to sums before the caller is asked whether
/// to stop: some milliseconds.
const BETWEEN_ASKS: usize = 1 << 20;

/// Clusters the rows of a sparse matrix; as [`fit`](crate::fit), but
/// `algorithm` and `kernel` make no difference, and `Init::Parallel` is
/// `Init::PlusPlus`.
///
/// # Errors
///
/// As [`fit`](crate::fit).
///
/// # Examples
///
/// ```
/// use poolkeeper_kmeans::{Csr, Options, Threads, fit_csr};
///
/// let x = Csr::new(&[0, 1, 2, 3], &[0, 0, 9], &[1.0_f64, 3.0, 5.0], 10)?;
/// let fit = fit_csr(&x, None, &Options::new(2), &Threads(1))?;
/// assert_eq!(fit.inertia, 2.0);
/// # Ok::<(), poolkeeper_kmeans::Error>(())
/// ```
pub fn fit_csr<T: Scalar, I: Index>(
    x: &Csr<T, I>,
    weights: Option<ArrayView1<T>>,
    options: &Options<T>,
    control: &dyn Control,
) -> Result<Fit<T>> {
    options.check(x.rows(), x.columns)?;
    with_team(|team| {
        let problem = Problem::new(x, Weights::new(weights), team, control)?;
        let mut best: Option<Fit<T>> = None;
        for init in 0..options.starts() {
            let fit = problem.one_start(options, init)?;
            if best.as_ref().is_none_or(|best| fit.inertia < best.inertia) {
                best = Some(fit);
            }
        }
        best.ok_or(Error::Cancelled)
    })
}

/// Writes a row to a center.
fn put<T: Scalar, I: Index>(x: &Csr<T, I>, row: usize, mut to: ArrayViewMut1<T>) {
    to.fill(T::default());
    for (column, value) in x.row(row) {
        to[column] = value;
    }
}

/// What all parts of a fit work on.
struct Problem<'a, T, I> {
    x: &'a Csr<'a, T, I>,
    weights: Weights<'a, T>,
    quanta: Quanta,
    /// The largest size of a number in each column, and the largest weight.
    reach: Vec<f64>,
    largest_weight: f64,
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
        let largest_weight = match weights.given() {
            true => check::weight_values(&weights, x.rows())?.1,
            false => 1.0,
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
        check::reach_within(&reach, T::LARGEST.sqrt() / 4.0 / n.min(1e3))?;
        let variances = sums
            .iter()
            .zip(&squares)
            .map(|(s, q)| (q / n - s / n * (s / n)).max(0.0));
        let variance = variances.sum::<f64>() / x.columns as f64;
        let quanta = Quanta::new(&reach, &vec![T::default(); x.columns], n, largest_weight);
        Ok(Problem {
            x,
            weights,
            quanta,
            reach,
            largest_weight,
            variance,
            team,
            control,
        })
    }

    fn across(&self, centers: ArrayView2<T>) -> Result<Across<T>> {
        let squares = squares(centers, self.team, self.control)?;
        Ok(Across::new(centers, None, squares))
    }

    fn threads(&self, k: usize) -> usize {
        Team::size(self.control, self.x.stored() * k)
    }

    fn one_start(&self, options: &Options<T>, init: usize) -> Result<Fit<T>> {
        let mut centers = self.first_centers(options, init as u64)?;
        let mut labels = vec![-1; self.x.rows()];
        let mut sums = Sums::new(options.n_clusters, self.x.columns);
        let tol = options.tol * self.variance;
        let (mut strict, mut converged, mut iterations) = (false, false, 0);
        while iterations < options.max_iter && !converged {
            not_cancelled(self.control)?;
            let across = self.across(centers.view())?;
            let changed = self.pass(&across, &mut labels, Some(&mut sums))?;
            let next = self.next_centers(&across, centers.view(), &labels, &sums);
            let shift = crate::lloyd::square_shift(centers.view(), next.view());
            centers = next;
            iterations += 1;
            strict = changed == 0;
            converged = strict || shift <= tol;
            self.control.progress(Progress {
                init,
                iteration: iterations,
                changed: Some(changed),
                shift,
                inertia: None,
            });
        }
        let across = self.across(centers.view())?;
        if !strict {
            self.pass(&across, &mut labels, None)?;
        }
        let inertia = self.inertia(&across, &labels)?;
        let choice = "sparse rows, every distance".to_owned();
        Ok(Fit {
            centers,
            labels,
            inertia,
            iterations,
            converged,
            strict,
            choice,
        })
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
                let scores = &mut *lock(&workers[worker]);
                let mut count = 0;
                for (i, label) in lock(&parts[chunk]).iter_mut().enumerate() {
                    let new = across.nearest(self.x, chunk * CHUNK + i, scores) as i32;
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
        let threads = self.threads(1).min(sums.weights.len());
        let mut owned: Vec<Vec<_>> = (0..threads).map(|_| Vec::new()).collect();
        for (c, center) in sums.centers_mut().enumerate() {
            owned[c % threads].push(center);
        }
        let owned: Vec<_> = owned.into_iter().map(Mutex::new).collect();
        let numbers_of_a_row = self.x.stored().div_ceil(labels.len()).max(1);
        let step = (BETWEEN_ASKS / numbers_of_a_row).max(1);
        for first in (0..labels.len()).step_by(step) {
            let rows = first..labels.len().min(first + step);
            self.team
                .each(threads, threads, self.control, &|_, owner| {
                    let mut centers = lock(&owned[owner]);
                    for row in rows.clone().filter(|&row| before[row] != labels[row]) {
                        for (label, sign) in [(before[row], -1), (labels[row], 1)] {
                            // A row had no label, -1, at first.
                            match usize::try_from(label) {
                                Ok(c) if c % threads == owner => {
                                    self.count(row, sign, &mut centers[c / threads]);
                                }
                                _ => {}
                            }
                        }
                    }
                })?;
        }
        Ok(())
    }

    /// Adds a row to the sums of a center, or takes it away.
    fn count(&self, row: usize, sign: i64, (values, count): &mut (&mut [i64], &mut i64)) {
        let weight = self.weights.of(row);
        **count = count.wrapping_add(sign * self.quanta.weight(weight));
        for (column, value) in self.x.row(row) {
            let n = quantised(value.wide() * weight, self.quanta.magic[column]);
            values[column] = values[column].wrapping_add(sign * n);
        }
    }

    /// The means, and every empty center on a far row, as for dense data.
    fn next_centers(
        &self,
        across: &Across<T>,
        centers: ArrayView2<T>,
        labels: &[i32],
        sums: &Sums,
    ) -> Array2<T> {
        let empty: Vec<usize> = (0..across.k).filter(|&c| sums.weights[c] == 0).collect();
        if empty.is_empty() {
            return sums.means(&self.quanta, centers);
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
        far.retain(|sample| sample.distance > 0.0);
        far.sort_by(Far::order);
        let mut sums = sums.clone();
        let mut of: Vec<_> = sums.centers_mut().collect();
        for (sample, &center) in far.iter().zip(&empty) {
            self.count(sample.row, -1, &mut of[sample.label]);
            self.count(sample.row, 1, &mut of[center]);
        }
        sums.means(&self.quanta, centers)
    }

    fn inertia(&self, across: &Across<T>, labels: &[i32]) -> Result<f64> {
        // |x - c|² is at most 2 |x|² + 2 |c|².
        let square: f64 = self.reach.iter().map(|x| x * x).sum();
        let largest = 4.0 * (square + across.farthest());
        let bound = Bound::new(largest * self.largest_weight);
        let total = Mutex::new(Exact::default());
        let chunks = labels.len().div_ceil(CHUNK);
        let threads = self.threads(1).min(chunks);
        self.team.each(threads, chunks, self.control, &|_, chunk| {
            let mut sum = Exact::default();
            let first = chunk * CHUNK;
            let of_chunk = labels.iter().enumerate().skip(first).take(CHUNK);
            for (row, &label) in of_chunk {
                let square = across.square_distance(self.x, row, label as usize);
                sum.add(square * self.weights.of(row), bound);
            }
            lock(&total).merge(sum);
        })?;
        let total = lock(&total);
        Ok(total.value(bound))
    }
}
