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
