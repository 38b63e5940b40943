//! One iteration over a part of the data, for data that is in several places.

use ndarray::{Array2, ArrayView1, ArrayView2};

use crate::exact::Exact;
use crate::frame::{Frame, Summary};
use crate::inertia;
use crate::lloyd::pass::Pass;
use crate::lloyd::relocate::{self, Far};
use crate::parallel::with_team;
use crate::problem::Problem;
use crate::rows::{Data, Weights};
use crate::update::{Masses, Sums};
use crate::{Algorithm, Control, Kernel, Result, Scalar, check};

/// What a part of the data gives to the next centers. Parts that were made
/// with the same frame and centers can be merged in any order, to the same bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    /// How many centers there are.
    pub centers: usize,
    /// For each class of weights, each center and each column the sum of the part's
    /// samples, an integer number of quanta (wrapping). Where the weights differ, each
    /// row is followed by one of fine quanta.
    pub sums: Vec<i64>,
    /// For each class and center the sum of the weights, in quanta and fine ones.
    pub weights: Vec<[i64; 2]>,
    /// The sum of the squared distances, times weights.
    pub inertia: Exact,
    /// The same of the squared distances to the frame's offset: as long as the samples
    /// are the same, so is this, whatever the centers.
    pub total: Exact,
}

/// The centers that merged parts make.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<T> {
    /// The means of the samples of each center; the old center, where none is
    /// nearest to it.
    pub centers: Array2<T>,
    /// The centers that no sample is nearest to.
    pub empty: Vec<usize>,
    /// The sum of the squared distances to the old centers, times weights; infinite, if it
    /// is more than an `f64` can be.
    pub inertia: f64,
    /// The sum of the squared distances that the centers moved.
    pub shift: f64,
}

impl Partial {
    /// That of no sample.
    pub(crate) fn empty<T: Scalar>(k: usize, frame: &Frame<T>) -> Self {
        let Sums { values, masses } = Sums::new(k, &frame.quanta);
        Partial {
            centers: k,
            sums: values,
            weights: masses.counts,
            inertia: Exact::default(),
            total: Exact::default(),
        }
    }

    pub(crate) fn into_sums(self) -> Sums {
        Sums {
            values: self.sums,
            masses: Masses::from_counts(self.centers, self.weights),
        }
    }

    /// Adds another part.
    ///
    /// # Errors
    ///
    /// `Shape`, if it has other centers or columns.
    pub fn merge(&mut self, other: &Partial) -> Result<()> {
        check::columns("the partial result", other.sums.len(), self.sums.len())?;
        check::columns(
            "the partial result",
            other.weights.len(),
            self.weights.len(),
        )?;
        let counts = self.weights.iter_mut().flatten();
        let pairs = self.sums.iter_mut().zip(&other.sums);
        for (to, from) in pairs.chain(counts.zip(other.weights.iter().flatten())) {
            *to = to.wrapping_add(*from);
        }
        self.inertia.merge(&other.inertia);
        self.total.merge(&other.total);
        Ok(())
    }

    /// Whether these can be the samples that `summary` is of: their number and means are
    /// compared, up to round-off, where all samples weigh the same.
    pub fn fits<T: Scalar>(&self, summary: &Summary) -> bool {
        let (rows, each) = (summary.rows as f64, summary.weights.largest);
        let alike = summary.weights.smallest == each && summary.weight == rows * each;
        let Ok(frame) = Frame::<T>::new(summary) else {
            return false;
        };
        if !alike || frame.columns() != summary.mean.len() || self.centers == 0 {
            return true;
        }
        let columns = frame.columns();
        if self.sums.len() != self.centers * columns {
            return false;
        }
        let count = self
            .weights
            .iter()
            .map(|[count, _]| *count as f64)
            .sum::<f64>();
        let quanta = &frame.quanta;
        (count * quanta.weight_quantum() / rows - 1.0).abs() < 1e-9
            && (0..columns).all(|j| {
                let sums = self.sums[j..].iter().step_by(columns);
                let sum: f64 = sums.map(|&sum| sum as f64 * quanta.quantum[j]).sum();
                let span = summary.largest[j] - summary.smallest[j];
                let mean = summary.mean[j];
                let unseen = 1e-6 * span + 4.0 * T::SPACING * mean.abs();
                (sum / rows + quanta.offset[j] - mean).abs() <= unseen
            })
    }

    /// Moves what `sample`, which is a part of this, gave to center `from` to center `to`.
    ///
    /// # Errors
    ///
    /// `Shape`, if it has other centers or columns, or there are no such centers.
    pub fn move_sample(&mut self, sample: &Partial, from: usize, to: usize) -> Result<()> {
        check::columns("the partial result", sample.sums.len(), self.sums.len())?;
        check::columns(
            "the partial result",
            sample.weights.len(),
            self.weights.len(),
        )?;
        check::clusters(from.max(to) + 1, self.centers)?;
        let width = self.sums.len() / self.weights.len().max(1);
        for class in 0..self.weights.len() / self.centers {
            let [from, to] = [from, to].map(|center| class * self.centers + center);
            for at in 0..width {
                let value = sample.sums[from * width + at];
                let less = &mut self.sums[from * width + at];
                *less = less.wrapping_sub(value);
                let more = &mut self.sums[to * width + at];
                *more = more.wrapping_add(value);
            }
            for (at, &count) in sample.weights[from].iter().enumerate() {
                self.weights[from][at] = self.weights[from][at].wrapping_sub(count);
                self.weights[to][at] = self.weights[to][at].wrapping_add(count);
            }
        }
        Ok(())
    }

    /// The next centers, after all parts are merged; `centers` are those that
    /// the parts were made with.
    ///
    /// # Errors
    ///
    /// `Shape`, if the centers or the frame don't fit; `TooLarge`, if the centers
    /// are too far for squared distances.
    pub fn finish<T: Scalar>(&self, centers: ArrayView2<T>, frame: &Frame<T>) -> Result<Step<T>> {
        check::shape(
            "the array of centers",
            &centers,
            self.centers,
            frame.columns(),
        )?;
        let sums = self.clone().into_sums();
        let wanted = self.centers * frame.quanta.classes();
        check::columns("the partial result", sums.masses.counts.len(), wanted)?;
        let wanted = wanted * frame.quanta.width();
        check::columns("the partial result", sums.values.len(), wanted)?;
        frame.check_centers(centers)?;
        let inertia = inertia::of_sums(&sums, &self.total, centers, frame);
        let mut next = centers.to_owned();
        Ok(Step {
            shift: sums.move_to_means(&frame.quanta, &mut next).shift,
            centers: next,
            empty: (0..self.centers)
                .filter(|&c| sums.masses.is_empty(c))
                .collect(),
            inertia: inertia.unwrap_or_else(|| self.inertia.value()),
        })
    }
}

/// Labels the rows of `x`, a part of the data that `frame` is of, and sums
/// them for the next centers.
///
/// # Errors
///
/// As [`fit`](crate::fit).
///
/// # Examples
///
/// ```
/// use ndarray::{array, s};
/// use poolkeeper_kmeans::{Frame, Summary, Threads, partial};
///
/// let x = array![[0.0_f64], [1.0], [8.0], [9.0]];
/// let centers = array![[0.0], [9.0]];
/// let frame = Frame::new(&Summary::of(x.view(), None, &Threads(1))?)?;
/// let part = |rows| partial(x.slice(rows), None, centers.view(), &frame, &Threads(1));
///
/// let (_, mut all) = part(s![..1, ..])?;
/// all.merge(&part(s![1.., ..])?.1)?;
/// assert_eq!(all.finish(centers.view(), &frame)?.centers, array![[0.5], [8.5]]);
/// # Ok::<(), poolkeeper_kmeans::Error>(())
/// ```
pub fn partial<T: Scalar>(
    x: ArrayView2<T>,
    weights: Option<ArrayView1<T>>,
    centers: ArrayView2<T>,
    frame: &Frame<T>,
    control: &dyn Control,
) -> Result<(Vec<i32>, Partial)> {
    check::not_empty(&x)?;
    check::not_empty(&centers)?;
    check::columns("the data", x.ncols(), frame.columns())?;
    check::columns("the array of centers", centers.ncols(), frame.columns())?;
    let all = Data::new(centers);
    check::finite("the array of centers", &all, 0..all.rows)?;
    let found = part(
        x,
        weights,
        centers,
        frame,
        Kernel::choose(None)?,
        control,
        |_| Ok(()),
    )?;
    Ok((found.labels, found.partial))
}

/// The `count` rows of `x`, a part of the data that `frame` is of, that are farthest from
/// their centers: the squared distance, the row and the center of each, the farthest
/// first, and of those as far the later.
///
/// # Errors
///
/// As [`partial`].
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use poolkeeper_kmeans::{Frame, Summary, Threads, farthest};
///
/// let x = array![[0.0_f64], [1.0], [8.0], [9.0]];
/// let frame = Frame::new(&Summary::of(x.view(), None, &Threads(1))?)?;
/// let found = farthest(x.view(), None, array![[0.0]].view(), &frame, 2, &Threads(1))?;
/// assert_eq!(found, [(81.0, 3, 0), (64.0, 2, 0)]);
/// # Ok::<(), poolkeeper_kmeans::Error>(())
/// ```
pub fn farthest<T: Scalar>(
    x: ArrayView2<T>,
    weights: Option<ArrayView1<T>>,
    centers: ArrayView2<T>,
    frame: &Frame<T>,
    count: usize,
    control: &dyn Control,
) -> Result<Vec<(f64, usize, usize)>> {
    check::not_empty(&x)?;
    check::not_empty(&centers)?;
    check::columns("the array of centers", centers.ncols(), frame.columns())?;
    let kernel = Kernel::choose(None)?;
    let found = part(x, weights, centers, frame, kernel, control, |pass| {
        relocate::farthest(pass, centers, count)
    })?;
    let tuple = |far: Far| (far.distance, far.row, far.label);
    Ok(found.more.into_iter().map(tuple).collect())
}

/// The labels of all samples, and their inertia.
pub(crate) fn whole<T: Scalar>(
    x: ArrayView2<T>,
    weights: Option<ArrayView1<T>>,
    centers: ArrayView2<T>,
    control: &dyn Control,
) -> Result<(Vec<i32>, f64)> {
    check::not_empty(&x)?;
    check::not_empty(&centers)?;
    check::columns("the data", x.ncols(), centers.ncols())?;
    let frame = Frame::new(&Summary::of(x, weights, control)?)?;
    let (labels, partial) = crate::partial(x, weights, centers, &frame, control)?;
    let inertia = partial.finish(centers, &frame)?.inertia;
    Ok((labels, check::inertia(inertia)?))
}

/// What [`part`] found.
pub(crate) struct Part<M> {
    pub(crate) labels: Vec<i32>,
    pub(crate) partial: Partial,
    pub(crate) more: M,
}

/// One pass over a part of the data that `frame` is of; `more` is called after it.
pub(crate) fn part<T: Scalar, M>(
    x: ArrayView2<T>,
    weights: Option<ArrayView1<T>>,
    centers: ArrayView2<T>,
    frame: &Frame<T>,
    kernel: Kernel,
    control: &dyn Control,
    more: impl FnOnce(&Pass<T>) -> Result<M>,
) -> Result<Part<M>> {
    check::columns("the block", x.ncols(), frame.columns())?;
    let (data, weights) = (Data::new(x), Weights::new(weights));
    if weights.given() {
        check::weight_values(&weights, data.rows)?;
    }
    let table = T::table(kernel);
    let mut labels = vec![-1; data.rows];
    let (partial, more) = with_team(|team| {
        let problem = Problem {
            data: &data,
            weights,
            frame,
            table,
            team,
            control,
        };
        let mut pass = Pass::new(&problem, centers.nrows(), Algorithm::Brute, &mut labels);
        frame.check_centers(centers)?;
        let inertia = pass.run_with_inertia(centers)?;
        let more = more(&pass)?;
        let (Sums { values, masses }, total) = pass.into_sums();
        let partial = Partial {
            centers: centers.nrows(),
            sums: values,
            weights: masses.counts,
            inertia,
            total,
        };
        Ok::<_, crate::Error>((partial, more))
    })?;
    Ok(Part {
        labels,
        partial,
        more,
    })
}
