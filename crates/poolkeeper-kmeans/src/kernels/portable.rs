//! Vectors as arrays: what the compiler makes of them runs everywhere.

use std::marker::PhantomData;

use super::across::Across;
use super::fixed::{Pairs, Whole};
use super::simd::{Lanes, Simd, transpose_plain};
use crate::Scalar;
use crate::scalar::Lane;

/// Numbers in a vector: NEON has registers of 4 `f32`, and two of them hide latency.
const LANES: usize = 8;

/// No instructions but those of the compiler's target.
#[derive(Clone, Copy)]
pub(crate) struct Portable<T>(PhantomData<T>);

macro_rules! lanes {
    ($i:ident => $value:expr) => {
        std::array::from_fn(
            #[inline(always)]
            |$i| $value,
        )
    };
}

// SAFETY: needs nothing of the processor; `Lane::fused` rounds once.
unsafe impl<T: Lane + 'static> Lanes for Portable<T> {
    type T = T;
    type V = [T; LANES];
    const LANES: usize = LANES;

    #[inline(always)]
    unsafe fn splat(x: T) -> Self::V {
        [x; LANES]
    }

    #[inline(always)]
    unsafe fn load(p: *const T) -> Self::V {
        // SAFETY: the caller has `LANES` numbers at `p`.
        unsafe { p.cast::<Self::V>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(p: *mut T, v: Self::V) {
        // SAFETY: the caller has room for `LANES` numbers at `p`.
        unsafe { p.cast::<Self::V>().write_unaligned(v) }
    }

    #[inline(always)]
    unsafe fn fused(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        lanes!(i => a[i].fused(b[i], c[i]))
    }

    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        lanes!(i => if a[i] < b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        lanes!(i => if a[i] > b[i] { a[i] } else { b[i] })
    }
}

// SAFETY: as above.
unsafe impl<T: Scalar> Simd for Portable<T> {
    type M = [bool; LANES];

    #[inline(always)]
    unsafe fn less(a: Self::V, b: Self::V) -> Self::M {
        lanes!(i => a[i] < b[i])
    }

    #[inline(always)]
    unsafe fn select(mask: Self::M, yes: Self::V, no: Self::V) -> Self::V {
        lanes!(i => if mask[i] { yes[i] } else { no[i] })
    }

    type Wide = Portable<f64>;

    #[inline(always)]
    unsafe fn load_some(p: *const T, count: usize) -> Self::V {
        // SAFETY: the caller has `count` numbers at `p`.
        lanes!(i => if i < count { unsafe { *p.add(i) } } else { T::default() })
    }

    #[inline(always)]
    unsafe fn load_wide(p: *const T) -> [f64; LANES] {
        // SAFETY: the caller has numbers at `p`.
        lanes!(i => unsafe { *p.add(i) }.wide())
    }

    #[inline(always)]
    unsafe fn product_added(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        lanes!(i => a[i] * b[i] + c[i])
    }

    #[inline(always)]
    unsafe fn moved(x: Self::V, scale: Self::V, offset: Self::V) -> Self::V {
        lanes!(i => x[i].fused(scale[i], -offset[i]))
    }

    #[inline(always)]
    unsafe fn transpose(
        rows: *const *const T,
        columns: usize,
        scale: T,
        offset: *const T,
        out: *mut T,
        stride: usize,
    ) {
        // SAFETY: the same promises.
        unsafe { transpose_plain::<T, LANES>(rows, columns, scale, offset, out, stride) }
    }
}

// SAFETY: needs nothing of the processor.
unsafe impl<T: Scalar> Across for Portable<T> {}

// SAFETY: needs nothing of the processor.
unsafe impl Whole for Portable<i32> {
    #[inline(always)]
    unsafe fn above(a: Self::V, b: Self::V, by: Self::V) -> u64 {
        let bit = |i: usize| u64::from(a[i] > b[i].wrapping_add(by[i])) << i;
        (0..LANES).map(bit).sum()
    }

    #[inline(always)]
    unsafe fn tagged(score: Self::V, mask: Self::V, tag: Self::V) -> Self::V {
        lanes!(i => score[i] & mask[i] | tag[i])
    }

    #[inline(always)]
    unsafe fn add_squares(a: Self::V, sum: Self::V) -> Self::V {
        let square = |x: i16| i64::from(x) * i64::from(x);
        lanes!(i => {
            let sum = i64::from(sum[i]) + square(a[i] as i16) + square((a[i] >> 16) as i16);
            sum.min(i64::from(i32::MAX)) as i32
        })
    }
}

// SAFETY: needs nothing of the processor.
unsafe impl<T: Scalar> Pairs for Portable<T> {
    type W = Portable<i32>;
    const CHUNK: usize = 8;

    #[inline(always)]
    unsafe fn put(whole: [i32; LANES], unit: T, out: *mut T) {
        for (i, whole) in whole.into_iter().enumerate() {
            // SAFETY: the caller has room for the lanes.
            unsafe { *out.add(i) = T::of_whole(whole) * unit };
        }
    }

    #[inline(always)]
    unsafe fn put_index(index: [i32; LANES], out: *mut T) {
        for (i, index) in index.into_iter().enumerate() {
            // SAFETY: the caller has room for the lanes.
            unsafe { *out.add(i) = T::from_index(index as u32) };
        }
    }

    #[inline(always)]
    unsafe fn pack(
        row: impl Fn(usize) -> *const T,
        columns: usize,
        scale: T,
        offset: *const T,
        out: *mut i32,
        stride: usize,
    ) {
        for lane in 0..LANES {
            // SAFETY: the caller has `LANES` rows of `columns` numbers, as many
            // offsets, and room for the pairs.
            unsafe {
                let half = |j: usize| {
                    let x = *row(lane).add(j);
                    x.fused(scale, -*offset.add(j)).to_half()
                };
                for j in (0..columns).step_by(2) {
                    let high = if j + 1 < columns { half(j + 1) } else { 0 };
                    let pair = i32::from(half(j) as u16) | i32::from(high) << 16;
                    *out.add(j / 2 * stride + lane) = pair;
                }
            }
        }
    }
}
