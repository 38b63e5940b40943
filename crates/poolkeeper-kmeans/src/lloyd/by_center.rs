//! Sums that all threads share, for few samples and large centers: sums of their own
//! would be larger than the samples.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::pass::Pass;
use super::worker::{Worker, by_label};
use crate::fixed::Fixed;
use crate::kernels::scan::Scratch;
use crate::panels::Panels;
use crate::problem::{Problem, lock};
use crate::update::Sums;
use crate::{Error, Result, Scalar};

/// Sums of all threads that are smaller than this are not worth sharing.
const SMALL: usize = 16 << 20;
/// With as many samples for each center, scoring all centers for all samples, which shared
/// sums ask for, may cost much more than pruning.
const FEW: usize = 16;
/// About so many samples are copied by each thread that scores in fixed point.
const COPIED: usize = 80;

/// Whether `threads` with sums of their own would take more than half of what the samples
/// take, and these are few.
pub(super) fn pays<T>(problem: &Problem<T>, k: usize, threads: usize) -> bool {
    let quanta = &problem.frame.quanta;
    let of_one = quanta.classes() * k * quanta.width() * size_of::<i64>();
    let samples = problem.data.rows * problem.data.columns * size_of::<T>();
    problem.data.rows < FEW * k && threads * of_one > SMALL.max(samples / 2)
}

/// Whether what threads copy to score in fixed point would take more than half of what the
/// centers take.
pub(super) fn copies_much(k: usize, threads: usize) -> bool {
    threads * COPIED > k / 2
}

impl<T: Scalar> Pass<'_, T> {
    /// Lets go of all that only scores need: sums are to take its place.
    fn forget_panels(&mut self) {
        if self.fixed.take().is_some_and(|last: Fixed<T>| !last.pays()) {
            self.fixed_tile = None;
        }
        self.panels = Panels::default();
        self.centers = Vec::new();
        for worker in &mut self.workers {
            let worker: &mut Worker<T> = worker.get_mut().unwrap_or_else(|e| e.into_inner());
            worker.scratch = Scratch::default();
        }
    }

    /// Sums all samples by their labels, each center's on one thread.
    ///
    /// # Errors
    ///
    /// `Cancelled`.
    pub(super) fn sum_by_center(&mut self) -> Result<Sums> {
        self.forget_panels();
        let Problem {
            data,
            weights,
            frame,
            table,
            team,
            control,
        } = self.problem;
        let quanta = &frame.quanta;
        let labels: Vec<i32> = self
            .labels
            .iter()
            .flat_map(|part| lock(part).to_vec())
            .collect();
        let order = by_label(&labels, self.k);
        let groups: Vec<&[usize]> = order.chunk_by(|&a, &b| labels[a] == labels[b]).collect();
        let mut sums = Sums::new(self.k, quanta);
        let mut places: Vec<_> = (0..self.k).map(|_| Mutex::new(Vec::new())).collect();
        for (place, at) in sums.places_mut().enumerate() {
            let places = &mut places[place % self.k];
            places.get_mut().unwrap_or_else(|e| e.into_inner()).push(at);
        }
        let stopped = AtomicBool::new(false);
        let threads = self.workers.len();
        team.each(threads, groups.len(), *control, &|worker, group| {
            let buffer = &mut lock(&self.workers[worker]).rows;
            let center = labels[groups[group][0]] as usize;
            let mut places = lock(&places[center]);
            for &index in groups[group] {
                // All samples may be in one group, and each may be large.
                if control.cancelled() {
                    stopped.store(true, Ordering::Relaxed);
                    return;
                }
                let (class, weight) = quanta.weigh(weights.of(index));
                let (values, counts) = &mut places[class];
                for (to, count) in counts.iter_mut().zip(quanta.count(weight)) {
                    *to = to.wrapping_add(count);
                }
                let rows = data.read(index..index + 1, buffer);
                // SAFETY: the table is one for this processor; a row of the data, and sums
                // of the quanta's width.
                unsafe {
                    (table.add_row)([rows.row(0)], [weight], quanta, values.as_mut_ptr());
                }
            }
        })?;
        drop(places);
        if stopped.into_inner() {
            return Err(Error::Cancelled);
        }
        Ok(sums)
    }
}
