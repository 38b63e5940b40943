//! Scores in fixed point: as `scan`, but of numbers rounded to 16 bits, which
//! processors multiply twice as fast. They are near enough to tell the nearest
//! center of most samples; the others, of which another center may be as near,
//! are listed, to be scored as `scan` does. So no label depends on it.
//! `crate::fixed` chooses the units and knows the error.

use super::ahead::{Ahead, fetch, near};
use super::classify::bits_of;
use super::scan::{Scratch, Smallest, room, tile};
use super::simd::{Lanes, Simd};
use crate::Scalar;
use crate::fixed::{Fixed, LARGEST_NORM};
use crate::rows::Rows;

/// Finds nearest centers in fixed point: see [`nearest`].
pub(crate) type NearestFixed<T> = unsafe fn(&Rows<T>, &Fixed<T>, &mut Scratch<T>);

/// The kernels of this file for one set of instructions.
#[derive(Clone, Copy)]
pub(crate) struct FixedTile<T: 'static> {
    /// Centers in a panel.
    pub(crate) centers: usize,
    /// The nearest center.
    pub(crate) nearest: NearestFixed<T>,
    /// The nearest, the second nearest, and `|x|²`.
    pub(crate) two_nearest: NearestFixed<T>,
}

/// Vectors of pairs of 16 bits, and of sums of their products.
///
/// # Safety
///
/// As [`Lanes`].
pub(crate) unsafe trait Whole: Lanes<T = i32> {
    /// `sum` and the squares of both, at most `i32::MAX`.
    unsafe fn add_squares(a: Self::V, sum: Self::V) -> Self::V;
}

/// Numbers that can be rounded to pairs of 16 bits.
///
/// # Safety
///
/// As [`Simd`].
pub(crate) unsafe trait Pairs: Simd {
    /// The vectors that pairs are multiplied in.
    type W: Whole;
    /// Columns that are packed at once.
    const CHUNK: usize;

    /// Reads `columns` (at most `CHUNK`) numbers from each of `W::LANES` rows,
    /// rounds `x * scale - offset` to 16 bits (saturated; the smallest if it
    /// passes 32 bits, or is NaN), and puts pair `i` of columns to
    /// `out + i * stride`, the first in the lower half.
    unsafe fn pack(
        row: impl Fn(usize) -> *const Self::T,
        columns: usize,
        scale: Self::T,
        offset: *const Self::T,
        out: *mut i32,
        stride: usize,
    );
}

/// Packs a block: see [`pack`].
pub(crate) type Pack<T> = unsafe fn(&Rows<T>, usize, &Fixed<T>, *mut i32);

/// Packs `VECTORS` vectors of rows, from row `first`: pair `j` of vector `v`
/// goes to `out + (j * VECTORS + v) * LANES`. Rows past the last repeat it.
/// Asks for the rows of the next block where they don't follow each other.
///
/// # Safety
///
/// The processor has the instructions of `S`; `rows` is not empty and points
/// to valid rows of as many columns as `fixed` has; `out` has room for as many
/// pairs of `VECTORS` vectors.
#[inline(always)]
pub(crate) unsafe fn pack<S: Pairs, const VECTORS: usize>(
    rows: &Rows<S::T>,
    first: usize,
    fixed: &Fixed<S::T>,
    out: *mut i32,
) {
    let lanes = <S::W as Lanes>::LANES;
    let samples = VECTORS * lanes;
    let last = rows.count - 1;
    for v in 0..VECTORS {
        let first = first + v * lanes;
        // SAFETY: the caller vouches for the rows and for `out`.
        unsafe {
            let out = out.add(v * lanes);
            if let Some((row, apart)) = rows.apart(first, lanes) {
                let at = |lane: usize| row.wrapping_offset(lane as isize * apart);
                let scattered = apart != fixed.offset.len() as isize;
                pack_vector::<S>(
                    at,
                    |lane| at(lane + samples),
                    fixed,
                    out,
                    samples,
                    scattered,
                );
            } else {
                let at = |lane: usize| rows.row((first + lane).min(last));
                pack_vector::<S>(at, |lane| at(lane + samples), fixed, out, samples, true);
            }
        }
    }
}

/// Packs one vector of rows. Asks for those `ahead` if they are `scattered`:
/// otherwise [`Ahead`] does.
///
/// # Safety
///
/// As [`pack`]; those ahead may be anywhere.
#[inline(always)]
unsafe fn pack_vector<S: Pairs>(
    row: impl Fn(usize) -> *const S::T,
    ahead: impl Fn(usize) -> *const S::T,
    fixed: &Fixed<S::T>,
    out: *mut i32,
    stride: usize,
    scattered: bool,
) {
    let columns = fixed.offset.len();
    let near = near::<S::T>(columns * stride);
    for j in (0..columns).step_by(S::CHUNK) {
        let width = S::CHUNK.min(columns - j);
        // SAFETY: every row has `width` more columns, and so has `offset`;
        // the caller vouches for `out`.
        unsafe {
            let offset = fixed.offset.as_ptr().add(j);
            let out = out.add(j / 2 * stride);
            S::pack(
                |lane| row(lane).wrapping_add(j),
                width,
                fixed.scale,
                offset,
                out,
                stride,
            );
        }
        if !scattered {
            continue;
        }
        for lane in 0..<S::W as Lanes>::LANES {
            let ahead = ahead(lane).wrapping_add(j);
            fetch(ahead, near);
            // A row may reach into a line that no other brings.
            fetch(ahead.wrapping_add(width - 1), near);
        }
    }
}

/// `|x|²` of packed samples, in units.
///
/// # Safety
///
/// As [`tile`]; `block` has `pairs` pairs of columns.
#[inline(always)]
unsafe fn norms<W: Whole, const VECTORS: usize>(
    block: *const i32,
    pairs: usize,
) -> [W::V; VECTORS] {
    // SAFETY: the caller vouches for the pointer.
    unsafe {
        let mut sums = [W::splat(0); VECTORS];
        for j in 0..pairs {
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = W::add_squares(W::load(block.add((j * VECTORS + v) * W::LANES)), *sum);
            }
        }
        sums
    }
}

/// Fills `scratch` with the nearest center of each row and its score, with
/// `SECOND` also with the second smallest score and `|x|²`; and lists in
/// `scratch.doubts` the rows for which that may be wrong.
///
/// # Safety
///
/// The processor has the instructions of `S`; `rows` points to valid rows of
/// as many columns as `fixed` has; the panels are `CENTERS` wide; `pack` is
/// [`pack`] for `VECTORS` vectors.
#[inline(always)]
pub(crate) unsafe fn nearest<
    S: Pairs,
    const VECTORS: usize,
    const CENTERS: usize,
    const SECOND: bool,
>(
    rows: &Rows<S::T>,
    fixed: &Fixed<S::T>,
    scratch: &mut Scratch<S::T>,
    pack: Pack<S::T>,
) {
    let lanes = <S::W as Lanes>::LANES;
    let samples = VECTORS * lanes;
    const { assert!(VECTORS * <S::W as Lanes>::LANES <= 64) };
    let pairs = fixed.offset.len().div_ceil(2);
    scratch.reserve(rows.count.next_multiple_of(samples));
    scratch.doubts.clear();
    let block = room(&mut scratch.pairs, pairs * samples);
    for first in (0..rows.count).step_by(samples) {
        let mut found = Found([[0; 64]; 4]);
        // SAFETY: `block` has room for `samples` rows; the panels hold
        // `pairs * CENTERS` pairs and `CENTERS` norms each; `found` has room
        // for 64 samples. The caller vouches for the rest.
        unsafe {
            pack(rows, first, fixed, block);
            let size = [samples, fixed.offset.len()];
            let ahead = Ahead::new(rows, first + samples, size, fixed.count() * pairs);
            let mut smallest = Smallest::<S::W, VECTORS>::new();
            for p in 0..fixed.count() {
                let (panel, norms) = (fixed.panel(p), fixed.norms(p));
                let ahead = ahead.after(p * pairs);
                let sums = tile::<S::W, VECTORS, CENTERS>(block, pairs, panel, norms, ahead);
                smallest.take::<CENTERS, true>(&sums, p * CENTERS);
            }
            let Smallest {
                best,
                second,
                index,
            } = smallest;
            let norms = norms::<S::W, VECTORS>(block, pairs);
            for (to, from) in found.0.iter_mut().zip([best, second, index, norms]) {
                for (v, from) in from.into_iter().enumerate() {
                    S::W::store(to.as_mut_ptr().add(v * lanes), from);
                }
            }
        }
        found.take::<S::T>(first..first + samples, SECOND, fixed, scratch);
        let count = samples.min(rows.count - first);
        let mut doubtful = found.doubtful(samples, fixed) & (u64::MAX >> (64 - count));
        while doubtful != 0 {
            scratch
                .doubts
                .push(first as u32 + doubtful.trailing_zeros());
            doubtful &= doubtful - 1;
        }
    }
    fixed.count_doubts(rows.count, scratch.doubts.len());
}

/// Of a block: the smallest and the second smallest score, the index, `|x|²`.
#[repr(align(64))]
struct Found([[i32; 64]; 4]);

impl Found {
    /// Writes them, as numbers of the type, for the samples `at`.
    #[inline(always)]
    fn take<T: Scalar>(
        &self,
        at: std::ops::Range<usize>,
        second: bool,
        fixed: &Fixed<T>,
        scratch: &mut Scratch<T>,
    ) {
        let [best, seconds, index, norms] = &self.0;
        let scale = |to: &mut [T], from: &[i32; 64], unit: T| {
            for (to, &from) in to.iter_mut().zip(from) {
                *to = T::of_whole(from) * unit;
            }
        };
        scale(&mut scratch.best[at.clone()], best, fixed.unit);
        for (to, &index) in scratch.index[at.clone()].iter_mut().zip(index) {
            *to = T::from_index(index as u32);
        }
        if second {
            scale(&mut scratch.second[at.clone()], seconds, fixed.unit);
            scale(&mut scratch.norm[at], norms, fixed.square_unit);
        }
    }

    /// A bit for each sample whose nearest center may be another: because one
    /// is as near, or because the sample is too far out for the error.
    #[inline(always)]
    fn doubtful<T>(&self, samples: usize, fixed: &Fixed<T>) -> u64 {
        let [best, second, _, norms] = &self.0;
        let mut state = [0_u8; 64];
        for (i, state) in state.iter_mut().enumerate().take(samples) {
            let within = norms[i] <= LARGEST_NORM;
            // Within, neither passes 31 bits.
            let clear = second[i] > best[i].wrapping_add(fixed.doubt);
            *state = u8::from(!(within & clear));
        }
        bits_of(&state)
    }
}
