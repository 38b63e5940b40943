//! Rows of data, wherever they lie.

use std::marker::PhantomData;
use std::ops::Range;

use ndarray::{ArrayView1, ArrayView2};

use crate::Scalar;
use crate::update::power_above;

/// Rows whose numbers lie side by side.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a, T> {
    base: *const T,
    stride: isize,
    /// Which rows, counted from `base`; without it, the first ones.
    list: Option<&'a [u32]>,
    pub(crate) count: usize,
}

impl<'a, T> Rows<'a, T> {
    /// The row `i`, which is below `count`.
    #[inline(always)]
    pub(crate) fn row(&self, i: usize) -> *const T {
        let i = self.list.map_or(i, |list| list[i] as usize);
        self.base.wrapping_offset(i as isize * self.stride)
    }

    /// Row `first`, if `count` rows from there lie side by side, `columns` apart.
    #[inline(always)]
    pub(crate) fn close(&self, first: usize, count: usize, columns: usize) -> Option<*const T> {
        self.follow(first, columns)
            .filter(|_| first + count <= self.count)
    }

    /// Where row `first` is or would be, if rows follow each other, `columns` apart.
    #[inline(always)]
    pub(crate) fn follow(&self, first: usize, columns: usize) -> Option<*const T> {
        let follow = self.list.is_none() && self.stride == columns as isize;
        follow.then(|| self.base.wrapping_add(first * columns))
    }

    /// Row `first`, and how far apart rows are, if there are `count` from there.
    #[inline(always)]
    pub(crate) fn apart(&self, first: usize, count: usize) -> Option<(*const T, isize)> {
        let all = self.list.is_none() && first + count <= self.count;
        all.then(|| (self.row(first), self.stride))
    }

    /// Where row `i` is, counted from the first.
    #[inline(always)]
    pub(crate) fn place(&self, i: usize) -> u32 {
        self.list.map_or(i as u32, |list| list[i])
    }

    /// The rows that lie where `list` says.
    pub(crate) fn pick<'b>(&self, list: &'b [u32]) -> Rows<'b, T> {
        Rows {
            base: self.base,
            stride: self.stride,
            list: Some(list),
            count: list.len(),
        }
    }
}

/// How samples are moved and scaled before they are compared: `x * scale - offset`.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved<T> {
    /// A power of two.
    pub scale: T,
    /// Of each column.
    pub offset: Vec<T>,
}

/// Rows of more columns are read in smaller chunks.
const LONG: usize = 1 << 16;

/// A matrix of any strides, read in chunks.
#[derive(Clone, Copy)]
pub(crate) struct Data<'a, T> {
    base: *const T,
    strides: [isize; 2],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Rows of a chunk, the unit of work. Depends on nothing but the columns,
    /// so that sums over chunks have one order.
    pub(crate) chunk: usize,
    /// A view itself would tie all lifetimes together.
    view: PhantomData<&'a [T]>,
}

// SAFETY: it only reads, and borrows the view that it is made of.
unsafe impl<T: Sync> Sync for Data<'_, T> {}

impl<'a, T: Scalar> Data<'a, T> {
    pub(crate) fn new(x: ArrayView2<'a, T>) -> Self {
        let (rows, columns) = x.dim();
        let chunk = ((1 << 16) / columns.max(1)).clamp(64, 1024) / 64 * 64;
        // A chunk is not interrupted. (Fewer rows than 32 would not fill the kernels' tiles.)
        let chunk = if columns > LONG { 32 } else { chunk };
        let strides = [x.strides()[0], x.strides()[1]];
        Data {
            base: x.as_ptr(),
            strides,
            rows,
            columns,
            chunk,
            view: PhantomData,
        }
    }

    /// Whether rows are read where they lie.
    pub(crate) fn direct(&self) -> bool {
        self.strides[1] == 1 || self.columns == 1
    }

    pub(crate) fn chunks(&self) -> usize {
        self.rows.div_ceil(self.chunk)
    }

    pub(crate) fn range(&self, chunk: usize) -> Range<usize> {
        chunk * self.chunk..self.rows.min((chunk + 1) * self.chunk)
    }

    /// The number at `row`, `column`.
    pub(crate) fn at(&self, row: usize, column: usize) -> T {
        assert!(row < self.rows && column < self.columns);
        let [down, right] = self.strides;
        let offset = row as isize * down + column as isize * right;
        // SAFETY: both are within the view, whose strides these are.
        unsafe { *self.base.offset(offset) }
    }

    /// One row, copied.
    pub(crate) fn row(&self, i: usize) -> Vec<T> {
        (0..self.columns).map(|j| self.at(i, j)).collect()
    }

    /// Some rows, copied to `buffer` only if their numbers don't lie side by side.
    pub(crate) fn read<'b>(&'b self, range: Range<usize>, buffer: &'b mut Vec<T>) -> Rows<'b, T> {
        let count = range.len();
        let [down, _] = self.strides;
        if self.direct() {
            let base = self.base.wrapping_offset(range.start as isize * down);
            return Rows {
                base,
                stride: down,
                list: None,
                count,
            };
        }
        let columns = self.columns;
        buffer.resize(count * columns, T::default());
        for j in 0..columns {
            let numbers = buffer[j..].iter_mut().step_by(columns);
            for (to, i) in numbers.zip(range.clone()) {
                *to = self.at(i, j);
            }
        }
        Rows {
            base: buffer.as_ptr(),
            stride: columns as isize,
            list: None,
            count,
        }
    }
}

// SAFETY: it only reads, through a view that is itself shared.
unsafe impl<T: Sync> Sync for Rows<'_, T> {}

/// Sample weights, if there are any.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a, T> {
    base: *const T,
    stride: isize,
    /// 0 without weights: then each is 1.
    pub(crate) len: usize,
    /// What each is multiplied with: a power of two.
    scale: f64,
    view: PhantomData<&'a [T]>,
}

// SAFETY: it only reads, and borrows the view that it is made of.
unsafe impl<T: Sync> Sync for Weights<'_, T> {}

impl<'a, T: Scalar> Weights<'a, T> {
    pub(crate) fn new(weights: Option<ArrayView1<'a, T>>) -> Self {
        let (base, stride, len) = match &weights {
            Some(weights) => (weights.as_ptr(), weights.strides()[0], weights.len()),
            None => (std::ptr::null(), 0, 0),
        };
        Weights {
            base,
            stride,
            len,
            scale: 1.0,
            view: PhantomData,
        }
    }

    /// The same relative to the largest, where sums of them might pass the largest `f64`,
    /// or be lost near the smallest.
    pub(crate) fn relative(self) -> Self {
        let largest = self.iter().fold(0.0, f64::max);
        let is_plain = largest == 0.0 || (1e-100..1e100).contains(&largest);
        let scale = if is_plain {
            1.0
        } else {
            1.0 / power_above(largest)
        };
        Weights { scale, ..self }
    }

    pub(crate) fn given(&self) -> bool {
        !self.base.is_null()
    }

    #[inline(always)]
    pub(crate) fn of(&self, i: usize) -> f64 {
        if self.base.is_null() {
            return 1.0;
        }
        assert!(i < self.len);
        // SAFETY: `i` is within the view, whose stride this is.
        unsafe { *self.base.offset(i as isize * self.stride) }.wide() * self.scale
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = f64> {
        (0..self.len).map(|i| self.of(i))
    }
}
