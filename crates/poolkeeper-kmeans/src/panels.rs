//! Centers as the kernels want them.

use ndarray::ArrayView2;

use crate::Scalar;
use crate::frame::Frame;

/// Centers in panels of `width`: moved and scaled as the samples are, times
/// -2, column by column, with `|c|²` beside.
#[derive(Default)]
pub(crate) struct Panels<T> {
    pub(crate) width: usize,
    columns: usize,
    values: Vec<T>,
    norms: Vec<T>,
}

impl<T: Scalar> Panels<T> {
    /// Packs `centers`. Those that pad the last panel are infinitely far.
    pub(crate) fn fill(&mut self, centers: ArrayView2<T>, frame: &Frame<T>, width: usize) {
        let (k, columns) = centers.dim();
        let padded = k.next_multiple_of(width);
        self.width = width;
        self.columns = columns;
        self.values.clear();
        self.values.resize(padded * columns, T::default());
        self.norms.clear();
        self.norms.resize(padded, T::INFINITY);
        for (c, center) in centers.outer_iter().enumerate() {
            let panel = c / width * width * columns + c % width;
            let mut norm = 0.0;
            for (j, &x) in center.iter().enumerate() {
                let x = frame.moved_center(x, j);
                self.values[panel + j * width] = T::near(-2.0 * x.wide());
                norm += x.wide() * x.wide();
            }
            self.norms[c] = T::near(norm);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.norms.is_empty()
    }

    /// Some of the centers of `all`, in panels of the same width.
    pub(crate) fn pick(&mut self, all: &Panels<T>, centers: &[u32]) {
        let (width, columns) = (all.width, all.columns);
        let padded = centers.len().next_multiple_of(width);
        self.width = width;
        self.columns = columns;
        self.values.clear();
        self.values.resize(padded * columns, T::default());
        self.norms.clear();
        self.norms.resize(padded, T::INFINITY);
        for (to, &from) in centers.iter().enumerate() {
            let from = from as usize;
            let (to_panel, from_panel) = (all.at(to), all.at(from));
            for j in 0..columns {
                self.values[to_panel + j * width] = all.values[from_panel + j * width];
            }
            self.norms[to] = all.norms[from];
        }
    }

    /// Where the first column of a center is.
    fn at(&self, center: usize) -> usize {
        center / self.width * self.width * self.columns + center % self.width
    }

    /// How far each of the first `k` centers is from where it was in `old`.
    pub(crate) fn drift(&self, old: &Panels<T>, k: usize) -> Vec<f64> {
        let mut squares = vec![0.0; self.norms.len()];
        let panel = self.width * self.columns;
        let pairs = self.values.chunks(panel).zip(old.values.chunks(panel));
        for ((new, old), squares) in pairs.zip(squares.chunks_mut(self.width)) {
            for (new, old) in new.chunks(self.width).zip(old.chunks(self.width)) {
                for ((square, new), old) in squares.iter_mut().zip(new).zip(old) {
                    let difference = new.wide() - old.wide();
                    *square += difference * difference;
                }
            }
        }
        squares.truncate(k);
        // The panels hold -2c.
        squares.into_iter().map(|square| square.sqrt() / 2.0).collect()
    }

    /// The largest `|c|²`.
    pub(crate) fn largest_norm(&self) -> f64 {
        let finite = self.norms.iter().filter(|&&norm| norm < T::INFINITY);
        finite.map(|norm| norm.wide()).fold(0.0, f64::max)
    }

    pub(crate) fn count(&self) -> usize {
        self.norms.len() / self.width
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
