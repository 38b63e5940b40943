//! First centers among sparse rows.

use std::sync::Mutex;

use ndarray::{Array2, ArrayView1};

use super::csr::{Csr, Index};
use super::{CHUNK, Problem, put};
use crate::parallel::with_team;
use crate::problem::lock;
use crate::random::Random;
use crate::rows::Weights;
use crate::start::trials;
use crate::{Control, Init, Options, Result, Scalar, check};

/// As [`plus_plus`](crate::plus_plus), among sparse rows.
///
/// # Errors
///
/// As there.
///
/// # Examples
///
/// ```
/// use poolkeeper_kmeans::{Csr, Threads, plus_plus_csr};
///
/// let x = Csr::new(&[0, 1, 2, 3], &[0, 0, 9], &[1.0_f64, 1.1, 5.0], 10)?;
/// let (centers, rows) = plus_plus_csr(&x, None, 2, None, 0, &Threads(1))?;
/// assert!(rows.contains(&2));
/// assert_eq!(centers.dim(), (2, 10));
/// # Ok::<(), poolkeeper_kmeans::Error>(())
/// ```
pub fn plus_plus_csr<T: Scalar, I: Index>(
    x: &Csr<T, I>,
    weights: Option<ArrayView1<T>>,
    k: usize,
    local_trials: Option<usize>,
    seed: u64,
    control: &dyn Control,
) -> Result<(Array2<T>, Vec<usize>)> {
    check::clusters(k, x.rows())?;
    check::parameter(local_trials != Some(0), "local_trials", 0, "at least 1")?;
    with_team(|team| {
        let problem = Problem::new(x, Weights::new(weights), team, control)?;
        let rows = problem.plus_plus(k, trials(local_trials, k), &mut Random::new(seed, 0))?;
        Ok((problem.dense(&rows), rows))
    })
}

impl<T: Scalar, I: Index> Problem<'_, T, I> {
    pub(super) fn first_centers(&self, options: &mut Options<T>, stream: u64) -> Result<Array2<T>> {
        let k = options.n_clusters;
        let mut random = Random::new(options.seed, stream);
        let rows = match &mut options.init {
            Init::Centers(centers) => return Ok(std::mem::take(centers)),
            Init::Random => random.samples(k, self.x.rows(), &self.weights.relative()),
            Init::PlusPlus { local_trials } => {
                self.plus_plus(k, trials(*local_trials, k), &mut random)?
            }
            Init::Parallel => self.plus_plus(k, trials(None, k), &mut random)?,
        };
        Ok(self.dense(&rows))
    }

    fn dense(&self, rows: &[usize]) -> Array2<T> {
        let mut dense = Array2::default((rows.len(), self.x.columns));
        for (to, &row) in dense.outer_iter_mut().zip(rows) {
            put(self.x, row, to);
        }
        dense
    }

    /// Greedy k-means++: the rows chosen.
    fn plus_plus(&self, k: usize, trials: usize, random: &mut Random) -> Result<Vec<usize>> {
        let (rows, weights) = (self.x.rows(), self.weights.relative());
        let mut chosen = vec![random.sample(rows, &weights)];
        let mut near = self.distances(&chosen)?;
        while chosen.len() < k {
            let part = |i: usize| near[i] * weights.of(i);
            let total: f64 = (0..rows).map(part).sum();
            if total <= 0.0 {
                // Every row lies on a center: any others are as good.
                let open: Vec<usize> = (0..rows).filter(|i| !chosen.contains(i)).collect();
                chosen.extend(&open[..k - chosen.len()]);
                break;
            }
            let mut draws: Vec<f64> = (0..trials).map(|_| random.unit() * total).collect();
            draws.sort_by(f64::total_cmp);
            let tried = pick(&draws, (0..rows).map(part));
            let far = self.distances(&tried)?;
            let left = |trial: usize| -> f64 {
                let far = &far[trial * rows..][..rows];
                (0..rows).map(|i| near[i].min(far[i]) * weights.of(i)).sum()
            };
            let left: Vec<f64> = (0..trials).map(left).collect();
            let best = (0..trials)
                .min_by(|&a, &b| left[a].total_cmp(&left[b]))
                .unwrap_or(0);
            for (near, &far) in near.iter_mut().zip(&far[best * rows..]) {
                *near = near.min(far);
            }
            chosen.push(tried[best]);
        }
        Ok(chosen)
    }

    /// The squared distances of all rows to each of some: one after the other.
    fn distances(&self, to: &[usize]) -> Result<Vec<f64>> {
        let rows = self.x.rows();
        let centers = self.dense(to);
        let across = self.across(centers.view())?;
        let mut all = vec![0.0; rows * to.len()];
        for (c, all) in all.chunks_mut(rows).enumerate() {
            let parts: Vec<_> = all.chunks_mut(CHUNK).map(Mutex::new).collect();
            let threads = self.threads(1).min(parts.len());
            self.team
                .each(threads, parts.len(), self.control, &|_, chunk| {
                    for (i, square) in lock(&parts[chunk]).iter_mut().enumerate() {
                        *square = across.square_distance(self.x, chunk * CHUNK + i, c);
                    }
                })?;
        }
        Ok(all)
    }
}

/// For each of `draws`, in order, where the running sum of `parts` passes it.
fn pick(draws: &[f64], parts: impl Iterator<Item = f64>) -> Vec<usize> {
    let (mut sum, mut last) = (0.0, 0);
    let mut picked = Vec::with_capacity(draws.len());
    for (i, part) in parts.enumerate().filter(|(_, part)| *part > 0.0) {
        sum += part;
        last = i;
        while picked.len() < draws.len() && draws[picked.len()] < sum {
            picked.push(i);
        }
    }
    picked.resize(draws.len(), last);
    picked
}
