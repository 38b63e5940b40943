//! Vectors as arrays: what the compiler makes of them runs everywhere.

use std::marker::PhantomData;

use super::simd::{Simd, transpose_plain};
use crate::Scalar;

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

// SAFETY: needs nothing of the processor; `Sealed::fused` rounds once.
unsafe impl<T: Scalar> Simd for Portable<T> {
    type T = T;
    type V = [T; LANES];
    type M = [bool; LANES];
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
    unsafe fn moved(x: Self::V, scale: Self::V, offset: Self::V) -> Self::V {
        lanes!(i => x[i].fused(scale[i], -offset[i]))
    }

    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        lanes!(i => if a[i] < b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        lanes!(i => if a[i] > b[i] { a[i] } else { b[i] })
    }

    #[inline(always)]
    unsafe fn less(a: Self::V, b: Self::V) -> Self::M {
        lanes!(i => a[i] < b[i])
    }

    #[inline(always)]
    unsafe fn select(mask: Self::M, yes: Self::V, no: Self::V) -> Self::V {
        lanes!(i => if mask[i] { yes[i] } else { no[i] })
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
