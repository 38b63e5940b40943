//! AVX2 with FMA.

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::across::Across;
use super::simd::{Lanes, Simd, transpose_plain};

/// Registers of 32 bytes. Needs `avx2` and `fma`.
#[derive(Clone, Copy)]
pub(crate) struct Avx2<T>(PhantomData<T>);

// SAFETY: the instructions are those named above; the fused one rounds once.
unsafe impl Lanes for Avx2<f32> {
    type T = f32;
    type V = __m256;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m256 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(p: *const f32) -> __m256 {
        // SAFETY: as above; there are 8 numbers at `p`.
        unsafe { _mm256_loadu_ps(p) }
    }

    #[inline(always)]
    unsafe fn store(p: *mut f32, v: __m256) {
        // SAFETY: as above; there is room for 8 numbers at `p`.
        unsafe { _mm256_storeu_ps(p, v) }
    }

    #[inline(always)]
    unsafe fn fused(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn min(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_min_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_max_ps(a, b) }
    }
}

// SAFETY: as above.
unsafe impl Simd for Avx2<f32> {
    type M = __m256;

    #[inline(always)]
    unsafe fn less(a: __m256, b: __m256) -> __m256 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(a, b) }
    }

    #[inline(always)]
    unsafe fn select(mask: __m256, yes: __m256, no: __m256) -> __m256 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_blendv_ps(no, yes, mask) }
    }

    type Wide = Avx2<f64>;

    #[inline(always)]
    unsafe fn load_some(p: *const f32, count: usize) -> __m256 {
        // SAFETY: the caller has the instructions, and so many numbers at `p`.
        unsafe { _mm256_maskload_ps(p, first_8(count)) }
    }

    #[inline(always)]
    unsafe fn load_wide(p: *const f32) -> __m256d {
        // SAFETY: the caller has the instructions, and numbers at `p`.
        unsafe { _mm256_cvtps_pd(_mm_loadu_ps(p)) }
    }

    #[inline(always)]
    unsafe fn product_added(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_add_ps(_mm256_mul_ps(a, b), c) }
    }

    #[inline(always)]
    unsafe fn moved(x: __m256, scale: __m256, offset: __m256) -> __m256 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_fmsub_ps(x, scale, offset) }
    }

    #[inline(always)]
    unsafe fn transpose(
        rows: *const *const f32,
        columns: usize,
        scale: f32,
        offset: *const f32,
        out: *mut f32,
        stride: usize,
    ) {
        if columns <= 2 {
            // SAFETY: the same promises.
            return unsafe { transpose_plain::<f32, 8>(rows, columns, scale, offset, out, stride) };
        }
        // SAFETY: the caller has the instructions, 8 rows of `columns`
        // numbers, as many offsets, and room for `columns` vectors.
        unsafe {
            let scale = Self::splat(scale);
            let mut v = [scale; 8];
            if columns == 8 {
                for (lane, v) in v.iter_mut().enumerate() {
                    *v = Self::load(*rows.add(lane));
                }
                for (i, v) in transpose_8(v).into_iter().enumerate() {
                    let moved = Self::moved(v, scale, Self::splat(*offset.add(i)));
                    Self::store(out.add(i * stride), moved);
                }
                return;
            }
            for (lane, v) in v.iter_mut().enumerate() {
                let row = *rows.add(lane);
                *v = Self::load_some(row, columns);
            }
            for (i, v) in transpose_8(v).into_iter().enumerate().take(columns) {
                let moved = Self::moved(v, scale, Self::splat(*offset.add(i)));
                Self::store(out.add(i * stride), moved);
            }
        }
    }
}

// SAFETY: the instructions are those named above; the fused one rounds once.
unsafe impl Lanes for Avx2<f64> {
    type T = f64;
    type V = __m256d;
    const LANES: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f64) -> __m256d {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_set1_pd(x) }
    }

    #[inline(always)]
    unsafe fn load(p: *const f64) -> __m256d {
        // SAFETY: as above; there are 4 numbers at `p`.
        unsafe { _mm256_loadu_pd(p) }
    }

    #[inline(always)]
    unsafe fn store(p: *mut f64, v: __m256d) {
        // SAFETY: as above; there is room for 4 numbers at `p`.
        unsafe { _mm256_storeu_pd(p, v) }
    }

    #[inline(always)]
    unsafe fn fused(a: __m256d, b: __m256d, c: __m256d) -> __m256d {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_fmadd_pd(a, b, c) }
    }

    #[inline(always)]
    unsafe fn min(a: __m256d, b: __m256d) -> __m256d {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_min_pd(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m256d, b: __m256d) -> __m256d {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_max_pd(a, b) }
    }
}

// SAFETY: as above.
unsafe impl Simd for Avx2<f64> {
    type M = __m256d;

    #[inline(always)]
    unsafe fn less(a: __m256d, b: __m256d) -> __m256d {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_cmp_pd::<_CMP_LT_OQ>(a, b) }
    }

    #[inline(always)]
    unsafe fn select(mask: __m256d, yes: __m256d, no: __m256d) -> __m256d {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_blendv_pd(no, yes, mask) }
    }

    type Wide = Self;

    #[inline(always)]
    unsafe fn load_some(p: *const f64, count: usize) -> __m256d {
        // SAFETY: the caller has the instructions, and so many numbers at `p`.
        unsafe { _mm256_maskload_pd(p, first_4(count)) }
    }

    #[inline(always)]
    unsafe fn load_wide(p: *const f64) -> __m256d {
        // SAFETY: the caller has the instructions, and numbers at `p`.
        unsafe { _mm256_loadu_pd(p) }
    }

    #[inline(always)]
    unsafe fn product_added(a: __m256d, b: __m256d, c: __m256d) -> __m256d {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_add_pd(_mm256_mul_pd(a, b), c) }
    }

    #[inline(always)]
    unsafe fn moved(x: __m256d, scale: __m256d, offset: __m256d) -> __m256d {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_fmsub_pd(x, scale, offset) }
    }

    #[inline(always)]
    unsafe fn transpose(
        rows: *const *const f64,
        columns: usize,
        scale: f64,
        offset: *const f64,
        out: *mut f64,
        stride: usize,
    ) {
        if columns <= 1 {
            // SAFETY: the same promises.
            return unsafe { transpose_plain::<f64, 4>(rows, columns, scale, offset, out, stride) };
        }
        // SAFETY: the caller has the instructions, 4 rows of `columns`
        // numbers, as many offsets, and room for `columns` vectors.
        unsafe {
            let scale = Self::splat(scale);
            let mut v = [scale; 4];
            if columns == 4 {
                for (lane, v) in v.iter_mut().enumerate() {
                    *v = Self::load(*rows.add(lane));
                }
                for (i, v) in transpose_4(v).into_iter().enumerate() {
                    let moved = Self::moved(v, scale, Self::splat(*offset.add(i)));
                    Self::store(out.add(i * stride), moved);
                }
                return;
            }
            for (lane, v) in v.iter_mut().enumerate() {
                let row = *rows.add(lane);
                *v = Self::load_some(row, columns);
            }
            for (i, v) in transpose_4(v).into_iter().enumerate().take(columns) {
                let moved = Self::moved(v, scale, Self::splat(*offset.add(i)));
                Self::store(out.add(i * stride), moved);
            }
        }
    }
}

// SAFETY: as above.
unsafe impl Across for Avx2<f32> {}

// SAFETY: as above.
unsafe impl Across for Avx2<f64> {}

/// A mask of the first `count` lanes of 8.
///
/// # Safety
///
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn first_8(count: usize) -> __m256i {
    // SAFETY: the caller has the instructions.
    unsafe {
        let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lane)
    }
}

/// A mask of the first `count` lanes of 4.
///
/// # Safety
///
/// The processor has AVX2.
#[inline(always)]
pub(super) unsafe fn first_4(count: usize) -> __m256i {
    // SAFETY: the caller has the instructions.
    unsafe {
        let lane = _mm256_setr_epi64x(0, 1, 2, 3);
        _mm256_cmpgt_epi64(_mm256_set1_epi64x(count as i64), lane)
    }
}

/// Rows to columns, in three rounds: pairs, fours, then 16-byte parts.
///
/// # Safety
///
/// The processor has AVX2.
#[inline(always)]
unsafe fn transpose_8(r: [__m256; 8]) -> [__m256; 8] {
    let mut t = r;
    let mut u = r;
    // SAFETY: the caller has the instructions.
    unsafe {
        for i in 0..4 {
            t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
            t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
        }
        for i in 0..2 {
            let four = 4 * i;
            u[four] = _mm256_shuffle_ps::<0x44>(t[four], t[four + 2]);
            u[four + 1] = _mm256_shuffle_ps::<0xee>(t[four], t[four + 2]);
            u[four + 2] = _mm256_shuffle_ps::<0x44>(t[four + 1], t[four + 3]);
            u[four + 3] = _mm256_shuffle_ps::<0xee>(t[four + 1], t[four + 3]);
        }
        for i in 0..4 {
            t[i] = _mm256_permute2f128_ps::<0x20>(u[i], u[i + 4]);
            t[i + 4] = _mm256_permute2f128_ps::<0x31>(u[i], u[i + 4]);
        }
    }
    t
}

/// Rows to columns, in two rounds.
///
/// # Safety
///
/// The processor has AVX2.
#[inline(always)]
unsafe fn transpose_4(r: [__m256d; 4]) -> [__m256d; 4] {
    // SAFETY: the caller has the instructions.
    unsafe {
        let t = [
            _mm256_unpacklo_pd(r[0], r[1]),
            _mm256_unpackhi_pd(r[0], r[1]),
            _mm256_unpacklo_pd(r[2], r[3]),
            _mm256_unpackhi_pd(r[2], r[3]),
        ];
        [
            _mm256_permute2f128_pd::<0x20>(t[0], t[2]),
            _mm256_permute2f128_pd::<0x20>(t[1], t[3]),
            _mm256_permute2f128_pd::<0x31>(t[0], t[2]),
            _mm256_permute2f128_pd::<0x31>(t[1], t[3]),
        ]
    }
}
