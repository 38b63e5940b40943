//! Greedy k-means++, with one pass over the data for each center.
//!
//! A pass takes the distances to the center chosen last and to the samples
//! that are tried next. What each trial would leave is summed chunk by chunk,
//! so the next draw first draws a chunk, and looks at the samples of only
//! that one.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::gather;
use crate::kernels::Tile;
use crate::kernels::across::{self, Known};
use crate::kernels::scan::Scratch;
use crate::panels::Panels;
use crate::parallel::Team;
use crate::problem::{Problem, lock};
use crate::random::Random;
use crate::{Result, Scalar};

/// The indices of `k` samples. `spare`: there are 16 bytes a sample to spend,
/// and not only 12.
pub(crate) fn choose<T: Scalar>(
    problem: &Problem<T>,
    k: usize,
    trials: usize,
    random: &mut Random,
    spare: bool,
) -> Result<Vec<usize>> {
    let mut state = State::new(problem, spare);
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

/// What is known of the samples of a chunk.
#[derive(Default)]
struct Chunk<T> {
    /// The squared distance of each to its nearest center, before the center
    /// chosen last; empty before the first pass.
    near: Vec<T>,
    /// `|x|²`, the same in every pass.
    norm: Vec<T>,
    /// What each trial would leave.
    left: Vec<f64>,
}

/// Some samples, as the kernels want centers.
struct Candidates<T: 'static> {
    tile: Tile<T>,
    panels: Panels<T>,
    count: usize,
}

impl<T: Scalar> Candidates<T> {
    fn new(problem: &Problem<T>, rows: &[usize], width: Option<usize>) -> Self {
        let tile = problem.tile(rows.len());
        let width = width.unwrap_or(tile.centers);
        Candidates {
            panels: problem.panels(gather(problem.data, rows).view(), width),
            count: rows.len(),
            tile,
        }
    }
}

struct State<'a, T: 'static> {
    problem: &'a Problem<'a, T>,
    chunks: Vec<Mutex<Chunk<T>>>,
    workers: Vec<Mutex<Worker<T>>>,
    /// Whether samples are scored `across` the candidates.
    across: bool,
}

impl<'a, T: Scalar> State<'a, T> {
    fn new(problem: &'a Problem<'a, T>, spare: bool) -> Self {
        let bytes = 2 * size_of::<T>();
        State {
            problem,
            chunks: (0..problem.data.chunks())
                .map(|_| Mutex::default())
                .collect(),
            workers: Vec::new(),
            // With few centers and many columns, along the rows is as good.
            across: problem.tile(2).centers > 1 && (spare || bytes <= 12),
        }
    }

    /// Takes `last` into the nearest distances, and sums what each of `tried`
    /// would leave of them.
    fn pass(&mut self, last: Option<usize>, tried: &[usize]) -> Result<()> {
        let problem = self.problem;
        let rows: Vec<usize> = last.iter().chain(tried).copied().collect();
        // The first pass has no norms yet.
        let across = self.across && last.is_some();
        let centers = Candidates::new(problem, &rows, across.then_some(across::WIDTH));
        let threads = problem.threads(rows.len());
        if self.workers.len() < threads {
            self.workers.resize_with(threads, Mutex::default);
        }
        problem.team.each(
            threads,
            problem.data.chunks(),
            problem.control,
            &|worker, index| {
                let worker = &mut lock(&self.workers[worker]);
                let chunk = &mut lock(&self.chunks[index]);
                let range = problem.data.range(index);
                if problem.weights.given() {
                    let weights = range.clone().map(|i| T::near(problem.weights.of(i)));
                    worker.weights.clear();
                    worker.weights.extend(weights);
                }
                if across {
                    self.scan_across(worker, range, chunk, &centers);
                } else {
                    self.scan(worker, range, chunk, &centers, last.is_some());
                }
            },
        )
    }

    /// Scores a chunk and sums what is left, sample by sample.
    fn scan_across(
        &self,
        worker: &mut Worker<T>,
        range: Range<usize>,
        chunk: &mut Chunk<T>,
        centers: &Candidates<T>,
    ) {
        let Problem {
            data, table, frame, ..
        } = self.problem;
        let panels = &centers.panels;
        let rows = data.read(range, &mut worker.rows);
        let mut known = Known {
            near: &mut chunk.near,
            norm: &chunk.norm,
            weights: (!worker.weights.is_empty()).then_some(&worker.weights),
        };
        let left = &mut chunk.left;
        left.clear();
        left.resize(panels.centers(), 0.0);
        let scratch = &mut worker.scratch;
        // SAFETY: the table is one for this processor; `rows`, `frame` and
        // `panels` have the columns of the data, and the panels their width.
        unsafe { (table.potentials)(&rows, &frame.moved, panels, scratch, &mut known, left) };
        // Not what is left with the center chosen last alone, and no padding.
        left.truncate(centers.count);
        left.remove(0);
    }

    /// The same by the tile's scores, of the whole chunk; keeps the norms for
    /// [`scan_across`](State::scan_across).
    fn scan(
        &self,
        worker: &mut Worker<T>,
        range: Range<usize>,
        chunk: &mut Chunk<T>,
        centers: &Candidates<T>,
        update: bool,
    ) {
        let Problem {
            data, table, frame, ..
        } = self.problem;
        let Candidates {
            tile,
            panels,
            count: candidates,
        } = centers;
        let count = range.len();
        let stride = count.next_multiple_of(tile.samples);
        let Worker {
            scratch,
            rows,
            scores,
            weights,
        } = worker;
        scores.resize(panels.centers() * stride, T::default());
        let weights = if weights.is_empty() {
            std::ptr::null()
        } else {
            weights.as_ptr()
        };
        let rows = data.read(range, rows);
        chunk.near.resize(count, T::INFINITY);
        // SAFETY: the table is one for this processor; `rows`, `frame` and
        // `panels` have the columns of the data, and the panels are for the
        // tile; `scores` has `stride` numbers for every padded center,
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
                (table.lower)(chunk.near.as_mut_ptr(), scores.as_ptr(), norm, count);
            }
            let near = chunk.near.as_ptr();
            let left = (usize::from(update)..*candidates).map(|c| {
                let score = scores.as_ptr().add(c * stride);
                (table.potential)(near, score, norm, weights, count)
            });
            chunk.left.clear();
            chunk.left.extend(left);
        }
        if self.across {
            chunk.norm.clear();
            chunk.norm.extend(&scratch.norm[..count]);
        }
    }

    /// The trial that leaves least.
    fn best(&self) -> usize {
        let trials = lock(&self.chunks[0]).left.len();
        let sum = |t: usize| self.chunks.iter().map(|c| lock(c).left[t]).sum::<f64>();
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
        let left: Vec<f64> = self.chunks.iter().map(|c| lock(c).left[best]).collect();
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
        let Candidates { tile, panels, .. } = Candidates::new(self.problem, &[last], None);
        let stride = range.len().next_multiple_of(tile.samples);
        let mut scores = vec![T::default(); panels.centers() * stride];
        let mut near = lock(&self.chunks[chunk]).near.clone();
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
