//! A pass that computes only the distances that `prune/README.md` can't rule out.

use crate::Scalar;
use crate::fixed::Fixed;
use crate::kernels::classify::{Motion, nearer, safe};
use crate::panels::Panels;
use crate::problem::{Problem, lock};
use crate::prune::Bounds;
use crate::rows::Rows;
use crate::update::Sums;

use super::pass::Pass;
use super::worker::{Worker, relabel};

/// What the centers did, and those of them that moved far.
pub(super) struct Movers<T: 'static> {
    pub(super) motion: Motion,
    pub(super) centers: Vec<u32>,
    pub(super) panels: Panels<T>,
    pub(super) fixed: Option<Fixed<T>>,
}

impl<T: Scalar> Movers<T> {
    /// Those that moved more than the threshold.
    pub(super) fn new(motion: Motion, all: &Panels<T>, fixed: Option<&Fixed<T>>) -> Self {
        let moved = motion.drift.iter().enumerate();
        let moved = moved.filter(|(_, drift)| **drift > motion.threshold);
        let centers: Vec<u32> = moved.map(|(c, _)| c as u32).collect();
        let mut panels = Panels::default();
        panels.pick(all, &centers);
        Movers {
            fixed: fixed.map(|fixed| fixed.pick(&centers)),
            motion,
            centers,
            panels,
        }
    }
}

/// A span of samples.
struct Span<'a, T: 'static> {
    rows: Rows<'a, T>,
    /// The index of its first sample.
    first: usize,
    labels: &'a mut [i32],
    bounds: &'a mut Bounds,
    movers: &'a Movers<T>,
    changed: usize,
}

impl<T: Scalar> Span<'_, T> {
    /// Gives sample `i` another label, and takes the sums along.
    ///
    /// # Safety
    ///
    /// `new` is below the number of centers, and not the sample's label.
    unsafe fn relabel(&mut self, problem: &Problem<T>, sums: &mut Sums, i: usize, new: i32) {
        let old = std::mem::replace(&mut self.labels[i], new);
        let labels = [old as usize, new as usize];
        // SAFETY: a row of the data, and two centers.
        unsafe { relabel(problem, sums, self.rows.row(i), self.first + i, labels) };
        self.changed += 1;
    }
}

impl<T: Scalar> Pass<'_, T> {
    /// Brings labels, bounds and sums of a span up to date; returns how many
    /// labels changed.
    pub(super) fn prune_span(
        &self,
        worker: &mut Worker<T>,
        span: usize,
        movers: &Movers<T>,
    ) -> usize {
        let Problem { data, table, .. } = self.problem;
        let range = self.range(span);
        let labels = &mut *lock(&self.labels[span]);
        let bounds = &mut *lock(&self.bounds[span]);
        let mut buffer = std::mem::take(&mut worker.rows);
        worker.some.clear();
        worker.all.clear();
        // SAFETY: the table is one for this processor; a whole pass has given every
        // sample a label below `k`, which is the length of the drift.
        unsafe {
            let (upper, lower) = (&mut bounds.upper, &mut bounds.lower);
            let (some, all) = (&mut worker.some, &mut worker.all);
            (table.classify)(labels, upper, lower, &movers.motion, some, all);
        }
        let mut changed = 0;
        if !worker.some.is_empty() || !worker.all.is_empty() {
            let rows = data.read(range.clone(), &mut buffer);
            let mut span = Span {
                rows,
                first: range.start,
                labels,
                bounds,
                movers,
                changed,
            };
            if self.tightens {
                self.tighten(worker, &mut span);
            }
            self.score_movers(worker, &mut span);
            self.score_all(worker, &mut span);
            changed = span.changed;
        }
        if self.inertia {
            let rows = data.read(range.clone(), &mut buffer);
            let label = |at: usize| labels[at];
            let sum = &mut worker.inertia;
            self.add_distances(&rows, &self.centers, label, range.start, sum);
        }
        worker.rows = buffer;
        changed
    }

    /// Computes the distance to the own center, which may be enough.
    fn tighten(&self, worker: &mut Worker<T>, span: &mut Span<T>) {
        let columns = self.problem.data.columns;
        let Motion {
            largest,
            threshold,
            farthest,
            error,
            ..
        } = span.movers.motion;
        let scale = self.problem.frame.moved.scale.wide();
        let Worker { some, all, .. } = worker;
        all.retain(|&at| {
            let i = at as usize;
            let center = self.centers[span.labels[i] as usize * columns..].as_ptr();
            // SAFETY: the table is one for this processor; the row and the
            // center have `columns` numbers.
            let square =
                unsafe { (self.problem.table.square_distance)(span.rows.row(i), center, columns) };
            let tight = self.precision.upper_of_distance(square.sqrt() * scale);
            let upper = tight.min(span.bounds.upper[i]);
            span.bounds.upper[i] = upper;
            let lower = &mut span.bounds.lower[i];
            let (cautious, next) = (nearer(*lower, largest), nearer(*lower, threshold));
            if safe(upper, cautious, farthest, error) {
                *lower = cautious;
                return false;
            }
            if safe(upper, next, farthest, error) {
                *lower = next;
                some.push(at);
                return false;
            }
            true
        });
    }

    /// Scores the movers for the samples that only they can have come near.
    fn score_movers(&self, worker: &mut Worker<T>, span: &mut Span<T>) {
        if worker.some.is_empty() {
            return;
        }
        let Motion {
            threshold,
            farthest,
            error,
            ref drift,
            ..
        } = span.movers.motion;
        let Worker {
            scratch,
            some,
            all,
            sums,
            ..
        } = worker;
        let rows = span.rows.pick(some);
        let fixed = span.movers.fixed.as_ref();
        self.finder(&span.movers.panels, fixed)
            .nearest(&rows, scratch, Some(&self.precision));
        for (at, &sample) in some.iter().enumerate() {
            let i = sample as usize;
            let label = span.labels[i];
            let best = span.movers.centers[scratch.index[at].to_index() as usize] as i32;
            let bound = &mut span.bounds.lower[i];
            if drift[label as usize] > threshold {
                *bound = bound.min(scratch.lower[at]);
                span.bounds.upper[i] = scratch.upper[at];
                if best != label {
                    // SAFETY: a center.
                    unsafe { span.relabel(self.problem, sums, i, best) };
                }
                continue;
            }
            let nearest = scratch.near[at];
            if safe(span.bounds.upper[i], nearest, farthest, error) {
                *bound = bound.min(nearest);
            } else {
                all.push(sample);
            }
        }
    }

    /// Scores every center for what is left.
    fn score_all(&self, worker: &mut Worker<T>, span: &mut Span<T>) {
        if worker.all.is_empty() {
            return;
        }
        let Worker {
            scratch, all, sums, ..
        } = worker;
        let rows = span.rows.pick(all);
        self.nearest(&rows, scratch, true);
        for (at, &sample) in all.iter().enumerate() {
            let i = sample as usize;
            let new = scratch.index[at].to_index() as i32;
            span.bounds.upper[i] = scratch.upper[at];
            span.bounds.lower[i] = scratch.lower[at];
            if span.labels[i] != new {
                // SAFETY: a center.
                unsafe { span.relabel(self.problem, sums, i, new) };
            }
        }
    }
}
