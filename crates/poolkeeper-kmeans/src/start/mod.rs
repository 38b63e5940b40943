//! First centers.

pub(crate) mod oversample;
mod plus_plus;

use ndarray::{Array2, ArrayView1, ArrayView2, Axis};

use crate::frame::{Frame, summarise};
use crate::parallel::with_team;
use crate::problem::Problem;
use crate::random::Random;
use crate::rows::{Data, Weights};
use crate::{Control, Init, Kernel, Result, Scalar, check};

/// The first centers of start `stream`; those that are given are taken out of `init`.
pub(crate) fn first_centers<T: Scalar>(
    problem: &Problem<T>,
    init: &mut Init<T>,
    k: usize,
    seed: u64,
    stream: u64,
) -> Result<Array2<T>> {
    let mut random = Random::new(seed, stream);
    // What the quanta know are the weights as they are.
    let whole = problem;
    let problem = &Problem {
        weights: problem.weights.relative(),
        ..*problem
    };
    let rows = match init {
        Init::Centers(centers) => return Ok(std::mem::take(centers)),
        Init::Parallel => return oversample::choose(problem, whole, k, &mut random),
        Init::Random => random.samples(k, problem.data.rows, &problem.weights),
        Init::PlusPlus { local_trials } => {
            // Later starts have the labels of the best one beside them.
            let trials = trials(*local_trials, k);
            plus_plus::choose(problem, k, trials, &mut random, stream == 0)?
        }
    };
    Ok(gather(problem.data, &rows))
}

/// As many as scikit-learn tries.
pub(crate) fn trials(asked: Option<usize>, k: usize) -> usize {
    asked.unwrap_or(2 + (k as f64).ln() as usize)
}

/// Masses of which the largest is 1, so that they fit any type.
pub(crate) fn relative<T: Scalar>(masses: Vec<f64>) -> Vec<T> {
    let largest = masses.iter().copied().fold(0.0, f64::max);
    let share = |mass: f64| if mass < largest { mass / largest } else { 1.0 };
    masses
        .into_iter()
        .map(|mass| T::near(share(mass)))
        .collect()
}

/// `k` of some candidates, by k-means++ with their weights.
pub(crate) fn plus_plus_of<T: Scalar>(
    candidates: ArrayView2<T>,
    weights: ArrayView1<T>,
    k: usize,
    random: &mut Random,
    control: &dyn Control,
) -> Result<Array2<T>> {
    let table = T::table(Kernel::choose(None)?);
    let (data, weights) = (Data::new(candidates), Weights::new(Some(weights)));
    with_team(|team| {
        let frame = Frame::new(&summarise(team, table, &data, &weights, control)?)?;
        let problem = Problem {
            data: &data,
            weights,
            frame: &frame,
            table,
            team,
            control,
        };
        let rows = plus_plus::choose(&problem, k, trials(None, k), random, true)?;
        Ok(gather(&data, &rows))
    })
}

fn gather<T: Scalar>(data: &Data<T>, rows: &[usize]) -> Array2<T> {
    let mut centers = Array2::default((rows.len(), data.columns));
    for (mut center, &row) in centers.axis_iter_mut(Axis(0)).zip(rows) {
        center.assign(&ndarray::ArrayView1::from(&data.row(row)));
    }
    centers
}

/// Greedy k-means++: `k` samples that lie far from each other, and their
/// indices. `local_trials` is explained at [`Init::PlusPlus`].
///
/// # Errors
///
/// As [`fit`](crate::fit).
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use poolkeeper_kmeans::{Threads, plus_plus};
///
/// let x = array![[0.0_f64], [0.1], [9.0]];
/// let (centers, rows) = plus_plus(x.view(), None, 2, None, 0, &Threads(1))?;
/// assert!(rows.contains(&2));
/// assert_eq!(centers.dim(), (2, 1));
/// # Ok::<(), poolkeeper_kmeans::Error>(())
/// ```
pub fn plus_plus<T: Scalar>(
    x: ArrayView2<T>,
    weights: Option<ArrayView1<T>>,
    k: usize,
    local_trials: Option<usize>,
    seed: u64,
    control: &dyn Control,
) -> Result<(Array2<T>, Vec<usize>)> {
    check::not_empty(&x)?;
    check::clusters(k, x.nrows())?;
    check::parameter(local_trials != Some(0), "local_trials", 0, "at least 1")?;
    let table = T::table(Kernel::choose(None)?);
    let (data, weights) = (Data::new(x), Weights::new(weights).relative());
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
        let mut random = Random::new(seed, 0);
        let rows = plus_plus::choose(&problem, k, trials(local_trials, k), &mut random, true)?;
        Ok((gather(&data, &rows), rows))
    })
}
