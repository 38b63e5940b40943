//! Batches of sparse rows.

use std::sync::Mutex;

use ndarray::{ArrayView1, ArrayViewMut1};

use super::csr::{Csr, Index};
use super::score::{Across, squares};
use super::{Problem, put};
use crate::mini_batch::{Batch, MiniBatch};
use crate::parallel::{Team, with_team};
use crate::problem::lock;
use crate::rows::Weights;
use crate::update::{Masses, Sums};
use crate::{Control, Result, Scalar};

/// Which rows are nearest to each center, and so what its mean is.
struct Own<'a, T, I> {
    problem: &'a Problem<'a, T, I>,
    /// The columns of the centers that the rows' are.
    columns: &'a [usize],
    /// The rows of each center.
    rows: Vec<Vec<usize>>,
}

/// What a thread sums the rows of one center in: zeros, but for these.
struct Scratch<T> {
    sums: Sums,
    mean: Vec<T>,
    /// The columns in which they have numbers, and whether one is among these.
    touched: Vec<usize>,
    is_touched: Vec<bool>,
}

impl<'a, T: Scalar, I: Index> Own<'a, T, I> {
    fn new(problem: &'a Problem<'a, T, I>, columns: &'a [usize], labels: &[i32], k: usize) -> Self {
        let mut rows = vec![Vec::new(); k];
        for (row, &label) in labels.iter().enumerate() {
            rows[label as usize].push(row);
        }
        Own {
            problem,
            columns,
            rows,
        }
    }

    /// The weight of each center's rows.
    fn masses(&self) -> Vec<f64> {
        let quanta = &self.problem.quanta;
        let mut masses = Masses::new(self.rows.len(), quanta);
        for (c, rows) in self.rows.iter().enumerate() {
            for &row in rows {
                let (class, weight) = quanta.weigh(self.problem.weights.of(row));
                masses.add(masses.place(class, c), quanta.count(weight));
            }
        }
        (0..self.rows.len()).map(|c| masses.of(quanta, c)).collect()
    }

    fn scratch(&self, columns: usize) -> Scratch<T> {
        Scratch {
            sums: Sums::new(1, &self.problem.quanta),
            mean: vec![T::default(); columns],
            touched: Vec::new(),
            is_touched: vec![false; self.columns.len()],
        }
    }

    /// Calls `approach` with the mean of a center's rows. Only the columns in which they
    /// have numbers are looked at.
    fn with_mean(&self, scratch: &mut Scratch<T>, c: usize, approach: &mut dyn FnMut(&[T])) {
        let Scratch {
            sums,
            mean,
            touched,
            is_touched,
        } = scratch;
        let quanta = &self.problem.quanta;
        let mut places: Vec<_> = sums.places_mut().collect();
        for &row in &self.rows[c] {
            let (class, weight) = quanta.weigh(self.problem.weights.of(row));
            self.problem.count(row, weight, 1, &mut places[class]);
            for (column, _) in self.problem.x.row(row) {
                if !std::mem::replace(&mut is_touched[column], true) {
                    touched.push(column);
                }
            }
        }
        let means = sums.mean_of(quanta, 0, touched.iter().copied());
        for (&column, to) in touched.iter().zip(means) {
            mean[self.columns[column]] = to;
        }
        approach(mean);
        for (values, counts) in sums.places_mut() {
            let (whole, left) = values.split_at_mut(quanta.columns());
            for &column in touched.iter() {
                (whole[column], left[column]) = (0, 0);
            }
            *counts = [0; 2];
        }
        for column in touched.drain(..) {
            mean[self.columns[column]] = T::default();
            is_touched[column] = false;
        }
    }
}

impl<T: Scalar> MiniBatch<T> {
    /// As [`partial_fit`](MiniBatch::partial_fit), of sparse rows.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndarray::array;
    /// use poolkeeper_kmeans::{Csr, MiniBatch, Threads};
    ///
    /// let mut model = MiniBatch::new(array![[1.0_f32, 0.0], [0.0, 9.0]])?;
    /// let batch = Csr::new(&[0, 1, 2], &[0, 1], &[3.0, 7.0], 2)?;
    /// model.partial_fit_csr(&batch, None, &Threads(1))?;
    /// assert_eq!(model.centers, array![[3.0, 0.0], [0.0, 7.0]]);
    /// # Ok::<(), poolkeeper_kmeans::Error>(())
    /// ```
    pub fn partial_fit_csr<I: Index>(
        &mut self,
        x: &Csr<T, I>,
        weights: Option<ArrayView1<T>>,
        control: &dyn Control,
    ) -> Result<Batch> {
        self.check(x.columns)?;
        // A batch has numbers in few of many columns.
        let wide = x.columns;
        let (columns, places) = x.columns_used();
        let x = x.with_indices(&places, columns.len());
        with_team(|team| {
            let centers = self.centers.view();
            let squares = squares(centers, team, control)?;
            let problem = Problem::of_part(&x, Weights::new(weights), team, control)?;
            let farthest = problem.farthest;
            let across = Across::new(centers, Some(&columns), squares, farthest, team, control)?;
            let mut labels = vec![-1; x.rows()];
            problem.pass(&across, &mut labels, None)?;
            let inertia = problem.inertia(&across, &labels)?;
            let threads = Team::size(control, centers.len());
            let own = Own::new(&problem, &columns, &labels, across.k);
            let scratches: Vec<_> = (0..threads).map(|_| Mutex::new(None)).collect();
            let mean = |worker: usize, c: usize, approach: &mut dyn FnMut(&[T])| {
                own.with_mean(
                    lock(&scratches[worker]).get_or_insert_with(|| own.scratch(wide)),
                    c,
                    approach,
                );
            };
            Ok(Batch {
                inertia,
                shift: self.move_towards(&mean, &own.masses(), team, threads),
                labels,
            })
        })
    }

    /// As [`reassign`](MiniBatch::reassign), to sparse rows.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn reassign_csr<I: Index>(
        &mut self,
        x: &Csr<T, I>,
        weights: Option<ArrayView1<T>>,
        ratio: f64,
        seed: u64,
    ) -> Result<usize> {
        self.check(x.columns)?;
        let to = |center: ArrayViewMut1<T>, row: usize| put(x, row, center);
        self.reassign_rows(x.rows(), weights, ratio, seed, to)
    }
}
