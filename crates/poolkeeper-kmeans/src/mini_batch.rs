//! k-means on a stream: each batch moves the centers a little (Sculley 2010,
//! "Web-scale k-means clustering"), as scikit-learn's `MiniBatchKMeans` does.

use std::sync::Mutex;

use ndarray::{Array2, ArrayView1, ArrayView2, ArrayViewMut1};

use crate::lanes::LANES;
use crate::parallel::{Team, with_team};
use crate::partial::part;
use crate::problem::lock;
use crate::random::Random;
use crate::rows::{Data, Weights};
use crate::{Control, Frame, Kernel, Result, Scalar, Summary, Threads, check};

/// Centers that batches move.
#[derive(Debug, Clone, PartialEq)]
pub struct MiniBatch<T> {
    /// The centers, one a row.
    pub centers: Array2<T>,
    /// The weight of the samples that each center is the mean of.
    pub counts: Vec<f64>,
}

/// What a batch did.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Batch {
    /// The nearest center of each sample, before the centers moved.
    pub labels: Vec<i32>,
    /// The sum of the squared distances to these, times weights.
    pub inertia: f64,
    /// The sum of the squared distances that the centers moved.
    pub shift: f64,
}

/// Calls its last argument with the mean of a batch's samples that are nearest to a
/// center; on this worker, that center.
pub(crate) type WithMean<'a, T> = dyn Fn(usize, usize, &mut dyn FnMut(&[T])) + Sync + 'a;

impl<T: Scalar> MiniBatch<T> {
    /// Centers that no sample has moved yet.
    ///
    /// # Errors
    ///
    /// `Empty` or `NotFinite`.
    pub fn new(centers: Array2<T>) -> Result<Self> {
        check::not_empty(&centers.view())?;
        let rows = centers.nrows();
        check::finite("the array of centers", &Data::new(centers.view()), 0..rows)?;
        Ok(MiniBatch {
            counts: vec![0.0; rows],
            centers,
        })
    }

    /// Moves each center towards the mean of those samples of a batch that are
    /// nearest to it, by their share of all samples it has seen.
    ///
    /// # Errors
    ///
    /// `Empty`, `Shape`, `NotFinite`, `TooLarge` or `Weight` for a batch that
    /// can't be used, which then moves nothing; `Cancelled`.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndarray::array;
    /// use poolkeeper_kmeans::{MiniBatch, Threads};
    ///
    /// let mut model = MiniBatch::new(array![[0.0_f32], [9.0]])?;
    /// model.partial_fit(array![[1.0], [8.0]].view(), None, &Threads(1))?;
    /// model.partial_fit(array![[3.0]].view(), None, &Threads(1))?;
    /// assert_eq!(model.centers, array![[2.0], [8.0]]);
    /// # Ok::<(), poolkeeper_kmeans::Error>(())
    /// ```
    pub fn partial_fit(
        &mut self,
        x: ArrayView2<T>,
        weights: Option<ArrayView1<T>>,
        control: &dyn Control,
    ) -> Result<Batch> {
        check::not_empty(&x)?;
        self.check(x.ncols())?;
        let frame = Frame::new(&Summary::of_part(x, weights, control)?)?;
        let kernel = Kernel::choose(None)?;
        let old = self.centers.view();
        let found = part(x, weights, old, &frame, kernel, control, |_| Ok(()))?;
        let step = found.partial.finish(old, &frame)?;
        let sums = found.partial.into_sums();
        let mass = |c: usize| sums.masses.of(&frame.quanta, c);
        let masses: Vec<f64> = (0..old.nrows()).map(mass).collect();
        let threads = Team::size(control, old.len());
        let mean = |_: usize, c: usize, approach: &mut dyn FnMut(&[T])| {
            approach(&step.centers.row(c).to_vec());
        };
        let shift = with_team(|team| self.move_towards(&mean, &masses, team, threads));
        Ok(Batch {
            labels: found.labels,
            inertia: step.inertia,
            shift,
        })
    }

    /// Whether these centers are for batches of so many columns.
    pub(crate) fn check(&self, columns: usize) -> Result<()> {
        let (k, expected) = self.centers.dim();
        check::columns("the batch", columns, expected)?;
        check::columns("the array of counts", self.counts.len(), k)
    }

    /// Moves each center towards the mean of a batch's samples that are nearest to
    /// it; `masses` are their weights. Returns the square of how far all moved. Once
    /// begun, it can't be cancelled.
    pub(crate) fn move_towards(
        &mut self,
        mean: &WithMean<T>,
        masses: &[f64],
        team: &Team,
        threads: usize,
    ) -> f64 {
        if !self.centers.is_standard_layout() {
            self.centers = self.centers.as_standard_layout().into_owned();
        }
        let columns = self.centers.ncols();
        let centers = self.centers.as_slice_mut().unwrap_or_default();
        let moving: Vec<_> = centers
            .chunks_exact_mut(columns)
            .enumerate()
            .filter(|(c, _)| masses[*c] > 0.0)
            .map(|(c, center)| {
                self.counts[c] += masses[c];
                Mutex::new((c, center, masses[c] / self.counts[c], 0.0))
            })
            .collect();
        let each = |worker: usize, i: usize| {
            let (c, center, share, shift) = &mut *lock(&moving[i]);
            mean(worker, *c, &mut |mean| {
                *shift = approach(center, mean, *share);
            });
        };
        // `Threads` cancels nothing, so that this is no error.
        let done = team.each(threads, moving.len(), &Threads(threads), &each);
        debug_assert!(done.is_ok());
        moving.iter().map(|center| lock(center).3).sum()
    }

    /// Puts centers that have seen few samples, less than `ratio` of those of
    /// the center with most, to different samples of a batch, but at most
    /// half as many as it has. Returns how many were moved. They count
    /// as the least of the others from then on.
    ///
    /// # Errors
    ///
    /// `Shape`, if the batch doesn't fit.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndarray::array;
    /// use poolkeeper_kmeans::MiniBatch;
    ///
    /// let mut model = MiniBatch::new(array![[0.0_f64], [1e6]])?;
    /// model.counts = vec![50.0, 0.0];
    /// let batch = array![[5.0], [5.0]];
    /// assert_eq!(model.reassign(batch.view(), None, 0.01, 0)?, 1);
    /// assert_eq!((model.centers[[1, 0]], model.counts[1]), (5.0, 50.0));
    /// # Ok::<(), poolkeeper_kmeans::Error>(())
    /// ```
    pub fn reassign(
        &mut self,
        x: ArrayView2<T>,
        weights: Option<ArrayView1<T>>,
        ratio: f64,
        seed: u64,
    ) -> Result<usize> {
        self.check(x.ncols())?;
        let put = |mut center: ArrayViewMut1<T>, row: usize| center.assign(&x.row(row));
        self.reassign_rows(x.nrows(), weights, ratio, seed, put)
    }

    /// The same of so many rows; `put` copies one to a center.
    pub(crate) fn reassign_rows(
        &mut self,
        rows: usize,
        weights: Option<ArrayView1<T>>,
        ratio: f64,
        seed: u64,
        put: impl Fn(ArrayViewMut1<T>, usize),
    ) -> Result<usize> {
        let weights = Weights::new(weights);
        if weights.given() {
            check::weight_values(&weights, rows)?;
        }
        let most = self.counts.iter().copied().fold(0.0, f64::max);
        let mut few: Vec<usize> = (0..self.counts.len())
            .filter(|&c| self.counts[c] < ratio * most)
            .collect();
        few.sort_by(|&a, &b| self.counts[a].total_cmp(&self.counts[b]));
        few.truncate(rows / 2);
        let others = (0..self.counts.len()).filter(|c| !few.contains(c));
        let least = others.map(|c| self.counts[c]).fold(f64::INFINITY, f64::min);
        let rows = Random::new(seed, 2).samples(few.len(), rows, &weights);
        for (&center, &row) in few.iter().zip(&rows) {
            put(self.centers.row_mut(center), row);
            if least.is_finite() {
                self.counts[center] = least;
            }
        }
        Ok(few.len())
    }
}

/// Moves a center by a share of the way to a mean; returns the square of how far.
fn approach<T: Scalar>(center: &mut [T], mean: &[T], share: f64) -> f64 {
    let mut squares = [0.0; LANES];
    let mut step = |lane: usize, x: &mut T, mean: T| {
        let old = x.wide();
        *x = T::near(old + (mean.wide() - old) * share);
        let moved = old - x.wide();
        squares[lane] += moved * moved;
    };
    let (chunks, rest) = center.as_chunks_mut::<LANES>();
    let (means, mean_of_rest) = mean.as_chunks::<LANES>();
    for (chunk, mean) in chunks.iter_mut().zip(means) {
        for lane in 0..LANES {
            step(lane, &mut chunk[lane], mean[lane]);
        }
    }
    for (lane, (x, &mean)) in rest.iter_mut().zip(mean_of_rest).enumerate() {
        step(lane, x, mean);
    }
    squares.iter().sum()
}
