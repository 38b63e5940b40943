//! Sparse rows against centers that are given.

use std::sync::Mutex;

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut2, Axis};

use super::csr::{Csr, Index};
use super::score::Across;
use super::{CHUNK, Problem};
use crate::parallel::with_team;
use crate::problem::lock;
use crate::rows::{Data, Weights};
use crate::{Control, Result, Scalar, check};

/// The nearest of `centers` to each row, and the inertia.
///
/// # Errors
///
/// As [`assign`](crate::assign).
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use poolkeeper_kmeans::{Csr, Threads, assign_csr};
///
/// let x = Csr::new(&[0, 1, 1], &[1], &[4.0_f32], 2)?;
/// let centers = array![[0.0, 0.0], [0.0, 3.0]];
/// let (labels, inertia) = assign_csr(&x, None, centers.view(), &Threads(1))?;
/// assert_eq!((&labels[..], inertia), (&[1, 0][..], 1.0));
/// # Ok::<(), poolkeeper_kmeans::Error>(())
/// ```
pub fn assign_csr<T: Scalar, I: Index>(
    x: &Csr<T, I>,
    weights: Option<ArrayView1<T>>,
    centers: ArrayView2<T>,
    control: &dyn Control,
) -> Result<(Vec<i32>, f64)> {
    with_known(x, weights, centers, control, |known| {
        let labels = known.labels()?;
        let inertia = known.problem.inertia(&known.across, &labels)?;
        Ok((labels, check::inertia(inertia)?))
    })
}

/// As [`nearest`](crate::nearest), of sparse rows.
///
/// # Errors
///
/// As there.
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use poolkeeper_kmeans::{Csr, Threads, nearest_csr};
///
/// let x = Csr::new(&[0, 1, 1], &[1], &[4.0_f32], 2)?;
/// let centers = array![[0.0, 0.0], [0.0, 2.0]];
/// let (labels, squares) = nearest_csr(&x, centers.view(), &Threads(1))?;
/// assert_eq!((labels, squares), (vec![1, 0], vec![4.0, 0.0]));
/// # Ok::<(), poolkeeper_kmeans::Error>(())
/// ```
pub fn nearest_csr<T: Scalar, I: Index>(
    x: &Csr<T, I>,
    centers: ArrayView2<T>,
    control: &dyn Control,
) -> Result<(Vec<i32>, Vec<f64>)> {
    with_known(x, None, centers, control, |known| {
        let labels = known.labels()?;
        let mut squares = vec![0.0; labels.len()];
        let parts: Vec<_> = squares.chunks_mut(CHUNK).map(Mutex::new).collect();
        known.each_chunk(1, parts.len(), &|chunk| {
            let labels = &labels[chunk * CHUNK..];
            for (i, (square, &label)) in lock(&parts[chunk]).iter_mut().zip(labels).enumerate() {
                *square = known
                    .across
                    .square_distance(x, chunk * CHUNK + i, label as usize);
            }
        })?;
        drop(parts);
        Ok((labels, squares))
    })
}

/// As [`transform`](crate::transform), of sparse rows.
///
/// # Errors
///
/// As there.
///
/// # Examples
///
/// ```
/// use ndarray::{Array2, array};
/// use poolkeeper_kmeans::{Csr, Threads, transform_csr};
///
/// let x = Csr::new(&[0, 1], &[0], &[3.0_f32], 2)?;
/// let centers = array![[0.0, 4.0], [1.0, 0.0]];
/// let mut out = Array2::zeros((1, 2));
/// transform_csr(&x, centers.view(), out.view_mut(), &Threads(1))?;
/// assert_eq!(out, array![[5.0, 2.0]]);
/// # Ok::<(), poolkeeper_kmeans::Error>(())
/// ```
pub fn transform_csr<T: Scalar, I: Index>(
    x: &Csr<T, I>,
    centers: ArrayView2<T>,
    mut out: ArrayViewMut2<T>,
    control: &dyn Control,
) -> Result<()> {
    check::shape("the output", &out.view(), x.rows(), centers.nrows())?;
    with_known(x, None, centers, control, |known| {
        let parts: Vec<_> = out
            .axis_chunks_iter_mut(Axis(0), CHUNK)
            .map(Mutex::new)
            .collect();
        known.each_chunk(known.across.k, parts.len(), &|chunk| {
            for (i, mut out) in lock(&parts[chunk]).outer_iter_mut().enumerate() {
                for (center, out) in out.iter_mut().enumerate() {
                    let square = known.across.square_distance(x, chunk * CHUNK + i, center);
                    *out = T::near(square.sqrt());
                }
            }
        })
    })
}

/// Rows and the centers that they are compared with.
struct Known<'a, T, I> {
    problem: Problem<'a, T, I>,
    across: Across<'a, T>,
}

fn with_known<T: Scalar, I: Index, R>(
    x: &Csr<T, I>,
    weights: Option<ArrayView1<T>>,
    centers: ArrayView2<T>,
    control: &dyn Control,
    body: impl FnOnce(&Known<T, I>) -> Result<R>,
) -> Result<R> {
    check::not_empty(&centers)?;
    x.check_centers("the array of centers", centers.ncols())?;
    let data = Data::new(centers);
    check::finite("the array of centers", &data, 0..data.rows)?;
    with_team(|team| {
        let problem = Problem::new(x, Weights::new(weights), team, control)?;
        body(&Known {
            across: problem.across(centers)?,
            problem,
        })
    })
}

impl<T: Scalar, I: Index> Known<'_, T, I> {
    fn labels(&self) -> Result<Vec<i32>> {
        let mut labels = vec![-1; self.problem.x.rows()];
        self.problem.pass(&self.across, &mut labels, None)?;
        Ok(labels)
    }

    /// Calls `take` for each chunk. Each stored number is multiplied `times` times.
    fn each_chunk(&self, times: usize, chunks: usize, take: &(dyn Fn(usize) + Sync)) -> Result<()> {
        let Problem { team, control, .. } = self.problem;
        let threads = self.problem.threads(times).min(chunks);
        team.each(threads, chunks, control, &|_, chunk| take(chunk))
    }
}
