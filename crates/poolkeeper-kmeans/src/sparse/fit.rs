//! Lloyd's iterations over sparse rows.

use ndarray::ArrayView1;

use super::Problem;
use super::csr::{Csr, Index};
use crate::control::check as not_cancelled;
use crate::lloyd::best_of;
use crate::parallel::with_team;
use crate::rows::Weights;
use crate::update::Sums;
use crate::{Control, Fit, Options, Progress, Result, Scalar, check};

/// Clusters the rows of a sparse matrix; as [`fit`](crate::fit), but
/// `algorithm` and `kernel` of the options make no difference (the variable
/// `POOLKEEPER_KMEANS_KERNEL` does), and `Init::Parallel` is `Init::PlusPlus`.
///
/// # Errors
///
/// As [`fit`](crate::fit).
///
/// # Examples
///
/// ```
/// use poolkeeper_kmeans::{Csr, Options, Threads, fit_csr};
///
/// let x = Csr::new(&[0, 1, 2, 3], &[0, 0, 9], &[1.0_f64, 3.0, 5.0], 10)?;
/// let fit = fit_csr(&x, None, Options::new(2), &Threads(1))?;
/// assert_eq!(fit.inertia, 2.0);
/// # Ok::<(), poolkeeper_kmeans::Error>(())
/// ```
pub fn fit_csr<T: Scalar, I: Index>(
    x: &Csr<T, I>,
    weights: Option<ArrayView1<T>>,
    mut options: Options<T>,
    control: &dyn Control,
) -> Result<Fit<T>> {
    options.check(x.rows(), x.columns)?;
    with_team(|team| {
        let problem = Problem::new(x, Weights::new(weights), team, control)?;
        best_of(options.starts(), |init| {
            problem.one_start(&mut options, init)
        })
    })
}

impl<T: Scalar, I: Index> Problem<'_, T, I> {
    fn one_start(&self, options: &mut Options<T>, init: usize) -> Result<Fit<T>> {
        let mut centers = self.first_centers(options, init as u64)?;
        let mut labels = vec![-1; self.x.rows()];
        let mut sums = Sums::new(options.n_clusters, &self.quanta);
        let tol = options.tol * self.variance;
        let (mut strict, mut converged, mut iterations) = (false, false, 0);
        let mut labels_are_old = true;
        while iterations < options.max_iter && !converged {
            not_cancelled(self.control)?;
            let across = self.across(centers.view())?;
            let changed = self.pass(&across, &mut labels, Some(&mut sums))?;
            let moved = self.relocate(&across, &labels, &mut sums);
            drop(across);
            let moves = sums.move_to_means(&self.quanta, &mut centers);
            self.move_rows(&moved, &mut sums, true);
            labels_are_old = moves.any;
            iterations += 1;
            strict = changed == 0;
            converged = strict || moves.shift <= tol;
            self.control.progress(Progress {
                init,
                iteration: iterations,
                changed: Some(changed),
                shift: moves.shift,
                inertia: None,
            });
        }
        let across = self.across(centers.view())?;
        if labels_are_old {
            self.pass(&across, &mut labels, None)?;
        }
        let inertia = check::inertia(self.inertia(&across, &labels)?)?;
        drop(across);
        let choice = "sparse rows, every distance".to_owned();
        Ok(Fit {
            centers,
            labels,
            inertia,
            iterations,
            converged,
            strict,
            choice,
            moved: None,
        })
    }
}
