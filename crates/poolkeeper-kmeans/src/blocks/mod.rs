//! Data that comes in blocks, and need not fit in memory.

mod npy;
mod start;

use ndarray::{Array2, ArrayView1, ArrayView2};

use crate::control::check as not_cancelled;
use crate::lloyd::relocate::{self, Far};
use crate::partial::{Partial, part};
use crate::update::Moves;
use crate::{Control, Error, Frame, Kernel, Options, Progress, Result, Scalar, Summary, check};

pub use npy::Npy;

/// What [`Blocks::each`] calls: with samples, one a row, and their weights.
pub type Take<'a, T> = dyn FnMut(ArrayView2<T>, Option<ArrayView1<T>>) -> Result<()> + 'a;

/// A source of blocks, that can be read again from its beginning.
pub trait Blocks<T> {
    /// Calls `take` with each block, in the same order every time, and stops
    /// at its first error.
    ///
    /// # Errors
    ///
    /// What `take` returns; `Blocks`, if reading fails.
    fn each(&mut self, take: &mut Take<T>) -> Result<()>;
}

/// A matrix, in blocks of `rows` rows.
#[derive(Debug, Clone)]
pub struct InMemory<'a, T> {
    x: ArrayView2<'a, T>,
    rows: usize,
}

impl<'a, T> InMemory<'a, T> {
    /// `rows` of 0 count as 1.
    pub fn new(x: ArrayView2<'a, T>, rows: usize) -> Self {
        InMemory {
            x,
            rows: rows.max(1),
        }
    }
}

impl<T> Blocks<T> for InMemory<'_, T> {
    fn each(&mut self, take: &mut Take<T>) -> Result<()> {
        let mut blocks = self.x.axis_chunks_iter(ndarray::Axis(0), self.rows);
        blocks.try_for_each(|block| take(block, None))
    }
}

/// What [`fit_blocks`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BlocksFit<T> {
    /// The centers, one a row.
    pub centers: Array2<T>,
    /// The sum of the squared distances to the nearest center, times weights.
    pub inertia: f64,
    /// Iterations of the start that was kept.
    pub iterations: usize,
    /// Whether the fit ended by `tol`, or because no center moved.
    pub converged: bool,
    /// How many samples there are.
    pub rows: u64,
}

/// Clusters data that comes in blocks, to the centers that [`fit`](crate::fit)
/// finds from the same start, bit by bit. Labels are not kept: [`assign`](crate::assign)
/// finds those of a block.
///
/// Memory: one block as its source holds it, 4 bytes for each of its rows,
/// and some `8 k d` bytes a thread; it does not grow with the number of blocks.
///
/// `Init::PlusPlus` would read all blocks once for each center, and is done
/// as `Init::Parallel` (k-means||), which reads them seven times.
///
/// # Errors
///
/// As [`fit`](crate::fit); `Blocks` and whatever else the source returns.
///
/// # Examples
///
/// ```
/// use ndarray::array;
/// use poolkeeper_kmeans::{InMemory, Options, Threads, fit_blocks};
///
/// let x = array![[0.0_f32], [1.0], [10.0], [11.0]];
/// let mut blocks = InMemory::new(x.view(), 2);
/// let fit = fit_blocks(&mut blocks, &Options::new(2), &Threads(1))?;
/// assert_eq!((fit.rows, fit.inertia), (4, 1.0));
/// # Ok::<(), poolkeeper_kmeans::Error>(())
/// ```
pub fn fit_blocks<T: Scalar>(
    blocks: &mut dyn Blocks<T>,
    options: &Options<T>,
    control: &dyn Control,
) -> Result<BlocksFit<T>> {
    let summary = summarise(blocks, control)?;
    options.check(summary.rows as usize, summary.mean.len())?;
    let frame = Frame::new(&summary)?;
    let kernel = Kernel::choose(options.kernel)?;
    let mut fit = Fitting {
        blocks,
        options,
        frame,
        kernel,
        control,
        rows: summary.rows,
    };
    let mut best: Option<BlocksFit<T>> = None;
    for init in 0..options.starts() {
        let next = fit.one_start(init)?;
        if best.as_ref().is_none_or(|best| next.inertia < best.inertia) {
            best = Some(next);
        }
    }
    best.ok_or(Error::Cancelled)
}

fn summarise<T: Scalar>(blocks: &mut dyn Blocks<T>, control: &dyn Control) -> Result<Summary> {
    let mut whole: Option<Summary> = None;
    blocks.each(&mut |x, weights| {
        if x.nrows() == 0 {
            return Ok(());
        }
        not_cancelled(control)?;
        let block = Summary::of_part(x, weights, control)?;
        match &mut whole {
            Some(whole) => whole.merge(&block),
            None => {
                whole = Some(block);
                Ok(())
            }
        }
    })?;
    let summary = whole.ok_or(Error::Empty {
        rows: 0,
        columns: 0,
    })?;
    if summary.weight > 0.0 {
        Ok(summary)
    } else {
        Err(Error::NoWeight)
    }
}

/// What a fit works with.
struct Fitting<'a, T> {
    blocks: &'a mut dyn Blocks<T>,
    options: &'a Options<T>,
    frame: Frame<T>,
    kernel: Kernel,
    control: &'a dyn Control,
    rows: u64,
}

impl<T: Scalar> Fitting<'_, T> {
    fn one_start(&mut self, init: usize) -> Result<BlocksFit<T>> {
        let mut centers = self.first_centers(init as u64)?;
        let tol = self.options.tol * self.frame.variance;
        let (mut iterations, mut converged, mut inertia_is_old) = (0, false, true);
        let mut inertia = 0.0;
        while iterations < self.options.max_iter && !converged {
            let all = self.pass(centers.view())?;
            inertia = all.finish(centers.view(), &self.frame)?.inertia;
            let Moves { shift, any } = self.move_centers(all, &mut centers)?;
            inertia_is_old = any;
            iterations += 1;
            converged = shift <= tol;
            self.control.progress(Progress {
                init,
                iteration: iterations,
                changed: None,
                shift,
                inertia: Some(inertia),
            });
        }
        if inertia_is_old {
            let all = self.pass(centers.view())?;
            inertia = all.finish(centers.view(), &self.frame)?.inertia;
        }
        Ok(BlocksFit {
            centers,
            inertia: check::inertia(inertia)?,
            iterations,
            converged,
            rows: self.rows,
        })
    }

    /// What all blocks give to the next centers.
    fn pass(&mut self, centers: ArrayView2<T>) -> Result<Partial> {
        let mut all = Partial::empty(centers.nrows(), &self.frame);
        let (frame, control, kernel) = (&self.frame, self.control, self.kernel);
        self.blocks.each(&mut |x, weights| {
            not_cancelled(control)?;
            let block = part(x, weights, centers, frame, kernel, control, |_| Ok(()))?;
            all.merge(&block.partial)
        })?;
        Ok(all)
    }

    /// Moves the centers to the means, and every empty one to a far sample, as in memory.
    fn move_centers(&mut self, all: Partial, centers: &mut Array2<T>) -> Result<Moves> {
        let mut sums = all.into_sums();
        let is_empty = |c: &usize| sums.masses.is_empty(*c);
        let empty: Vec<usize> = (0..centers.nrows()).filter(is_empty).collect();
        if empty.is_empty() {
            return Ok(sums.move_to_means(&self.frame.quanta, centers));
        }
        let mut far: Vec<(Far, Vec<T>, f64)> = Vec::new();
        let (frame, control, kernel) = (&self.frame, self.control, self.kernel);
        let (wanted, mut first) = (empty.len(), 0);
        let old = centers.view();
        self.blocks.each(&mut |x, weights| {
            let found = part(x, weights, old, frame, kernel, control, |pass| {
                relocate::farthest(pass, old, wanted)
            })?;
            for sample in found.more {
                let weight = weights.map_or(1.0, |w| w[sample.row].wide());
                let row = x.row(sample.row).to_vec();
                far.push((
                    Far {
                        row: first + sample.row,
                        ..sample
                    },
                    row,
                    weight,
                ));
            }
            far.sort_by(|a, b| a.0.order(&b.0));
            far.truncate(wanted);
            first += x.nrows();
            Ok(())
        })?;
        if far.first().is_none_or(|(first, ..)| first.distance <= 0.0) {
            // All lie on their centers: see `relocate::worthwhile`.
            far.clear();
        }
        let table = T::table(kernel);
        for ((sample, row, weight), &empty) in far.iter().zip(&empty) {
            let labels = [sample.label, empty];
            relocate::move_sample(table, &frame.quanta, row, *weight, labels, &mut sums);
        }
        Ok(sums.move_to_means(&frame.quanta, centers))
    }
}
