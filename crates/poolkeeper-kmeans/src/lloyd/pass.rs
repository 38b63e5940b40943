//! One pass over the data: nearest centers, and the sums that the next
//! centers are made of.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array2, ArrayView2};

use super::policy::{Kind, Policy};
use super::pruned::Movers;
use super::worker::Worker;
use super::{by_center, ending, relocate};
use crate::control::check as not_cancelled;
use crate::exact::Exact;
use crate::fixed::{self, Fixed};
use crate::inertia;
use crate::kernels::Tile;
use crate::kernels::fixed::FixedTile;
use crate::kernels::scan::Scratch;
use crate::panels::Panels;
use crate::parallel::Team;
use crate::problem::{Problem, lock};
use crate::prune::threshold::Cost;
use crate::prune::{Bounds, Precision};
use crate::update::{Moves, Sums};
use crate::{Algorithm, Kernel, Result, Scalar, check};

/// Above this share of changed labels, summing all samples anew is cheaper
/// than taking the changed ones from one sum to another.
const SUM_ANEW: f64 = 0.5;
/// About the largest share of labels that change in the second pass, on data of all
/// kinds.
const IN_SECOND: f64 = 0.4;
/// A thread takes the samples in so many spans, so that all end together.
const SPANS: usize = 8;
/// The most numbers of a span of more than one chunk.
const MOST_NUMBERS: usize = 1 << 23;
/// The most samples of a span.
pub(super) const LONGEST: usize = 8192;

/// The state that goes from pass to pass.
pub(crate) struct Pass<'a, T: 'static> {
    pub(super) problem: &'a Problem<'a, T>,
    /// Samples that a thread takes at a time.
    span: usize,
    pub(super) labels: Vec<Mutex<&'a mut [i32]>>,
    pub(super) bounds: Vec<Mutex<Bounds>>,
    pub(super) workers: Vec<Mutex<Worker<T>>>,
    pub(super) tile: Tile<T>,
    pub(super) panels: Panels<T>,
    /// How the nearest centers are looked for in fixed point, if they are.
    pub(super) fixed_tile: Option<FixedTile<T>>,
    pub(super) fixed: Option<Fixed<T>>,
    /// How far samples reach, by a guess.
    reach: f64,
    /// As the caller knows them, row by row.
    pub(super) centers: Vec<T>,
    /// As one center, in the same way.
    pub(super) offset: Vec<T>,
    pub(super) precision: Precision,
    /// Whether one distance is computed before all of a sample's.
    pub(super) tightens: bool,
    pub(super) k: usize,
    /// Of the labels as they are.
    sums: Sums,
    /// Whether no thread has sums of its own, and these are there between passes only.
    pub(super) by_center: bool,
    /// See [`crate::inertia`]; found by the first pass.
    pub(super) total: Option<Exact>,
    /// The share of the labels that changed in the last pass; after the first, in
    /// which all did, a guess of those that will in the second.
    pub(super) changed: f64,
    /// Whether the pass sums the squared distances, while it has the samples.
    pub(super) inertia: bool,
    policy: Option<Policy>,
}

impl<'a, T: Scalar> Pass<'a, T> {
    /// `labels` are below 0 before the first pass.
    pub(crate) fn new(
        problem: &'a Problem<'a, T>,
        k: usize,
        algorithm: Algorithm,
        labels: &'a mut [i32],
    ) -> Self {
        let data = problem.data;
        let span = data.rows / (problem.threads(k) * SPANS);
        let longest = if data.direct() { LONGEST } else { data.chunk };
        // Between spans it is asked whether to stop.
        let longest = longest.min(MOST_NUMBERS / data.columns / data.chunk * data.chunk);
        let longest = longest.max(data.chunk);
        let span = span.next_multiple_of(data.chunk).clamp(data.chunk, longest);
        let tile = problem.tile(k);
        let threads = problem.threads(k);
        let by_center = by_center::pays(problem, k, threads);
        let small = !Team::pays(data.rows * data.columns * k);
        let algorithm = match algorithm {
            _ if by_center => Algorithm::Brute,
            Algorithm::Auto if small => Algorithm::Brute,
            other => other,
        };
        let panels = Panels::default();
        let is_scarce = by_center && by_center::copies_much(k, threads);
        let fixed_tile = problem.fixed_tile(k, &tile).filter(|_| !is_scarce);
        let cost = Cost::new(
            data.columns,
            size_of::<T>(),
            tile.centers,
            fixed_tile.is_some(),
        );
        let reach = fixed_tile.map_or(0.0, |_| fixed::probe(data, problem.frame));
        Pass {
            problem,
            span,
            bounds: (0..data.rows.div_ceil(span))
                .map(|_| Mutex::default())
                .collect(),
            labels: labels.chunks_mut(span).map(Mutex::new).collect(),
            workers: Vec::new(),
            tile,
            precision: Precision::new(data.columns, &panels),
            tightens: cost.tightens(k),
            panels,
            fixed_tile,
            fixed: None,
            reach,
            centers: Vec::new(),
            offset: problem.frame.offset(),
            k,
            sums: Sums::default(),
            by_center,
            total: None,
            changed: 1.0,
            inertia: false,
            policy: Some(Policy::new(algorithm, k, cost)),
        }
    }

    /// The samples of a span.
    pub(super) fn range(&self, span: usize) -> Range<usize> {
        span * self.span..self.problem.data.rows.min((span + 1) * self.span)
    }

    /// Gives every sample the label of its nearest center, and returns how
    /// many labels changed.
    pub(crate) fn run(&mut self, centers: ArrayView2<T>) -> Result<usize> {
        if self.by_center {
            self.sums = Sums::default();
        }
        let (kind, movers) = self.prepare(centers);
        not_cancelled(self.problem.control)?;
        let is_first = self.total.is_none();
        let anew = is_first || (self.changed > SUM_ANEW && movers.is_none());
        if is_first && !self.by_center {
            self.sums = Sums::new(self.k, &self.problem.frame.quanta);
        } else if anew {
            self.sums.clear();
        }
        let threads = self.prepare_workers();
        // The calling thread goes on with the sums as they are.
        self.lend_sums();
        let changed = AtomicUsize::new(0);
        let Problem {
            data,
            team,
            control,
            ..
        } = self.problem;
        team.each(threads, self.labels.len(), *control, &|worker, span| {
            let worker = &mut lock(&self.workers[worker]);
            let n = match &movers {
                Some(movers) => self.prune_span(worker, span, movers),
                None => self.scan_span(worker, span, anew, kind == Kind::Bound),
            };
            changed.fetch_add(n, Ordering::Relaxed);
        })?;
        self.lend_sums();
        for worker in self.workers.iter().skip(1) {
            self.sums.add(&lock(worker).sums);
        }
        if self.by_center {
            self.sums = self.sum_by_center()?;
        }
        if is_first {
            self.total = Some(self.merged(|worker| &worker.total));
        }
        let changed = changed.into_inner();
        self.changed = if is_first {
            IN_SECOND
        } else {
            changed as f64 / data.rows as f64
        };
        Ok(changed)
    }

    /// The same, and the inertia with the new labels.
    pub(crate) fn run_with_inertia(&mut self, centers: ArrayView2<T>) -> Result<Exact> {
        self.inertia = true;
        self.run(centers)?;
        self.inertia = false;
        Ok(self.merged(|worker| &worker.inertia))
    }

    /// Exchanges the sums with those of the first worker, which has none of its own.
    fn lend_sums(&mut self) {
        if let Some(first) = self.workers.first_mut() {
            let first = first.get_mut().unwrap_or_else(|e| e.into_inner());
            std::mem::swap(&mut self.sums, &mut first.sums);
        }
    }

    /// What all workers have summed.
    fn merged(&self, of: impl Fn(&Worker<T>) -> &Exact) -> Exact {
        let mut all = Exact::default();
        for worker in &self.workers {
            all.merge(of(&lock(worker)));
        }
        all
    }

    /// The inertia of the labels as they are, where it need not be computed
    /// from distances.
    pub(super) fn inertia_of_sums(&self, centers: ArrayView2<T>) -> Option<f64> {
        inertia::of_sums(
            &self.sums,
            self.total.as_ref()?,
            centers,
            self.problem.frame,
        )
    }

    /// Packs the centers, and decides what the pass is to do.
    fn prepare(&mut self, centers: ArrayView2<T>) -> (Kind, Option<Movers<T>>) {
        let frame = self.problem.frame;
        let drift = self.panels.fill(centers, frame, self.tile.centers);
        if self.fixed.take().is_some_and(|last| !last.pays()) {
            self.fixed_tile = None;
        }
        self.fixed = self
            .fixed_tile
            .and_then(|tile| Fixed::new(self.k, &self.panels, frame, tile, self.reach));
        self.precision = Precision::new(self.problem.data.columns, &self.panels);
        let Some(mut policy) = self.policy.take() else {
            return (Kind::Brute, None);
        };
        let drift = drift.filter(|_| policy.prunes());
        let motion = drift.map(|drift| self.precision.motion(&drift));
        let kind = policy.next(self, motion.as_ref());
        self.policy = Some(policy);
        let movers = match (kind, motion) {
            (Kind::Prune(threshold), Some(mut motion)) => {
                motion.threshold = threshold;
                Some(Movers::new(motion, &self.panels, self.fixed.as_ref()))
            }
            _ => None,
        };
        self.centers.clear();
        if self.inertia || movers.is_some() {
            // Distances to a sample's own center are computed beside the scores.
            self.centers.extend(centers.iter());
        }
        (kind, movers)
    }

    /// Makes a worker for each thread, all with empty sums.
    pub(super) fn prepare_workers(&mut self) -> usize {
        let threads = self.problem.threads(self.k).min(self.labels.len());
        for worker in &mut self.workers {
            let worker = worker.get_mut().unwrap_or_else(|e| e.into_inner());
            worker.sums.clear();
            worker.inertia = Exact::default();
            worker.total = Exact::default();
        }
        let quanta = &self.problem.frame.quanta;
        while self.workers.len() < threads {
            let is_first = self.workers.is_empty();
            let sums = if is_first || self.by_center {
                Sums::default()
            } else {
                Sums::new(self.k, quanta)
            };
            self.workers.push(Mutex::new(Worker::new(sums)));
        }
        threads
    }

    /// Label and bounds of about `count` samples.
    pub(super) fn some_bounds(&self, count: usize) -> Vec<(i32, f32, f32)> {
        let step = (self.problem.data.rows / count).max(1);
        let mut some = Vec::with_capacity(count);
        for (labels, bounds) in self.labels.iter().zip(&self.bounds) {
            let (labels, bounds) = (lock(labels), lock(bounds));
            for i in (0..bounds.upper.len()).step_by(step) {
                some.push((labels[i], bounds.upper[i], bounds.lower[i]));
            }
        }
        some
    }

    /// The nearest centers of about `count` samples, and what their bounds would be.
    pub(super) fn probe(&self, count: usize) -> Vec<(i32, f32, f32)> {
        let data = self.problem.data;
        let block = self.tile.samples;
        let step = (data.rows / (count / block).max(1)).max(block);
        let (mut buffer, mut scratch) = (Vec::new(), Scratch::default());
        let mut found = Vec::with_capacity(count);
        for first in (0..data.rows).step_by(step) {
            let rows = data.read(first..data.rows.min(first + block), &mut buffer);
            self.nearest(&rows, &mut scratch, true);
            for i in 0..rows.count {
                let label = scratch.index[i].to_index() as i32;
                found.push((label, scratch.upper[i], scratch.lower[i]));
            }
        }
        found
    }

    /// Moves each center to the mean of its samples, and every empty center to a sample
    /// that is far from its own.
    pub(super) fn move_centers(&mut self, centers: &mut Array2<T>) -> Result<Moves> {
        let quanta = &self.problem.frame.quanta;
        let empty: Vec<usize> = (0..self.k)
            .filter(|&c| self.sums.masses.is_empty(c))
            .collect();
        if empty.is_empty() {
            return Ok(self.sums.move_to_means(quanta, centers));
        }
        let far = relocate::farthest(self, centers.view(), empty.len())?;
        let far = relocate::worthwhile(far);
        // The labels stay, so the sums that belong to them stay too: integers come back.
        relocate::move_samples(self.problem, &far, &empty, &mut self.sums, false);
        let moves = self.sums.move_to_means(quanta, centers);
        relocate::move_samples(self.problem, &far, &empty, &mut self.sums, true);
        Ok(moves)
    }

    /// The inertia; the labels are found once more if `assign`.
    pub(super) fn end(&mut self, centers: ArrayView2<T>, assign: bool) -> Result<f64> {
        self.problem.frame.check_centers(centers)?;
        let mut summed = None;
        if assign {
            // As now, probably, so it will be with the new labels.
            if self.inertia_of_sums(centers).is_some() {
                self.run(centers)?;
            } else {
                summed = Some(self.run_with_inertia(centers)?);
            }
        }
        if let Some(inertia) = self.inertia_of_sums(centers) {
            return Ok(inertia);
        }
        let total = match summed {
            Some(total) => total,
            None => ending::inertia(self, centers)?,
        };
        check::inertia(total.value())
    }

    /// The squared distances of all samples to the centers of their labels.
    pub(crate) fn distances(&self, centers: ArrayView2<T>) -> Result<Vec<f64>> {
        let mut all = vec![0.0; self.problem.data.rows];
        let parts: Vec<_> = all.chunks_mut(self.span).map(Mutex::new).collect();
        ending::each_distance(self, centers, &|distances, _, range| {
            lock(&parts[range.start / self.span]).copy_from_slice(distances);
        })?;
        drop(parts);
        Ok(all)
    }

    /// Of the labels as they are, and the total sum of squares.
    pub(crate) fn into_sums(self) -> (Sums, Exact) {
        (self.sums, self.total.unwrap_or_default())
    }

    /// What was done, in words.
    pub(super) fn choice(&self, kernel: Kernel) -> String {
        let Tile {
            samples, centers, ..
        } = self.tile;
        let threads = match self.workers.len() {
            1 => "1 thread".to_owned(),
            several => format!("{several} threads"),
        };
        let [brute, bound, prune] = self.policy.as_ref().map_or([0; 3], |p| p.passes);
        format!(
            "{}, tiles of {samples} samples x {centers} centers; {threads}; passes: \
             {brute} with every distance, {bound} that made bounds, {prune} pruned",
            kernel.name(),
        )
    }
}
