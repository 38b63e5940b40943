//! Batches of sparse rows.

use ndarray::{ArrayView1, ArrayViewMut1};

use super::csr::{Csr, Index};
use super::score::{Across, squares};
use super::{Problem, put};
use crate::mini_batch::{Batch, MiniBatch};
use crate::parallel::with_team;
use crate::rows::Weights;
use crate::update::Sums;
use crate::{Control, Result, Scalar};

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
        let (columns, places) = x.columns_used();
        let x = x.with_indices(&places, columns.len());
        with_team(|team| {
            let squares = squares(self.centers.view(), team, control)?;
            let problem = Problem::of_part(&x, Weights::new(weights), team, control)?;
            let across = Across::new(
                self.centers.view(),
                Some(&columns),
                squares,
                problem.farthest,
            );
            let mut labels = vec![-1; x.rows()];
            let k = across.k;
            let mut sums = Sums::new(k, &problem.quanta);
            problem.pass(&across, &mut labels, Some(&mut sums))?;
            let inertia = problem.inertia(&across, &labels)?;
            let mean = |c: usize, to: &mut [T]| {
                to.fill(T::default());
                for (&column, mean) in columns.iter().zip(sums.mean(&problem.quanta, c)) {
                    to[column] = mean;
                }
            };
            let mass = |c: usize| sums.masses.of(&problem.quanta, c);
            let masses: Vec<f64> = (0..k).map(mass).collect();
            Ok(Batch {
                labels,
                inertia,
                shift: self.move_towards(&mean, &masses, team, control),
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
