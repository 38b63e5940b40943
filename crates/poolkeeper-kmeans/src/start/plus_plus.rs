//! Greedy k-means++, with one pass over the data for each center.
//!
//! A pass takes the distances to the center chosen last and to the samples
//! that are tried next. What each trial would leave is summed chunk by chunk,
//! so the next draw first draws a chunk, and looks at the samples of only
//! that one.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::gather;
use crate::kernels::Tile;
use crate::kernels::scan::Scratch;
use crate::panels::Panels;
use crate::parallel::Team;
use crate::problem::{Problem, lock};
use crate::random::Random;
use crate::{Result, Scalar};

/// The indices of `k` samples.
pub(crate) fn choose<T: Scalar>(
    problem: &Problem<T>,
    k: usize,
    trials: usize,
    random: &mut Random,
) -> Result<Vec<usize>> {
    let mut near = vec![T::INFINITY; problem.data.rows];
    let mut state = State::new(problem, &mut near);
    let mut chosen = vec![random.sample(problem.data.rows, &problem.weights)];
    // The first center is the only trial of the first pass.
    state.pass(None, &chosen)?;
    let mut best = 0;
    while chosen.len() < k {
        let last = chosen[chosen.len() - 1];
        let tried = state.draw(best, last, &chosen, trials, random)?;
        state.pass(Some(last), &tried)?;
        best = state.best();
        chosen.push(tried[best]);
    }
    Ok(chosen)
}

/// What one thread needs.
#[derive(Default)]
struct Worker<T> {
    scratch: Scratch<T>,
    rows: Vec<T>,
    scores: Vec<T>,
    weights: Vec<T>,
}

/// Some samples, as the kernels want centers.
struct Candidates<T: 'static> {
    tile: Tile<T>,
    panels: Panels<T>,
    count: usize,
}

impl<T: Scalar> Candidates<T> {
    fn new(problem: &Problem<T>, rows: &[usize]) -> Self {
        let tile = problem.tile(rows.len());
        Candidates {
            panels: problem.panels(gather(problem.data, rows).view(), &tile),
            count: rows.len(),
            tile,
        }
    }
}

struct State<'a, T: 'static> {
    problem: &'a Problem<'a, T>,
    /// The squared distance of each sample to its nearest center, before the
    /// center chosen last.
    near: Vec<Mutex<&'a mut [T]>>,
    /// What each trial (inner) would leave in each chunk (outer).
    left: Vec<Mutex<Vec<f64>>>,
    workers: Vec<Mutex<Worker<T>>>,
}

impl<'a, T: Scalar> State<'a, T> {
    fn new(problem: &'a Problem<'a, T>, near: &'a mut [T]) -> Self {
        State {
            problem,
            near: near
                .chunks_mut(problem.data.chunk)
                .map(Mutex::new)
                .collect(),
            left: (0..problem.data.chunks())
                .map(|_| Mutex::default())
                .collect(),
            workers: Vec::new(),
        }
    }

    /// Takes `last` into the nearest distances, and sums what each of `tried`
    /// would leave of them.
    fn pass(&mut self, last: Option<usize>, tried: &[usize]) -> Result<()> {
        let problem = self.problem;
        let rows: Vec<usize> = last.iter().chain(tried).copied().collect();
        let centers = Candidates::new(problem, &rows);
        let threads = problem.threads(rows.len());
        if self.workers.len() < threads {
            self.workers.resize_with(threads, Mutex::default);
        }
        problem.team.each(
            threads,
            problem.data.chunks(),
            problem.control,
            &|worker, chunk| {
                let worker = &mut lock(&self.workers[worker]);
                let near = &mut lock(&self.near[chunk]);
                let left = self.scan(worker, chunk, near, &centers, last.is_some());
                *lock(&self.left[chunk]) = left;
            },
        )
    }

    fn scan(
        &self,
        worker: &mut Worker<T>,
        chunk: usize,
        near: &mut [T],
        centers: &Candidates<T>,
        update: bool,
    ) -> Vec<f64> {
        let Problem {
            data, table, frame, ..
        } = self.problem;
        let Candidates {
            tile,
            panels,
            count: candidates,
        } = centers;
        let range = data.range(chunk);
        let count = range.len();
        let stride = count.next_multiple_of(tile.samples);
        let Worker {
            scratch,
            rows,
            scores,
            weights,
        } = worker;
        scores.resize(panels.count() * tile.centers * stride, T::default());
        let weights = if self.problem.weights.given() {
            weights.clear();
            weights.extend(range.clone().map(|i| T::near(self.problem.weights.of(i))));
            weights.as_ptr()
        } else {
            std::ptr::null()
        };
        let rows = data.read(range, rows);
        // SAFETY: the table is one for this processor; `rows`, `frame` and
        // `panels` have the columns of the data, and the panels the width of
        // the tile; `scores` has `stride` numbers for every padded center,
        // and `near` and `weights` have one for each row.
        unsafe {
            (tile.scores)(
                &rows,
                &frame.moved,
                panels,
                scratch,
                scores.as_mut_ptr(),
                stride,
            );
            let norm = scratch.norm.as_ptr();
            if update {
                (table.lower)(near.as_mut_ptr(), scores.as_ptr(), norm, count);
            }
            (usize::from(update)..*candidates)
                .map(|c| {
                    let score = scores.as_ptr().add(c * stride);
                    (table.potential)(near.as_ptr(), score, norm, weights, count)
                })
                .collect()
        }
    }

    /// The trial that leaves least.
    fn best(&self) -> usize {
        let trials = lock(&self.left[0]).len();
        let sum = |t: usize| self.left.iter().map(|left| lock(left)[t]).sum::<f64>();
        let sums: Vec<f64> = (0..trials).map(sum).collect();
        (0..trials)
            .min_by(|&a, &b| sums[a].total_cmp(&sums[b]))
            .unwrap_or(0)
    }

    /// `trials` samples, drawn in proportion to what trial `best` left, when
    /// `last` is its sample.
    fn draw(
        &self,
        best: usize,
        last: usize,
        chosen: &[usize],
        trials: usize,
        random: &mut Random,
    ) -> Result<Vec<usize>> {
        let Problem { data, weights, .. } = self.problem;
        let left: Vec<f64> = self.left.iter().map(|left| lock(left)[best]).collect();
        let total: f64 = left.iter().sum();
        if total <= 0.0 || !total.is_finite() {
            // Every sample lies on a center: take one that is not chosen yet.
            let open = |&i: &usize| !chosen.contains(&i) && weights.of(i) > 0.0;
            let sample = (0..data.rows).find(open).unwrap_or(last);
            return Ok(vec![sample; trials]);
        }
        let draws: Vec<_> = (0..trials)
            .map(|_| chunk_of(&left, random.unit() * total))
            .collect();
        let samples: Vec<_> = (0..trials).map(|_| AtomicUsize::new(last)).collect();
        // Each looks at the samples of a chunk once more.
        let threads = Team::size(self.problem.control, trials * data.chunk * data.columns * 8);
        let Problem { team, control, .. } = self.problem;
        team.each(threads, trials, *control, &|_, trial| {
            let (chunk, draw) = draws[trial];
            let sample = self.draw_within(chunk, last, draw);
            samples[trial].store(sample, Ordering::Relaxed);
        })?;
        Ok(samples.into_iter().map(AtomicUsize::into_inner).collect())
    }

    fn draw_within(&self, chunk: usize, last: usize, mut draw: f64) -> usize {
        let Problem {
            data,
            table,
            frame,
            weights,
            ..
        } = self.problem;
        let range = data.range(chunk);
        let (mut buffer, mut scratch) = (Vec::new(), Scratch::default());
        let Candidates { tile, panels, .. } = Candidates::new(self.problem, &[last]);
        let stride = range.len().next_multiple_of(tile.samples);
        let mut scores = vec![T::default(); panels.count() * tile.centers * stride];
        let mut near = lock(&self.near[chunk]).to_vec();
        let rows = data.read(range.clone(), &mut buffer);
        // SAFETY: as in `scan`.
        unsafe {
            (tile.scores)(
                &rows,
                &frame.moved,
                &panels,
                &mut scratch,
                scores.as_mut_ptr(),
                stride,
            );
            (table.lower)(
                near.as_mut_ptr(),
                scores.as_ptr(),
                scratch.norm.as_ptr(),
                near.len(),
            );
        }
        let mut last_with_weight = range.start;
        for (i, near) in range.zip(near) {
            let part = near.wide() * weights.of(i);
            if part > 0.0 {
                last_with_weight = i;
                if draw < part {
                    break;
                }
                draw -= part;
            }
        }
        last_with_weight
    }
}

/// The chunk that `draw` falls in, of chunks of these masses; and what is left of it.
fn chunk_of(masses: &[f64], mut draw: f64) -> (usize, f64) {
    let mut chunk = 0;
    for (c, &mass) in masses.iter().enumerate().filter(|(_, mass)| **mass > 0.0) {
        chunk = c;
        if draw < mass {
            break;
        }
        draw -= mass;
    }
    (chunk, draw)
}
