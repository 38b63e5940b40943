//! k-means|| (Bahmani, Moseley, Vattani, Kumar and Vassilvitskii 2012,
//! "Scalable k-means++"): a few passes that each draw many candidates, and
//! k-means++ on these. For data that is in several places: nothing but sums
//! and candidates has to travel.

use std::sync::Mutex;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::{gather, plus_plus, relative, trials};
use crate::frame::{Frame, summarise};
use crate::kernels::scan::Scratch;
use crate::parallel::with_team;
use crate::problem::{Problem, lock};
use crate::random::Random;
use crate::rows::{Data, Weights};
use crate::update::Masses;
use crate::{Control, Kernel, Result, Scalar, check};

/// Passes that draw candidates, and how many they draw in all, times k, as
/// the paper recommends.
const ROUNDS: u64 = 5;
const OVERSAMPLING: f64 = 2.0;

/// Lowers `near`, the squared distance of each row of `x` to its nearest
/// candidate (infinite at first), by what the candidates `more` allow, and
/// returns the sum of what is left, times weights.
///
/// # Errors
///
/// `Empty`, `Shape`, `NotFinite`, `TooLarge` or `Weight` for what can't be
/// compared; `Cancelled`.
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use poolkeeper_kmeans::{Threads, lower_distances};
///
/// let x = array![[0.0_f64], [3.0], [4.0]];
/// let mut near = vec![f64::INFINITY; 3];
/// let left = lower_distances(x.view(), None, array![[0.0]].view(), &mut near, &Threads(1))?;
/// assert_eq!((left, near[2]), (25.0, 16.0));
/// # Ok::<(), poolkeeper_kmeans::Error>(())
/// ```
pub fn lower_distances<T: Scalar>(
    x: ArrayView2<T>,
    weights: Option<ArrayView1<T>>,
    more: ArrayView2<T>,
    near: &mut [T],
    control: &dyn Control,
) -> Result<f64> {
    check::not_empty(&x)?;
    check::not_empty(&more)?;
    check::columns("the array of candidates", more.ncols(), x.ncols())?;
    check::columns("the array of distances", near.len(), x.nrows())?;
    let table = T::table(Kernel::choose(None)?);
    let (data, weights) = (Data::new(x), Weights::new(weights));
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
        let left = lower(&problem, more, &near_parts(&data, near))?;
        Ok(left.iter().sum())
    })
}

/// The indices of rows, each drawn by itself with the probability
/// `expected * weight * near / total`: about `expected` of them.
///
/// # Examples
///
/// ```
/// use poolkeeper_kmeans::draw_candidates;
///
/// let near = [0.0_f32, 1.0, 1.0];
/// assert_eq!(draw_candidates::<f32>(&near, None, 9.0, 2.0, 0), [1, 2]);
/// ```
pub fn draw_candidates<T: Scalar>(
    near: &[T],
    weights: Option<ArrayView1<T>>,
    expected: f64,
    total: f64,
    seed: u64,
) -> Vec<usize> {
    let weights = Weights::new(weights);
    let mut random = Random::new(seed, 1);
    let chance = |i: usize| expected * weights.of(i) * near[i].wide() / total;
    (0..near.len())
        .filter(|&i| random.unit() < chance(i))
        .collect()
}

/// The first `k` centers, by k-means||. `problem` is the `whole` one with weights that
/// can be summed.
pub(super) fn choose<T: Scalar>(
    problem: &Problem<T>,
    whole: &Problem<T>,
    k: usize,
    random: &mut Random,
) -> Result<Array2<T>> {
    let data = problem.data;
    let mut near = vec![T::INFINITY; data.rows];
    let mut chosen = vec![random.sample(data.rows, &problem.weights)];
    let mut new = 0;
    for _ in 0..ROUNDS {
        let more = gather(data, &chosen[new..]);
        new = chosen.len();
        let left: f64 = lower(problem, more.view(), &near_parts(data, &mut near))?
            .iter()
            .sum();
        if left <= 0.0 {
            break;
        }
        let expected = OVERSAMPLING * k as f64 / ROUNDS as f64;
        let chance = |i: usize| expected * problem.weights.of(i) * near[i].wide() / left;
        chosen.extend((0..data.rows).filter(|&i| random.unit() < chance(i)));
        if chosen.len() == new {
            break;
        }
    }
    chosen.sort_unstable();
    chosen.dedup();
    if chosen.len() < k {
        let open = |i: &usize| chosen.binary_search(i).is_err();
        let all = random.samples(data.rows, data.rows, &problem.weights);
        let fill: Vec<usize> = all
            .into_iter()
            .filter(open)
            .take(k - chosen.len())
            .collect();
        chosen.extend(fill);
    }
    reduce(whole, &gather(data, &chosen), k, random)
}

/// `k` of the candidates, by k-means++ with the weight of the samples that
/// are nearest to each.
fn reduce<T: Scalar>(
    problem: &Problem<T>,
    candidates: &Array2<T>,
    k: usize,
    random: &mut Random,
) -> Result<Array2<T>> {
    let weights = weights_of(problem, candidates.view())?;
    let weights = Array1::from(relative(weights));
    let (data, weights) = (
        Data::new(candidates.view()),
        Weights::new(Some(weights.view())),
    );
    let problem = Problem {
        data: &data,
        weights,
        ..*problem
    };
    let rows = plus_plus::choose(&problem, k, trials(None, k), random, true)?;
    Ok(gather(&data, &rows))
}

fn near_parts<'a, T: Scalar>(data: &Data<T>, near: &'a mut [T]) -> Vec<Mutex<&'a mut [T]>> {
    near.chunks_mut(data.chunk).map(Mutex::new).collect()
}

/// Calls `take` with the chunk and what a scan for the two nearest found.
fn each_chunk<T: Scalar>(
    problem: &Problem<T>,
    centers: ArrayView2<T>,
    take: &(dyn Fn(usize, &Scratch<T>) + Sync),
) -> Result<()> {
    let Problem {
        data,
        frame,
        team,
        control,
        ..
    } = *problem;
    let tile = problem.tile(centers.nrows());
    let panels = problem.panels(centers, tile.centers);
    let threads = problem.threads(centers.nrows());
    let workers: Vec<_> = (0..threads)
        .map(|_| Mutex::new((Scratch::default(), Vec::new())))
        .collect();
    team.each(threads, data.chunks(), control, &|worker, chunk| {
        let (scratch, buffer) = &mut *lock(&workers[worker]);
        let rows = data.read(data.range(chunk), buffer);
        // SAFETY: the tile is one for this processor; rows, frame and panels
        // have the columns of the data, and the panels are for the tile.
        unsafe { (tile.two_nearest)(&rows, &frame.moved, &panels, scratch) };
        take(chunk, scratch);
    })
}

/// Lowers `near`; returns what is left in each chunk.
fn lower<T: Scalar>(
    problem: &Problem<T>,
    more: ArrayView2<T>,
    near: &[Mutex<&mut [T]>],
) -> Result<Vec<f64>> {
    let left: Vec<_> = near.iter().map(|_| Mutex::new(0.0)).collect();
    each_chunk(problem, more, &|chunk, scratch| {
        let near = &mut *lock(&near[chunk]);
        let count = near.len();
        // SAFETY: the table is one for this processor; each has `count` numbers.
        unsafe {
            let (best, norm) = (scratch.best.as_ptr(), scratch.norm.as_ptr());
            (problem.table.lower)(near.as_mut_ptr(), best, norm, count);
        }
        let weights = problem.data.range(chunk).map(|i| problem.weights.of(i));
        *lock(&left[chunk]) = near.iter().zip(weights).map(|(d, w)| d.wide() * w).sum();
    })?;
    Ok(left.iter().map(|left| *lock(left)).collect())
}

/// The weight of the samples that are nearest to each center.
fn weights_of<T: Scalar>(problem: &Problem<T>, centers: ArrayView2<T>) -> Result<Vec<f64>> {
    let quanta = &problem.frame.quanta;
    let masses = Mutex::new(Masses::new(centers.nrows(), quanta));
    each_chunk(problem, centers, &|chunk, scratch| {
        let masses = &mut lock(&masses);
        for (at, i) in problem.data.range(chunk).enumerate() {
            let (class, weight) = quanta.weigh(problem.weights.of(i));
            let place = masses.place(class, scratch.index[at].to_index() as usize);
            masses.add(place, quanta.count(weight));
        }
    })?;
    let masses = lock(&masses);
    Ok((0..centers.nrows()).map(|c| masses.of(quanta, c)).collect())
}
