//! One iteration over a part of the data, for data that is in several places.

use ndarray::{Array2, ArrayView1, ArrayView2};

use crate::frame::{Frame, Summary};
use crate::inertia;
use crate::lloyd::pass::Pass;
use crate::parallel::with_team;
use crate::problem::Problem;
use crate::rows::{Data, Weights};
use crate::update::{Exact, Sums};
use crate::{Algorithm, Control, Kernel, Result, Scalar, check};

/// What a part of the data gives to the next centers. Parts that were made
/// with the same frame and centers can be merged in any order, to the same bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial {
    /// For each center and column the sum of the part's samples, an integer
    /// number of quanta (wrapping).
    pub sums: Vec<i64>,
    /// For each center the sum of the weights, in quanta.
    pub weights: Vec<i64>,
    /// The sum of the squared distances, times weights: coarse and fine quanta.
    pub inertia: [i128; 2],
    /// The same of the squared distances to the frame's offset.
    pub total: [i128; 2],
}

/// The centers that merged parts make.
#[derive(Debug, Clone, PartialEq)]
pub struct Step<T> {
    /// The means of the samples of each center; the old center, where none is
    /// nearest to it.
    pub centers: Array2<T>,
    /// The centers that no sample is nearest to.
    pub empty: Vec<usize>,
    /// The sum of the squared distances to the old centers, times weights.
    pub inertia: f64,
    /// The sum of the squared distances that the centers moved.
    pub shift: f64,
}

impl Partial {
    /// That of no sample.
    pub(crate) fn empty(k: usize, columns: usize) -> Self {
        Partial {
            sums: vec![0; k * columns],
            weights: vec![0; k],
            inertia: [0; 2],
            total: [0; 2],
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
        let pairs = self.sums.iter_mut().zip(&other.sums);
        for (to, from) in pairs.chain(self.weights.iter_mut().zip(&other.weights)) {
            *to = to.wrapping_add(*from);
        }
        let pairs = self.inertia.iter_mut().zip(other.inertia);
        for (to, from) in pairs.chain(self.total.iter_mut().zip(other.total)) {
            *to += from;
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
            self.weights.len(),
            frame.columns(),
        )?;
        check::columns("the partial result", self.sums.len(), centers.len())?;
        let sums = Sums {
            values: self.sums.clone(),
            weights: self.weights.clone(),
        };
        let bound = frame.bound(centers)?;
        let total = Exact::from_parts(self.total);
        let inertia = inertia::of_sums(&sums, total, centers, frame);
        let next = sums.means(&frame.quanta, centers);
        Ok(Step {
            shift: crate::lloyd::square_shift(centers, next.view()),
            centers: next,
            empty: (0..self.weights.len())
                .filter(|&c| self.weights[c] == 0)
                .collect(),
            inertia: inertia.unwrap_or_else(|| Exact::from_parts(self.inertia).value(bound)),
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
    Ok((labels, inertia))
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
        let bound = frame.bound(centers)?;
        let inertia = pass.run_with_inertia(centers, bound)?.parts();
        let more = more(&pass)?;
        let (Sums { values, weights }, total) = pass.into_sums();
        Ok::<_, crate::Error>((
            Partial {
                sums: values,
                weights,
                inertia,
                total: total.parts(),
            },
            more,
        ))
    })?;
    Ok(Part {
        labels,
        partial,
        more,
    })
}
