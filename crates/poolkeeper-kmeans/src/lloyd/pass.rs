//! One pass over the data: nearest centers, and the sums that the next
//! centers are made of.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array2, ArrayView2};

use super::{ending, relocate};
use crate::kernels::Tile;
use crate::kernels::scan::Scratch;
use crate::panels::Panels;
use crate::problem::{Problem, lock};
use crate::update::Sums;
use crate::{Kernel, Result, Scalar};

/// Above this share of changed labels, summing all samples anew is cheaper
/// than taking the changed ones from one sum to another.
const SUM_ANEW: f64 = 0.5;

/// What one thread needs.
pub(super) struct Worker<T> {
    pub(super) scratch: Scratch<T>,
    pub(super) rows: Vec<T>,
    sums: Sums,
}

/// The state that goes from pass to pass.
pub(crate) struct Pass<'a, T: 'static> {
    pub(super) problem: &'a Problem<'a, T>,
    pub(super) labels: Vec<Mutex<&'a mut [i32]>>,
    pub(super) workers: Vec<Mutex<Worker<T>>>,
    pub(super) tile: Tile<T>,
    pub(super) panels: Panels<T>,
    k: usize,
    /// Of the labels as they are.
    sums: Sums,
    /// The share of the labels that changed in the last pass.
    changed: f64,
}

impl<'a, T: Scalar> Pass<'a, T> {
    /// `labels` are below 0 before the first pass.
    pub(crate) fn new(problem: &'a Problem<'a, T>, k: usize, labels: &'a mut [i32]) -> Self {
        Pass {
            problem,
            labels: labels.chunks_mut(problem.data.chunk).map(Mutex::new).collect(),
            workers: Vec::new(),
            tile: problem.tile(k),
            panels: Panels::default(),
            k,
            sums: Sums::new(k, problem.data.columns),
            changed: 1.0,
        }
    }

    /// Gives every sample the label of its nearest center, and returns how
    /// many labels changed.
    pub(crate) fn run(&mut self, centers: ArrayView2<T>) -> Result<usize> {
        self.panels.fill(centers, self.problem.frame, self.tile.centers);
        let anew = self.changed > SUM_ANEW;
        if anew {
            self.sums.clear();
        }
        let threads = self.prepare_workers();
        let changed = AtomicUsize::new(0);
        let Problem { data, team, control, .. } = self.problem;
        team.each(threads, data.chunks(), *control, &|worker, chunk| {
            let worker = &mut lock(&self.workers[worker]);
            let n = self.chunk(worker, chunk, anew);
            changed.fetch_add(n, Ordering::Relaxed);
        })?;
        for worker in &self.workers {
            self.sums.add(&lock(worker).sums);
        }
        let changed = changed.into_inner();
        self.changed = changed as f64 / data.rows as f64;
        Ok(changed)
    }

    /// Makes a worker for each thread, all with empty sums.
    pub(super) fn prepare_workers(&mut self) -> usize {
        let threads = self.problem.threads(self.k).min(self.problem.data.chunks());
        for worker in &mut self.workers {
            worker.get_mut().unwrap_or_else(|e| e.into_inner()).sums.clear();
        }
        let columns = self.problem.data.columns;
        while self.workers.len() < threads {
            self.workers.push(Mutex::new(Worker {
                scratch: Scratch::default(),
                rows: Vec::new(),
                sums: Sums::new(self.k, columns),
            }));
        }
        threads
    }

    fn chunk(&self, worker: &mut Worker<T>, chunk: usize, anew: bool) -> usize {
        let Problem { data, frame, table, weights, .. } = self.problem;
        let columns = data.columns;
        let Worker { scratch, rows, sums } = worker;
        let range = data.range(chunk);
        let rows = data.read(range.clone(), rows);
        let labels = &mut lock(&self.labels[chunk]);
        // SAFETY: the table is one for this processor; rows, frame and panels
        // have the columns of the data, and the panels the width of the tile.
        unsafe { (self.tile.nearest)(&rows, &frame.moved, &self.panels, scratch) };
        let mut changed = 0;
        for (i, label) in labels.iter_mut().enumerate() {
            let new = scratch.index[i].to_index() as i32;
            let old = std::mem::replace(label, new);
            changed += usize::from(old != new);
            if old == new && !anew {
                continue;
            }
            let weight = weights.of(range.start + i);
            let count = frame.quanta.weight(weight);
            let to = new as usize;
            sums.weights[to] = sums.weights[to].wrapping_add(count);
            let values = sums.values.as_mut_ptr();
            // SAFETY: labels are below k, and `values` has k rows of sums;
            // where the labels differ, so do the rows.
            unsafe {
                let to = values.add(to * columns);
                if anew {
                    (table.add_row)(rows.row(i), weight, &frame.quanta, to);
                } else {
                    let from = values.add(old as usize * columns);
                    (table.move_row)(rows.row(i), weight, &frame.quanta, from, to);
                }
            }
            if !anew {
                let from = old as usize;
                sums.weights[from] = sums.weights[from].wrapping_sub(count);
            }
        }
        changed
    }

    /// The means of the samples of each center, with every empty center moved
    /// to a sample that is far from its own.
    pub(super) fn next_centers(&mut self, centers: ArrayView2<T>) -> Result<Array2<T>> {
        let quanta = &self.problem.frame.quanta;
        let empty: Vec<usize> = (0..self.k).filter(|&c| self.sums.weights[c] == 0).collect();
        if empty.is_empty() {
            return Ok(self.sums.means(quanta, centers));
        }
        let far = relocate::farthest(self, centers, empty.len())?;
        // The labels stay, so the sums that belong to them stay too.
        let mut sums = self.sums.clone();
        relocate::move_samples(self.problem, &far, &empty, &mut sums);
        Ok(sums.means(quanta, centers))
    }

    /// The inertia; the labels are found once more if `assign`.
    pub(super) fn end(&mut self, centers: ArrayView2<T>, assign: bool) -> Result<f64> {
        if assign {
            self.run(centers)?;
        }
        ending::inertia(self, centers)
    }

    pub(crate) fn into_sums(self) -> Sums {
        self.sums
    }

    pub(super) fn choice(&self, kernel: Kernel) -> String {
        let Tile { samples, centers, .. } = self.tile;
        format!("brute ({}, {samples} samples x {centers} centers)", kernel.name())
    }
}
