//! From rows to their nearest center, in one go: pack a block of samples so
//! that lanes are samples, multiply it with a panel of centers, and keep the
//! minimum and its index lane by lane. No matrix of distances is written.
//!
//! What is compared is the score `|c|² - 2 x·c`: the squared distance without
//! `|x|²`. It is one chain of fused operations, over the columns in their
//! order, so that its bits depend on neither the kernel nor the tile.

use super::ahead::{Ahead, LINE, fetch, near};
use super::simd::{Lanes, Simd};
use crate::Scalar;
use crate::panels::Panels;
use crate::rows::{Moved, Rows};
use crate::scalar::{Lane, Sealed};

/// Buffers of one thread. All grow as needed and are reused.
#[derive(Default)]
pub(crate) struct Scratch<T> {
    pub(super) block: Vec<T>,
    /// The same in fixed point.
    pub(super) pairs: Vec<i32>,
    /// The rows of which the nearest center is in doubt, where it was looked
    /// for in fixed point.
    pub(crate) doubts: Vec<u32>,
    /// Where those lie, and what a second look finds.
    pub(crate) places: Vec<u32>,
    pub(crate) again: Option<Box<Scratch<T>>>,
    /// The scores of a few rows.
    pub(super) scores: Vec<T>,
    /// Scores: the smallest of each row ...
    pub(crate) best: Vec<T>,
    /// ... whose index has these bits ...
    pub(crate) index: Vec<T>,
    /// ... and the second smallest, where asked for.
    pub(crate) second: Vec<T>,
    /// `|x|²` of each row, where asked for.
    pub(crate) norm: Vec<T>,
    /// Bounds made of these.
    pub(crate) upper: Vec<f32>,
    pub(crate) near: Vec<f32>,
    pub(crate) lower: Vec<f32>,
}

impl<T: Scalar> Scratch<T> {
    pub(super) fn reserve(&mut self, rows: usize) {
        let zero = T::default();
        if self.best.len() < rows {
            for buffer in [
                &mut self.best,
                &mut self.index,
                &mut self.second,
                &mut self.norm,
            ] {
                buffer.resize(rows, zero);
            }
            for bound in [&mut self.upper, &mut self.near, &mut self.lower] {
                bound.resize(rows, 0.0);
            }
        }
    }
}

/// Room for so many numbers, from the beginning of a line of memory: no vector
/// of a block lies on two.
pub(super) fn room<T: Copy + Default>(buffer: &mut Vec<T>, numbers: usize) -> *mut T {
    let numbers = numbers + LINE / size_of::<T>();
    if buffer.len() < numbers {
        buffer.resize(numbers, T::default());
    }
    let start = buffer.as_mut_ptr();
    start.wrapping_add(start.align_offset(LINE))
}

/// Packs a block: see [`pack`].
pub(crate) type Pack<T> = unsafe fn(&Rows<T>, usize, &Moved<T>, *mut T);

/// Packs `VECTORS` vectors of rows, from row `first`: column `j` of vector `v`
/// goes to `out + (j * VECTORS + v) * LANES`. Rows past the last repeat it.
/// Asks for the rows of the next block.
///
/// # Safety
///
/// The processor has the instructions of `S`; `rows` is not empty and points
/// to valid rows; `out` has room for `columns * VECTORS` vectors.
#[inline(always)]
pub(crate) unsafe fn pack<S: Simd, const VECTORS: usize>(
    rows: &Rows<S::T>,
    first: usize,
    moved: &Moved<S::T>,
    out: *mut S::T,
) {
    let columns = moved.offset.len();
    let stride = VECTORS * S::LANES;
    if let Some(close) = rows.close(first, stride, columns) {
        // SAFETY: `stride` rows of `columns` numbers lie there; the caller
        // vouches for `out`.
        unsafe {
            match columns {
                1 => return pack_close::<S, VECTORS, 1>(close, moved, out),
                2 => return pack_close::<S, VECTORS, 2>(close, moved, out),
                3 => return pack_close::<S, VECTORS, 3>(close, moved, out),
                4 => return pack_close::<S, VECTORS, 4>(close, moved, out),
                _ => {}
            }
        }
    }
    let scattered = rows.follow(first, columns).is_none();
    let near = near::<S::T>(columns * stride);
    let last = rows.count - 1;
    for v in 0..VECTORS {
        let mut pointers = [std::ptr::null::<S::T>(); 16];
        let mut ahead = pointers;
        for lane in 0..S::LANES {
            let row = first + v * S::LANES + lane;
            pointers[lane] = rows.row(row.min(last));
            ahead[lane] = rows.row((row + stride).min(last));
        }
        for j in (0..columns).step_by(S::LANES) {
            let width = S::LANES.min(columns - j);
            // SAFETY: every row has `width` more columns, and so has `offset`;
            // the caller vouches for `out`.
            unsafe {
                let offset = moved.offset.as_ptr().add(j);
                let to = out.add(j * stride + v * S::LANES);
                S::transpose(pointers.as_ptr(), width, moved.scale, offset, to, stride);
            }
            for pointer in pointers.iter_mut().take(S::LANES) {
                *pointer = pointer.wrapping_add(width);
            }
            for ahead in ahead.iter().take(S::LANES) {
                fetch(ahead.wrapping_add(j), near);
                if scattered {
                    // A row may reach into a line that no other brings.
                    fetch(ahead.wrapping_add(j + width - 1), near);
                }
            }
        }
    }
}

/// As [`pack`], for rows of so few columns that the compiler knows best how to
/// take them apart, and that lie side by side.
///
/// # Safety
///
/// As [`pack`]; `VECTORS * S::LANES` rows of `COLUMNS` numbers are at `rows`.
#[inline(always)]
unsafe fn pack_close<S: Simd, const VECTORS: usize, const COLUMNS: usize>(
    rows: *const S::T,
    moved: &Moved<S::T>,
    out: *mut S::T,
) {
    let stride = VECTORS * S::LANES;
    for (j, &offset) in moved.offset.iter().enumerate().take(COLUMNS) {
        for i in 0..stride {
            // SAFETY: the caller vouches for both.
            unsafe {
                let x = *rows.add(i * COLUMNS + j);
                *out.add(j * stride + i) = x.fused(moved.scale, -offset);
            }
        }
    }
}

/// The scores of `VECTORS` vectors of packed samples and one panel of centers.
/// Asks for what is `ahead` while it multiplies.
///
/// # Safety
///
/// The processor has the instructions of `L`; `block` and `panel` have
/// `columns` columns, or pairs of columns; `norms` has `CENTERS` numbers.
#[inline(always)]
pub(super) unsafe fn tile<L: Lanes, const VECTORS: usize, const CENTERS: usize>(
    block: *const L::T,
    columns: usize,
    panel: *const L::T,
    norms: *const L::T,
    ahead: Ahead,
) -> [[L::V; VECTORS]; CENTERS] {
    // SAFETY: the caller vouches for all pointers.
    unsafe {
        let mut sums = [[L::splat(L::T::default()); VECTORS]; CENTERS];
        for (c, sum) in sums.iter_mut().enumerate() {
            *sum = [L::splat(*norms.add(c)); VECTORS];
        }
        for j in 0..columns {
            ahead.ask(j);
            let mut x = [L::splat(L::T::default()); VECTORS];
            for (v, x) in x.iter_mut().enumerate() {
                *x = L::load(block.add((j * VECTORS + v) * L::LANES));
            }
            for (c, sum) in sums.iter_mut().enumerate() {
                let center = L::splat(*panel.add(j * CENTERS + c));
                for (sum, &x) in sum.iter_mut().zip(&x) {
                    *sum = L::fused(x, center, *sum);
                }
            }
        }
        sums
    }
}

/// The smallest score of each sample so far, the second smallest where it is
/// asked for, and the bits of the index of the smallest, the first of equals.
struct Smallest<S: Simd, const VECTORS: usize> {
    best: [S::V; VECTORS],
    second: [S::V; VECTORS],
    index: [S::V; VECTORS],
}

impl<S: Simd, const VECTORS: usize> Smallest<S, VECTORS> {
    /// Of no center.
    ///
    /// # Safety
    ///
    /// The processor has the instructions of `S`.
    #[inline(always)]
    unsafe fn new() -> Self {
        // SAFETY: the caller has the instructions.
        unsafe {
            let best = [S::splat(S::T::INFINITY); VECTORS];
            Smallest {
                best,
                second: best,
                index: [S::splat(S::T::from_index(0)); VECTORS],
            }
        }
    }

    /// Takes the scores of the centers from `first`.
    ///
    /// # Safety
    ///
    /// The processor has the instructions of `S`.
    #[inline(always)]
    unsafe fn take<const CENTERS: usize, const SECOND: bool>(
        &mut self,
        scores: &[[S::V; VECTORS]; CENTERS],
        first: usize,
    ) {
        let Smallest {
            best,
            second,
            index,
        } = self;
        for (c, score) in scores.iter().enumerate() {
            // SAFETY: the caller has the instructions.
            unsafe {
                let center = S::splat(S::T::from_index((first + c) as u32));
                for v in 0..VECTORS {
                    let less = S::less(score[v], best[v]);
                    if SECOND {
                        second[v] = S::min(second[v], S::max(score[v], best[v]));
                    }
                    best[v] = S::min(score[v], best[v]);
                    index[v] = S::select(less, center, index[v]);
                }
            }
        }
    }
}

/// `|x|²` of packed samples.
///
/// # Safety
///
/// As [`tile`].
#[inline(always)]
unsafe fn norms<S: Simd, const VECTORS: usize>(
    block: *const S::T,
    columns: usize,
) -> [S::V; VECTORS] {
    // SAFETY: the caller vouches for all pointers.
    unsafe {
        let mut sums = [S::splat(S::T::default()); VECTORS];
        for j in 0..columns {
            for (v, sum) in sums.iter_mut().enumerate() {
                let x = S::load(block.add((j * VECTORS + v) * S::LANES));
                *sum = S::fused(x, x, *sum);
            }
        }
        sums
    }
}

/// Fills `scratch` with the nearest center of each row; with `SECOND` also
/// with the second smallest score and `|x|²`.
///
/// # Safety
///
/// The processor has the instructions of `S`; `rows` points to valid rows of
/// as many columns as `moved` and `panels` have; `panels.width == CENTERS`.
#[inline(always)]
pub(crate) unsafe fn nearest<
    S: Simd,
    const VECTORS: usize,
    const CENTERS: usize,
    const SECOND: bool,
>(
    rows: &Rows<S::T>,
    moved: &Moved<S::T>,
    panels: &Panels<S::T>,
    scratch: &mut Scratch<S::T>,
    pack: Pack<S::T>,
) {
    let columns = moved.offset.len();
    let samples = VECTORS * S::LANES;
    scratch.reserve(rows.count.next_multiple_of(samples));
    let block = room(&mut scratch.block, columns * samples);
    for first in (0..rows.count).step_by(samples) {
        // SAFETY: `block` has room for `samples` rows; the panels hold
        // `columns * CENTERS` numbers and `CENTERS` norms each; the outputs
        // have whole blocks. The caller vouches for the rest.
        unsafe {
            pack(rows, first, moved, block);
            let mut smallest = Smallest::<S, VECTORS>::new();
            for p in 0..panels.count() {
                let (panel, norms) = (panels.panel(p), panels.norms(p));
                let sums =
                    tile::<S, VECTORS, CENTERS>(block, columns, panel, norms, Ahead::NOTHING);
                smallest.take::<CENTERS, SECOND>(&sums, p * CENTERS);
            }
            let Smallest {
                best,
                second,
                index,
            } = smallest;
            for v in 0..VECTORS {
                let at = first + v * S::LANES;
                S::store(scratch.best.as_mut_ptr().add(at), best[v]);
                S::store(scratch.index.as_mut_ptr().add(at), index[v]);
                if SECOND {
                    S::store(scratch.second.as_mut_ptr().add(at), second[v]);
                }
            }
            if SECOND {
                let norm = norms::<S, VECTORS>(block, columns);
                for (v, &norm) in norm.iter().enumerate() {
                    S::store(scratch.norm.as_mut_ptr().add(first + v * S::LANES), norm);
                }
            }
        }
    }
}

/// Writes the score of row `i` and center `c` to `out + c * stride + i`, for
/// all centers of the panels, padding included, and `|x|²` to `scratch.norm`.
///
/// # Safety
///
/// As [`nearest`]; `out` has room for every center of the panels, with
/// `stride` at least `rows.count` rounded up to whole blocks.
#[inline(always)]
pub(crate) unsafe fn scores<S: Simd, const VECTORS: usize, const CENTERS: usize>(
    rows: &Rows<S::T>,
    moved: &Moved<S::T>,
    panels: &Panels<S::T>,
    scratch: &mut Scratch<S::T>,
    out: *mut S::T,
    stride: usize,
    pack: Pack<S::T>,
) {
    let columns = moved.offset.len();
    let samples = VECTORS * S::LANES;
    scratch.reserve(rows.count.next_multiple_of(samples));
    let block = room(&mut scratch.block, columns * samples);
    for first in (0..rows.count).step_by(samples) {
        // SAFETY: as in `nearest`.
        unsafe {
            pack(rows, first, moved, block);
            for p in 0..panels.count() {
                let (panel, norms) = (panels.panel(p), panels.norms(p));
                let sums =
                    tile::<S, VECTORS, CENTERS>(block, columns, panel, norms, Ahead::NOTHING);
                for (c, sum) in sums.iter().enumerate() {
                    for (v, &sum) in sum.iter().enumerate() {
                        let row = first + v * S::LANES;
                        S::store(out.add((p * CENTERS + c) * stride + row), sum);
                    }
                }
            }
            let norm = norms::<S, VECTORS>(block, columns);
            for (v, &norm) in norm.iter().enumerate() {
                S::store(scratch.norm.as_mut_ptr().add(first + v * S::LANES), norm);
            }
        }
    }
}
