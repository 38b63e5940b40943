//! Centers as the kernels want them.

use ndarray::ArrayView2;

use crate::Scalar;
use crate::frame::Frame;

/// Centers in panels of `width`: moved and scaled as the samples are, times
/// -2, column by column, with `|c|²` beside.
///
/// For those that are scored along the rows, all are one panel, of 64 bytes of each
/// center by turns, the last padded with zeros.
#[derive(Default)]
pub(crate) struct Panels<T> {
    pub(crate) width: usize,
    /// Columns of a center that lie side by side.
    run: usize,
    columns: usize,
    values: Vec<T>,
    norms: Vec<T>,
}

/// Bytes of a center side by side, for the kernels along the rows.
const RUN: usize = 64;

impl<T: Scalar> Panels<T> {
    /// Packs `centers` for tiles of `width` centers; of one, if they are scored
    /// along the rows. Those that pad the last panel are infinitely far.
    ///
    /// Returns how far each is from the one that was in its place, if these panels had
    /// as many centers, for the same tiles.
    pub(crate) fn fill(
        &mut self,
        centers: ArrayView2<T>,
        frame: &Frame<T>,
        width: usize,
    ) -> Option<Vec<f64>> {
        let (k, columns) = centers.dim();
        let run = if width == 1 { RUN / size_of::<T>() } else { 1 };
        let of_all = if run > 1 { k.max(1) } else { width };
        let is_same = (self.width, self.run) == (of_all, run)
            && self.norms.len() == k.next_multiple_of(of_all)
            && self.columns == columns.next_multiple_of(run);
        if !is_same {
            self.clear(k, columns, width, run);
        }
        let mut drift = Vec::with_capacity(k);
        for (c, center) in centers.outer_iter().enumerate() {
            let mut norm = 0.0;
            let moved = center.iter().enumerate().map(|(j, &x)| {
                let x = frame.moved_center(x, j);
                norm += x.wide() * x.wide();
                T::near(-2.0 * x.wide())
            });
            // The panels hold -2c.
            drift.push(self.put(c, moved).sqrt() / 2.0);
            self.norms[c] = T::near(norm);
        }
        is_same.then_some(drift)
    }

    /// Room for `k` centers, in runs of so many columns.
    fn clear(&mut self, k: usize, columns: usize, width: usize, run: usize) {
        let width = if run > 1 { k.max(1) } else { width };
        let padded = k.next_multiple_of(width);
        (self.width, self.run, self.columns) = (width, run, columns.next_multiple_of(run));
        self.values.clear();
        self.values.resize(padded * self.columns, T::default());
        self.norms.clear();
        self.norms.resize(padded, T::INFINITY);
    }

    /// Writes the columns of a center; returns the squared distance from what was there.
    fn put(&mut self, center: usize, columns: impl Iterator<Item = T>) -> f64 {
        let first = self.at(center);
        let (run, next) = (self.run, self.width * self.run);
        let (mut at, mut end) = (first, first + run);
        let mut square = 0.0;
        for x in columns {
            if at == end {
                (at, end) = (at - run + next, end + next);
            }
            let old = std::mem::replace(&mut self.values[at], x);
            let difference = x.wide() - old.wide();
            square += difference * difference;
            at += 1;
        }
        square
    }

    /// The columns of a center, those that pad it included.
    pub(crate) fn columns_of(&self, center: usize) -> impl Iterator<Item = T> {
        let runs = self.values[self.at(center)..].chunks(self.width * self.run);
        let runs = runs.take(self.columns / self.run);
        runs.flat_map(|run| run[..self.run].iter().copied())
    }

    /// Where the first column of a center is.
    fn at(&self, center: usize) -> usize {
        center / self.width * self.width * self.columns + center % self.width * self.run
    }

    /// Some of the centers of `all`, in panels for the same tiles.
    pub(crate) fn pick(&mut self, all: &Panels<T>, centers: &[u32]) {
        self.clear(centers.len(), all.columns, all.width, all.run);
        for (to, &from) in centers.iter().enumerate() {
            let from = from as usize;
            self.put(to, all.columns_of(from));
            self.norms[to] = all.norms[from];
        }
    }

    /// The largest `|c|²`.
    pub(crate) fn largest_norm(&self) -> f64 {
        let finite = self.norms.iter().filter(|&&norm| norm < T::INFINITY);
        finite.map(|norm| norm.wide()).fold(0.0, f64::max)
    }

    /// How many panels.
    pub(crate) fn count(&self) -> usize {
        self.norms.len() / self.width
    }

    /// How many centers, those that pad the last panel included.
    pub(crate) fn centers(&self) -> usize {
        self.norms.len()
    }

    #[inline(always)]
    pub(crate) fn panel(&self, p: usize) -> *const T {
        self.values[p * self.width * self.columns..].as_ptr()
    }

    #[inline(always)]
    pub(crate) fn norms(&self, p: usize) -> *const T {
        self.norms[p * self.width..].as_ptr()
    }
}
