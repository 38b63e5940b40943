//! Scores in fixed point: as `scan`, but of numbers rounded to 16 bits, which
//! processors multiply twice as fast. They are near enough to tell the nearest
//! center of most samples; the others, of which another center may be as near,
//! are listed, to be scored as `scan` does. So no label depends on it.
//! `crate::fixed` chooses the units and knows the error.

use super::ahead::{Ahead, fetch, near};
use super::scan::{Scratch, room, tile};
use super::simd::{Lanes, Simd};
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
    /// The bits of `score` in `mask`, and those of `tag`.
    unsafe fn tagged(score: Self::V, mask: Self::V, tag: Self::V) -> Self::V;
    /// A bit for each lane where `a > b + by`.
    unsafe fn above(a: Self::V, b: Self::V, by: Self::V) -> u64;
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

    /// Puts `whole`, as numbers of the type times `unit`, to `out`.
    unsafe fn put(whole: <Self::W as Lanes>::V, unit: Self::T, out: *mut Self::T);

    /// Puts what `Scalar::from_index` makes of each lane to `out`.
    unsafe fn put_index(index: <Self::W as Lanes>::V, out: *mut Self::T);
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

/// The smallest score of each sample so far and the second smallest. Their
/// last bits are replaced by the index of the center, for which an operation
/// on each score is enough.
struct Smallest<W: Whole, const VECTORS: usize> {
    best: [W::V; VECTORS],
    second: [W::V; VECTORS],
}

impl<W: Whole, const VECTORS: usize> Smallest<W, VECTORS> {
    /// Takes the scores of the centers from `first`.
    ///
    /// # Safety
    ///
    /// The processor has the instructions of `W`.
    #[inline(always)]
    unsafe fn take<const CENTERS: usize>(
        &mut self,
        scores: &[[W::V; VECTORS]; CENTERS],
        mask: W::V,
        first: usize,
    ) {
        let Smallest { best, second } = self;
        for (c, score) in scores.iter().enumerate() {
            // SAFETY: the caller has the instructions.
            unsafe {
                let tag = W::splat((first + c) as i32);
                for v in 0..VECTORS {
                    let score = W::tagged(score[v], mask, tag);
                    second[v] = W::min(second[v], W::max(score, best[v]));
                    best[v] = W::min(score, best[v]);
                }
            }
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
        let mut doubtful = 0;
        // SAFETY: `block` has room for `samples` rows; the panels hold
        // `pairs * CENTERS` pairs and `CENTERS` norms each; the outputs have
        // whole blocks. The caller vouches for the rest.
        unsafe {
            pack(rows, first, fixed, block);
            let size = [samples, fixed.offset.len()];
            let ahead = Ahead::new(rows, first + samples, size, fixed.count() * pairs);
            let none = [S::W::splat(i32::MAX); VECTORS];
            let mut smallest = Smallest::<S::W, VECTORS> {
                best: none,
                second: none,
            };
            let (scores, tags) = (S::W::splat(!fixed.tags), S::W::splat(fixed.tags));
            for p in 0..fixed.count() {
                let (panel, norms) = (fixed.panel(p), fixed.norms(p));
                let ahead = ahead.after(p * pairs);
                let sums = tile::<S::W, VECTORS, CENTERS>(block, pairs, panel, norms, ahead);
                smallest.take(&sums, scores, p * CENTERS);
            }
            let Smallest { best, second } = smallest;
            let norms = norms::<S::W, VECTORS>(block, pairs);
            let (nothing, doubt) = (S::W::splat(0), S::W::splat(fixed.doubt));
            let largest = S::W::splat(LARGEST_NORM);
            for v in 0..VECTORS {
                let at = first + v * lanes;
                let (best, second, norm) = (best[v], second[v], norms[v]);
                S::put(best, fixed.unit, scratch.best.as_mut_ptr().add(at));
                let index = S::W::tagged(best, tags, nothing);
                S::put_index(index, scratch.index.as_mut_ptr().add(at));
                if SECOND {
                    S::put(second, fixed.unit, scratch.second.as_mut_ptr().add(at));
                    S::put(norm, fixed.square_unit, scratch.norm.as_mut_ptr().add(at));
                }
                // Another center may be as near, or the sample is too far out
                // for the error to be known. Within, neither passes 31 bits.
                let clear = S::W::above(second, best, doubt);
                let beyond = S::W::above(norm, largest, nothing);
                doubtful |= (!clear & lane_bits(lanes) | beyond) << (v * lanes);
            }
        }
        let count = samples.min(rows.count - first);
        let mut doubtful = doubtful & (u64::MAX >> (64 - count));
        while doubtful != 0 {
            scratch
                .doubts
                .push(first as u32 + doubtful.trailing_zeros());
            doubtful &= doubtful - 1;
        }
    }
    fixed.count_doubts(rows.count, scratch.doubts.len());
}

/// A bit for each of so many lanes.
const fn lane_bits(lanes: usize) -> u64 {
    u64::MAX >> (64 - lanes)
}
