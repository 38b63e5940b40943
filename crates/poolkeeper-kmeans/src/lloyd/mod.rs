//! Lloyd's iterations: assign every sample to its nearest center, move every
//! center to the mean of its samples, until nothing changes any more.

mod by_center;
pub(crate) mod ending;
pub(crate) mod pass;
mod policy;
mod pruned;
pub(crate) mod relocate;
mod worker;

use ndarray::{Array2, ArrayView1, ArrayView2};

use crate::control::check as not_cancelled;
use crate::frame::{Frame, summarise};
use crate::parallel::with_team;
use crate::problem::Problem;
use crate::rows::{Data, Moved, Weights};
use crate::start::first_centers;
use crate::{Control, Kernel, Options, Progress, Result, Scalar, check};
use pass::Pass;

/// What a fit found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Fit<T> {
    /// The centers, one a row.
    pub centers: Array2<T>,
    /// The nearest center of each sample; the first, where two are as near.
    pub labels: Vec<i32>,
    /// The sum of the squared distances to the nearest center, times weights. It is
    /// off by at most 1e-9 of it, usually by less than 1e-11.
    pub inertia: f64,
    /// Iterations of the start that was kept.
    pub iterations: usize,
    /// Whether the fit ended before `max_iter`: by `tol`, or ...
    pub converged: bool,
    /// ... because no label changed.
    pub strict: bool,
    /// What was chosen for this shape, and why, for people.
    pub choice: String,
    /// How the samples were moved before they were compared: what
    /// [`assign_moved`](crate::assign_moved) needs to give them the very same labels. None
    /// of sparse rows, which are compared as they are.
    pub moved: Option<Moved<T>>,
}

/// Clusters the rows of `x`. Given centers ([`Init::Centers`](crate::Init::Centers)) are
/// moved, not copied.
///
/// # Errors
///
/// `Empty`, `Clusters`, `Parameter`, `Shape`, `NotFinite`, `TooLarge`,
/// `Weight`, `NoWeight`, `Inertia` or `Kernel` for what can't be done; `Cancelled`.
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use poolkeeper_kmeans::{Options, Threads, fit};
///
/// let x = array![[0.0_f32], [1.0], [10.0], [11.0]];
/// let fit = fit(x.view(), None, Options::new(2), &Threads(1))?;
/// assert_eq!(fit.inertia, 1.0);
/// assert_eq!(fit.labels[0], fit.labels[1]);
/// # Ok::<(), poolkeeper_kmeans::Error>(())
/// ```
pub fn fit<T: Scalar>(
    x: ArrayView2<T>,
    weights: Option<ArrayView1<T>>,
    mut options: Options<T>,
    control: &dyn Control,
) -> Result<Fit<T>> {
    check::not_empty(&x)?;
    options.check(x.nrows(), x.ncols())?;
    let kernel = Kernel::choose(options.kernel)?;
    let (data, weights) = (Data::new(x), Weights::new(weights));
    let table = T::table(kernel);
    with_team(|team| {
        let summary = summarise(team, table, &data, &weights, control)?;
        let frame = Frame::new(&summary)?;
        let problem = Problem {
            data: &data,
            weights,
            frame: &frame,
            table,
            team,
            control,
        };
        best_of(options.starts(), |init| {
            one_start(&problem, &mut options, init, kernel)
        })
    })
}

/// The first fit with the least inertia, of those from several starts.
pub(crate) fn best_of<T: Scalar>(
    starts: usize,
    mut one_start: impl FnMut(usize) -> Result<Fit<T>>,
) -> Result<Fit<T>> {
    let mut best: Option<Fit<T>> = None;
    for init in 0..starts {
        let fit = one_start(init)?;
        if best.as_ref().is_none_or(|best| fit.inertia < best.inertia) {
            best = Some(fit);
        }
    }
    best.ok_or(crate::Error::Cancelled)
}

/// The iterations from one start.
fn one_start<T: Scalar>(
    problem: &Problem<T>,
    options: &mut Options<T>,
    init: usize,
    kernel: Kernel,
) -> Result<Fit<T>> {
    let k = options.n_clusters;
    let mut centers = first_centers(problem, &mut options.init, k, options.seed, init as u64)?;
    let mut labels = vec![-1; problem.data.rows];
    let mut pass = Pass::new(problem, k, options.algorithm, &mut labels);
    let tol = options.tol * problem.frame.variance;
    let (mut strict, mut converged, mut iterations) = (false, false, 0);
    let mut labels_are_old = true;
    while iterations < options.max_iter && !converged {
        not_cancelled(problem.control)?;
        let changed = pass.run(centers.view())?;
        let wanted = problem.control.wants_inertia();
        let inertia = wanted.then(|| pass.inertia_of_sums(centers.view()));
        iterations += 1;
        // What follows is done by one thread, and may take long where centers are.
        not_cancelled(problem.control)?;
        let moves = pass.move_centers(&mut centers)?;
        // Also where no label changed, a center without samples may have moved.
        labels_are_old = moves.any;
        strict = changed == 0;
        converged = strict || moves.shift <= tol;
        problem.control.progress(Progress {
            init,
            iteration: iterations,
            changed: Some(changed),
            shift: moves.shift,
            inertia: inertia.flatten(),
        });
    }
    let inertia = pass.end(centers.view(), labels_are_old)?;
    let choice = pass.choice(kernel);
    drop(pass);
    Ok(Fit {
        centers,
        labels,
        inertia,
        iterations,
        converged,
        strict,
        choice,
        moved: Some(problem.frame.moved.clone()),
    })
}
