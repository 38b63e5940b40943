//! The traits that hide `std::arch`: vectors of numbers, lane by lane.

use crate::Scalar;
use crate::scalar::Lane;

/// A set of instructions for vectors of `T`: what scoring needs of numbers,
/// and of the pairs of [`Whole`](super::fixed::Whole).
///
/// # Safety
///
/// The methods may only be called where the processor has the instructions
/// that the implementation names, and only inlined into a function that
/// enables them. `fused` must round once, so that every set gives the same bits.
pub(crate) unsafe trait Lanes: Copy + 'static {
    /// What a lane holds.
    type T: Lane;
    /// A vector.
    type V: Copy;
    /// Numbers in a vector.
    const LANES: usize;

    /// The same number in every lane.
    unsafe fn splat(x: Self::T) -> Self::V;
    /// `LANES` numbers from `p`, which need not be aligned.
    unsafe fn load(p: *const Self::T) -> Self::V;
    /// `LANES` numbers to `p`, which need not be aligned.
    unsafe fn store(p: *mut Self::T, v: Self::V);
    /// Lane by lane as [`Lane::fused`].
    unsafe fn fused(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The smaller, `b` if they are equal.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// The larger, `b` if they are equal.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
}

/// What else it takes to move samples, to pack them, and to sum them.
///
/// # Safety
///
/// As [`Lanes`].
pub(crate) unsafe trait Simd: Lanes<T: Scalar> {
    /// One truth value a lane.
    type M: Copy;
    /// Where `a < b`.
    unsafe fn less(a: Self::V, b: Self::V) -> Self::M;
    /// `yes` where `mask`, otherwise `no`.
    unsafe fn select(mask: Self::M, yes: Self::V, no: Self::V) -> Self::V;

    /// The same instructions for `f64`.
    type Wide: Lanes<T = f64>;

    /// `count` (at most `LANES`) numbers from `p`, which need not be aligned,
    /// and 0 in the other lanes.
    unsafe fn load_some(p: *const Self::T, count: usize) -> Self::V;
    /// `Wide::LANES` numbers from `p`, which need not be aligned, as `f64`.
    unsafe fn load_wide(p: *const Self::T) -> <Self::Wide as Lanes>::V;
    /// `a * b`, rounded, and `c` added.
    unsafe fn product_added(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// `x * scale - offset`, rounded once.
    unsafe fn moved(x: Self::V, scale: Self::V, offset: Self::V) -> Self::V;
    /// Reads `columns` (at most `LANES`) numbers from each of `LANES` rows and
    /// puts column `i` to `out + i * stride`, times `scale`, minus `offset[i]`.
    unsafe fn transpose(
        rows: *const *const Self::T,
        columns: usize,
        scale: Self::T,
        offset: *const Self::T,
        out: *mut Self::T,
        stride: usize,
    );
}

/// Asks for the memory at `p`, which is wanted soon, to be brought to the
/// first cache if it is `NEAR`, otherwise to the second: processors foresee one
/// stream of numbers, but not the 16 rows of a block. `p` may point anywhere.
#[inline(always)]
pub(crate) fn prefetch<T, const NEAR: bool>(p: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _MM_HINT_T1, _mm_prefetch};
        // SAFETY: every x86-64 processor has it, and it never faults.
        unsafe {
            if NEAR {
                _mm_prefetch::<_MM_HINT_T0>(p.cast());
            } else {
                _mm_prefetch::<_MM_HINT_T1>(p.cast());
            }
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

/// What `Simd::transpose` does, a number at a time.
///
/// # Safety
///
/// As [`Simd::transpose`].
#[inline(always)]
pub(crate) unsafe fn transpose_plain<T: Scalar, const LANES: usize>(
    rows: *const *const T,
    columns: usize,
    scale: T,
    offset: *const T,
    out: *mut T,
    stride: usize,
) {
    for lane in 0..LANES {
        // SAFETY: the caller has `LANES` rows of `columns` numbers, as many
        // offsets, and room for `columns` vectors that lie `stride` apart.
        unsafe {
            let row = *rows.add(lane);
            for i in 0..columns {
                *out.add(i * stride + lane) = (*row.add(i)).fused(scale, -*offset.add(i));
            }
        }
    }
}
