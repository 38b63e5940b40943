//! Samples against centers that are given.

use std::sync::Mutex;

use ndarray::{ArrayView1, ArrayView2, ArrayViewMut2, Axis};

use crate::finder::Finder;
use crate::fixed::{self, Fixed};
use crate::frame::Frame;
use crate::kernels::scan::Scratch;
use crate::own::Own;
use crate::panels::Panels;
use crate::parallel::{Team, with_team};
use crate::problem::{choose_fixed_tile, choose_tile, lock};
use crate::rows::{Data, Moved};
use crate::{Control, Error, Kernel, Result, Scalar, check};

/// What one thread needs.
struct Worker<T> {
    scratch: Scratch<T>,
    rows: Vec<T>,
    scores: Vec<T>,
}

impl<T> Worker<T> {
    fn several<S: Scalar>(threads: usize) -> Vec<Mutex<Worker<S>>> {
        let one = || Worker {
            scratch: Scratch::default(),
            rows: Vec::new(),
            scores: Vec::new(),
        };
        (0..threads).map(|_| Mutex::new(one())).collect()
    }
}

/// The nearest of `centers` (one a row) to each row of `x`; the first, where
/// two are as near.
///
/// # Errors
///
/// `Empty`, `Shape`, `NotFinite` or `TooLarge` for what can't be compared;
/// `Cancelled`.
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use poolkeeper_kmeans::{Threads, assign};
///
/// let x = array![[0.0_f32], [9.0], [1.0]];
/// let centers = array![[1.0], [8.0]];
/// assert_eq!(assign(x.view(), centers.view(), &Threads(1))?, [0, 1, 0]);
/// # Ok::<(), poolkeeper_kmeans::Error>(())
/// ```
pub fn assign<T: Scalar>(
    x: ArrayView2<T>,
    centers: ArrayView2<T>,
    control: &dyn Control,
) -> Result<Vec<i32>> {
    assign_moved(x, centers, None, control)
}

/// As [`assign`], of samples that are moved as [`fit`](crate::fit) has
/// [moved](crate::Fit::moved) its own: so with its centers they get its labels, bit by
/// bit, also where two centers are as near.
///
/// # Errors
///
/// As [`assign`]; `Shape`, if `moved` is of other columns.
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use poolkeeper_kmeans::{Options, Threads, assign_moved, fit};
///
/// let x = array![[0.1_f32], [0.2], [0.3]];
/// let fit = fit(x.view(), None, Options::new(2), &Threads(1))?;
/// let moved = fit.moved.as_ref();
/// let labels = assign_moved(x.view(), fit.centers.view(), moved, &Threads(1))?;
/// assert_eq!(labels, fit.labels);
/// # Ok::<(), poolkeeper_kmeans::Error>(())
/// ```
pub fn assign_moved<T: Scalar>(
    x: ArrayView2<T>,
    centers: ArrayView2<T>,
    moved: Option<&Moved<T>>,
    control: &dyn Control,
) -> Result<Vec<i32>> {
    let mut labels = vec![0; x.nrows()];
    let data = Data::new(x);
    let parts: Vec<_> = labels.chunks_mut(data.chunk).map(Mutex::new).collect();
    check_pair(&x, &centers)?;
    if let Some(moved) = moved {
        check::columns("the offset", moved.offset.len(), x.ncols())?;
    }
    each_chunk(&data, centers, moved, control, &|chunk, found| {
        for (label, index) in lock(&parts[chunk]).iter_mut().zip(found) {
            *label = index.to_index() as i32;
        }
    })?;
    drop(parts);
    Ok(labels)
}

/// As [`assign`], and the squared distance of each row to its center, in `f64`.
///
/// # Errors
///
/// As [`assign`].
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use poolkeeper_kmeans::{Threads, nearest};
///
/// let (x, centers) = (array![[0.0_f32], [9.0]], array![[1.0], [7.0]]);
/// let (labels, squares) = nearest(x.view(), centers.view(), &Threads(1))?;
/// assert_eq!((labels, squares), (vec![0, 1], vec![1.0, 4.0]));
/// # Ok::<(), poolkeeper_kmeans::Error>(())
/// ```
pub fn nearest<T: Scalar>(
    x: ArrayView2<T>,
    centers: ArrayView2<T>,
    control: &dyn Control,
) -> Result<(Vec<i32>, Vec<f64>)> {
    let labels = assign(x, centers, control)?;
    let data = Data::new(x);
    let centers: Vec<T> = centers.iter().copied().collect();
    let table = T::table(Kernel::choose(None)?);
    let mut squares = vec![0.0; data.rows];
    let parts: Vec<_> = squares.chunks_mut(data.chunk).map(Mutex::new).collect();
    let threads = Team::size(control, data.rows * data.columns * 4);
    let buffers: Vec<_> = (0..threads).map(|_| Mutex::new(Vec::new())).collect();
    with_team(|team| {
        team.each(threads, data.chunks(), control, &|worker, chunk| {
            let range = data.range(chunk);
            let buffer = &mut lock(&buffers[worker]);
            let rows = data.read(range.clone(), buffer);
            let labels = &labels[range];
            let own = Own::new(table, &rows, &centers, data.columns);
            for (i, (square, &label)) in lock(&parts[chunk]).iter_mut().zip(labels).enumerate() {
                *square = own.square(i, label);
            }
        })
    })?;
    drop(parts);
    Ok((labels, squares))
}

/// The inertia of `x`: the sum of the squared distances of its rows to the
/// nearest of `centers`, times `weights`, summed in `f64`.
///
/// # Errors
///
/// As [`assign`]; `Shape` or `Weight` for weights that don't fit.
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use poolkeeper_kmeans::{Threads, inertia};
///
/// let (x, centers) = (array![[0.0_f32], [9.0]], array![[1.0], [7.0]]);
/// assert_eq!(inertia(x.view(), None, centers.view(), &Threads(1))?, 5.0);
/// # Ok::<(), poolkeeper_kmeans::Error>(())
/// ```
pub fn inertia<T: Scalar>(
    x: ArrayView2<T>,
    weights: Option<ArrayView1<T>>,
    centers: ArrayView2<T>,
    control: &dyn Control,
) -> Result<f64> {
    let (_, inertia) = crate::partial::whole(x, weights, centers, control)?;
    Ok(inertia)
}

/// Writes the distance (not squared) of row `i` of `x` to row `j` of
/// `centers` to `out[i, j]`.
///
/// # Errors
///
/// As [`assign`]; `Shape` if `out` is not samples x centers.
///
/// # Examples
///
/// ```
/// use ndarray::{Array2, array};
/// use poolkeeper_kmeans::{Threads, transform};
///
/// let (x, centers) = (array![[0.0_f32, 0.0]], array![[3.0, 4.0], [1.0, 0.0]]);
/// let mut out = Array2::zeros((1, 2));
/// transform(x.view(), centers.view(), out.view_mut(), &Threads(1))?;
/// assert_eq!(out, array![[5.0, 1.0]]);
/// # Ok::<(), poolkeeper_kmeans::Error>(())
/// ```
pub fn transform<T: Scalar>(
    x: ArrayView2<T>,
    centers: ArrayView2<T>,
    mut out: ArrayViewMut2<T>,
    control: &dyn Control,
) -> Result<()> {
    check_pair(&x, &centers)?;
    check::shape("the output", &out.view(), x.nrows(), centers.nrows())?;
    let data = Data::new(x);
    let scan = Scan::new(&data, centers, None)?;
    let parts: Vec<_> = out
        .axis_chunks_iter_mut(Axis(0), data.chunk)
        .map(Mutex::new)
        .collect();
    let threads = Team::size(control, data.rows * data.columns * centers.nrows());
    let workers = Worker::<T>::several(threads);
    let failed = Mutex::new(None);
    with_team(|team| {
        team.each(threads, data.chunks(), control, &|worker, chunk| {
            let worker = &mut lock(&workers[worker]);
            if let Err(why) = scan.distances(worker, chunk, &mut lock(&parts[chunk])) {
                lock(&failed).get_or_insert((chunk, why));
            }
        })
    })?;
    first_failure(failed)
}

fn check_pair<T: Scalar>(x: &ArrayView2<T>, centers: &ArrayView2<T>) -> Result<()> {
    check::not_empty(x)?;
    check::not_empty(centers)?;
    check::columns("the data", x.ncols(), centers.ncols())
}

fn first_failure(failed: Mutex<Option<(usize, Error)>>) -> Result<()> {
    match failed.into_inner().unwrap_or_else(|e| e.into_inner()) {
        Some((_, why)) => Err(why),
        None => Ok(()),
    }
}

/// Calls `take` for each chunk with its number and the indices found.
fn each_chunk<T: Scalar>(
    data: &Data<T>,
    centers: ArrayView2<T>,
    moved: Option<&Moved<T>>,
    control: &dyn Control,
    take: &(dyn Fn(usize, &[T]) + Sync),
) -> Result<()> {
    let scan = Scan::new(data, centers, moved)?;
    let threads = Team::size(control, data.rows * data.columns * centers.nrows());
    let workers = Worker::<T>::several(threads);
    let failed = Mutex::new(None);
    with_team(|team| {
        team.each(threads, data.chunks(), control, &|worker, chunk| {
            let worker = &mut lock(&workers[worker]);
            match scan.nearest(worker, chunk) {
                Ok(()) => take(chunk, &worker.scratch.index[..data.range(chunk).len()]),
                Err(why) => {
                    lock(&failed).get_or_insert((chunk, why));
                }
            }
        })
    })?;
    first_failure(failed)
}

/// New samples and prepared centers.
struct Scan<'a, T: 'static> {
    data: &'a Data<'a, T>,
    frame: Frame<T>,
    panels: Panels<T>,
    fixed: Option<Fixed<T>>,
    tile: crate::kernels::Tile<T>,
    table: &'static crate::kernels::Table<T>,
    centers: ndarray::CowArray<'a, T, ndarray::Ix2>,
}

impl<'a, T: Scalar> Scan<'a, T> {
    fn new(
        data: &'a Data<'a, T>,
        centers: ArrayView2<'a, T>,
        moved: Option<&Moved<T>>,
    ) -> Result<Self> {
        let table = T::table(Kernel::choose(None)?);
        let mut frame = Frame::of_centers(centers)?;
        if let Some(moved) = moved {
            frame.moved = moved.clone();
        }
        let tile = choose_tile(table, centers.nrows(), centers.ncols());
        let mut panels = Panels::default();
        panels.fill(centers, &frame, tile.centers);
        let fixed = choose_fixed_tile(table, centers.nrows(), data, &tile).and_then(|tile| {
            let reach = fixed::probe(data, &frame);
            Fixed::new(centers.nrows(), &panels, &frame, tile, reach)
        });
        let centers = if centers.is_standard_layout() {
            centers.into()
        } else {
            centers.to_owned().into()
        };
        Ok(Scan {
            data,
            frame,
            panels,
            fixed,
            tile,
            table,
            centers,
        })
    }

    fn nearest(&self, worker: &mut Worker<T>, chunk: usize) -> Result<()> {
        let range = self.data.range(chunk);
        let rows = self.data.read(range.clone(), &mut worker.rows);
        let finder = Finder {
            table: self.table,
            moved: &self.frame.moved,
            tile: &self.tile,
            panels: &self.panels,
            fixed: self.fixed.as_ref(),
        };
        finder.nearest(&rows, &mut worker.scratch, None);
        self.comparable(&worker.scratch.best[..range.len()], range)
    }

    /// A score that is not finite comes from a number that is not, or that is
    /// too far from the centers.
    fn comparable(&self, scores: &[T], rows: std::ops::Range<usize>) -> Result<()> {
        if scores.iter().all(|s| s.wide().is_finite()) {
            return Ok(());
        }
        check::finite("X", self.data, rows.clone())?;
        let limit = T::LARGEST.sqrt() / self.frame.moved.scale.wide();
        let span = |column: usize| {
            let offset = self.frame.quanta.offset[column];
            let far = rows
                .clone()
                .map(|i| (self.data.row(i)[column].wide() - offset).abs());
            (far.fold(0.0, f64::max), column)
        };
        let columns = (0..self.data.columns).map(span);
        let (span, column) = columns
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .unwrap_or_default();
        Err(Error::TooLarge {
            column,
            span,
            limit,
        })
    }

    fn distances(
        &self,
        worker: &mut Worker<T>,
        chunk: usize,
        out: &mut ArrayViewMut2<T>,
    ) -> Result<()> {
        let range = self.data.range(chunk);
        let stride = range.len().next_multiple_of(self.tile.samples);
        let Worker {
            scratch,
            rows,
            scores,
        } = worker;
        scores.resize(self.panels.centers() * stride, T::default());
        let rows = self.data.read(range.clone(), rows);
        // SAFETY: as in `nearest`; `scores` has `stride` numbers for every
        // padded center.
        unsafe {
            let scores = scores.as_mut_ptr();
            (self.tile.scores)(
                &rows,
                &self.frame.moved,
                &self.panels,
                scratch,
                scores,
                stride,
            );
        }
        self.comparable(&scratch.norm[..range.len()], range.clone())?;
        let scale = self.frame.moved.scale.wide();
        let columns = self.data.columns;
        for (i, mut out) in out.outer_iter_mut().enumerate() {
            let norm = scratch.norm[i].wide();
            for (c, out) in out.iter_mut().enumerate() {
                let square = norm + scores[c * stride + i].wide();
                *out = if square > norm / 64.0 {
                    T::near(square.sqrt() / scale)
                } else {
                    // What is left is what the subtraction has rounded off.
                    let center = self.centers.as_ptr().wrapping_add(c * columns);
                    // SAFETY: both have `columns` numbers.
                    let square =
                        unsafe { (self.table.square_distance)(rows.row(i), center, columns) };
                    T::near(square.sqrt())
                };
            }
        }
        Ok(())
    }
}
