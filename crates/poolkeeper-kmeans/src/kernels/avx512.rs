//! AVX-512: AVX512F, and AVX512DQ beside it.

use std::arch::x86_64::*;
use std::marker::PhantomData;

use super::across::Across;
use super::simd::{Lanes, Simd, transpose_plain};

/// Registers of 64 bytes. Needs `avx512f`.
#[derive(Clone, Copy)]
pub(crate) struct Avx512<T>(PhantomData<T>);

// SAFETY: the instructions are those named above; the fused one rounds once.
unsafe impl Lanes for Avx512<f32> {
    type T = f32;
    type V = __m512;
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m512 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn load(p: *const f32) -> __m512 {
        // SAFETY: as above; there are 16 numbers at `p`.
        unsafe { _mm512_loadu_ps(p) }
    }

    #[inline(always)]
    unsafe fn store(p: *mut f32, v: __m512) {
        // SAFETY: as above; there is room for 16 numbers at `p`.
        unsafe { _mm512_storeu_ps(p, v) }
    }

    #[inline(always)]
    unsafe fn fused(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn min(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_min_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_max_ps(a, b) }
    }
}

// SAFETY: as above.
unsafe impl Simd for Avx512<f32> {
    type M = __mmask16;

    #[inline(always)]
    unsafe fn less(a: __m512, b: __m512) -> __mmask16 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b) }
    }

    #[inline(always)]
    unsafe fn select(mask: __mmask16, yes: __m512, no: __m512) -> __m512 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_mask_blend_ps(mask, no, yes) }
    }

    type Wide = Avx512<f64>;

    #[inline(always)]
    unsafe fn load_some(p: *const f32, count: usize) -> __m512 {
        // SAFETY: the caller has the instructions, and so many numbers at `p`.
        unsafe { _mm512_maskz_loadu_ps(((1_u32 << count) - 1) as __mmask16, p) }
    }

    #[inline(always)]
    unsafe fn load_wide(p: *const f32) -> __m512d {
        // SAFETY: the caller has the instructions, and numbers at `p`.
        unsafe { _mm512_cvtps_pd(_mm256_loadu_ps(p)) }
    }

    #[inline(always)]
    unsafe fn product_added(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_add_ps(_mm512_mul_ps(a, b), c) }
    }

    #[inline(always)]
    unsafe fn moved(x: __m512, scale: __m512, offset: __m512) -> __m512 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_fmsub_ps(x, scale, offset) }
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
        if columns <= 4 {
            // SAFETY: the same promises.
            return unsafe {
                transpose_plain::<f32, 16>(rows, columns, scale, offset, out, stride)
            };
        }
        // SAFETY: the caller has the instructions, 16 rows of `columns`
        // numbers, as many offsets, and room for `columns` vectors.
        unsafe {
            let scale = Self::splat(scale);
            let mut v = [scale; 16];
            if columns == 16 {
                for (lane, v) in v.iter_mut().enumerate() {
                    *v = Self::load(*rows.add(lane));
                }
                for (i, v) in transpose_16(v).into_iter().enumerate() {
                    let moved = Self::moved(v, scale, Self::splat(*offset.add(i)));
                    Self::store(out.add(i * stride), moved);
                }
                return;
            }
            for (lane, v) in v.iter_mut().enumerate() {
                let row = *rows.add(lane);
                *v = Self::load_some(row, columns);
            }
            for (i, v) in transpose_16(v).into_iter().enumerate().take(columns) {
                let moved = Self::moved(v, scale, Self::splat(*offset.add(i)));
                Self::store(out.add(i * stride), moved);
            }
        }
    }
}

// SAFETY: as above.
unsafe impl Across for Avx512<f32> {
    const SAMPLES: usize = 2;

    #[inline(always)]
    unsafe fn put(of: impl Fn(usize) -> __m512, out: *mut f32) {
        // SAFETY: the caller has the instructions, and room for 32 numbers.
        unsafe {
            let (a, b) = (of(0), of(1));
            let low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
            Self::store(out, _mm512_permutex2var_ps(a, low, b));
            Self::store(out.add(16), _mm512_permutex2var_ps(a, high, b));
        }
    }

    #[inline(always)]
    unsafe fn for_all(p: *const f32) -> __m512 {
        // SAFETY: the caller has the instructions, and two numbers at `p`.
        unsafe { _mm512_castpd_ps(_mm512_set1_pd(p.cast::<f64>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn of_each(p: *const f32) -> __m512 {
        // SAFETY: the caller has the instructions, and 8 numbers at `p`.
        unsafe {
            let twice = _mm512_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
            _mm512_permutexvar_ps(twice, _mm512_castps256_ps512(_mm256_loadu_ps(p)))
        }
    }

    #[inline(always)]
    unsafe fn apart(v: __m512) -> __m512 {
        // SAFETY: the caller has the instructions.
        unsafe {
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
            _mm512_permutexvar_ps(even, v)
        }
    }
}

// SAFETY: the instructions are those named above; the fused one rounds once.
unsafe impl Lanes for Avx512<f64> {
    type T = f64;
    type V = __m512d;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(x: f64) -> __m512d {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_set1_pd(x) }
    }

    #[inline(always)]
    unsafe fn load(p: *const f64) -> __m512d {
        // SAFETY: as above; there are 8 numbers at `p`.
        unsafe { _mm512_loadu_pd(p) }
    }

    #[inline(always)]
    unsafe fn store(p: *mut f64, v: __m512d) {
        // SAFETY: as above; there is room for 8 numbers at `p`.
        unsafe { _mm512_storeu_pd(p, v) }
    }

    #[inline(always)]
    unsafe fn fused(a: __m512d, b: __m512d, c: __m512d) -> __m512d {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_fmadd_pd(a, b, c) }
    }

    #[inline(always)]
    unsafe fn min(a: __m512d, b: __m512d) -> __m512d {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_min_pd(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m512d, b: __m512d) -> __m512d {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_max_pd(a, b) }
    }
}

// SAFETY: as above.
unsafe impl Simd for Avx512<f64> {
    type M = __mmask8;

    #[inline(always)]
    unsafe fn less(a: __m512d, b: __m512d) -> __mmask8 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_cmp_pd_mask::<_CMP_LT_OQ>(a, b) }
    }

    #[inline(always)]
    unsafe fn select(mask: __mmask8, yes: __m512d, no: __m512d) -> __m512d {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_mask_blend_pd(mask, no, yes) }
    }

    type Wide = Self;

    #[inline(always)]
    unsafe fn load_some(p: *const f64, count: usize) -> __m512d {
        // SAFETY: the caller has the instructions, and so many numbers at `p`.
        unsafe { _mm512_maskz_loadu_pd(((1_u32 << count) - 1) as __mmask8, p) }
    }

    #[inline(always)]
    unsafe fn load_wide(p: *const f64) -> __m512d {
        // SAFETY: the caller has the instructions, and numbers at `p`.
        unsafe { _mm512_loadu_pd(p) }
    }

    #[inline(always)]
    unsafe fn product_added(a: __m512d, b: __m512d, c: __m512d) -> __m512d {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_add_pd(_mm512_mul_pd(a, b), c) }
    }

    #[inline(always)]
    unsafe fn moved(x: __m512d, scale: __m512d, offset: __m512d) -> __m512d {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_fmsub_pd(x, scale, offset) }
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
        if columns <= 2 {
            // SAFETY: the same promises.
            return unsafe { transpose_plain::<f64, 8>(rows, columns, scale, offset, out, stride) };
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

// SAFETY: as above.
unsafe impl Across for Avx512<f64> {}

/// Rows to columns, in four rounds: pairs, fours, then 16-byte parts.
///
/// # Safety
///
/// The processor has AVX512F.
#[inline(always)]
unsafe fn transpose_16(r: [__m512; 16]) -> [__m512; 16] {
    let mut t = r;
    let mut u = r;
    // SAFETY: the caller has the instructions.
    unsafe {
        for i in 0..8 {
            t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
            t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
        }
        for i in 0..4 {
            let four = 4 * i;
            u[four] = _mm512_shuffle_ps::<0x44>(t[four], t[four + 2]);
            u[four + 1] = _mm512_shuffle_ps::<0xee>(t[four], t[four + 2]);
            u[four + 2] = _mm512_shuffle_ps::<0x44>(t[four + 1], t[four + 3]);
            u[four + 3] = _mm512_shuffle_ps::<0xee>(t[four + 1], t[four + 3]);
        }
        for i in 0..4 {
            t[i] = _mm512_shuffle_f32x4::<0x88>(u[i], u[i + 4]);
            t[i + 4] = _mm512_shuffle_f32x4::<0xdd>(u[i], u[i + 4]);
            t[i + 8] = _mm512_shuffle_f32x4::<0x88>(u[i + 8], u[i + 12]);
            t[i + 12] = _mm512_shuffle_f32x4::<0xdd>(u[i + 8], u[i + 12]);
        }
        for i in 0..4 {
            u[i] = _mm512_shuffle_f32x4::<0x88>(t[i], t[i + 8]);
            u[i + 8] = _mm512_shuffle_f32x4::<0xdd>(t[i], t[i + 8]);
            u[i + 4] = _mm512_shuffle_f32x4::<0x88>(t[i + 4], t[i + 12]);
            u[i + 12] = _mm512_shuffle_f32x4::<0xdd>(t[i + 4], t[i + 12]);
        }
    }
    u
}

/// Rows to columns, in three rounds.
///
/// # Safety
///
/// The processor has AVX512F.
#[inline(always)]
unsafe fn transpose_8(r: [__m512d; 8]) -> [__m512d; 8] {
    let mut t = r;
    let mut u = r;
    // SAFETY: the caller has the instructions.
    unsafe {
        for i in 0..4 {
            t[2 * i] = _mm512_unpacklo_pd(r[2 * i], r[2 * i + 1]);
            t[2 * i + 1] = _mm512_unpackhi_pd(r[2 * i], r[2 * i + 1]);
        }
        for i in 0..2 {
            u[i] = _mm512_shuffle_f64x2::<0x88>(t[i], t[i + 2]);
            u[i + 2] = _mm512_shuffle_f64x2::<0xdd>(t[i], t[i + 2]);
            u[i + 4] = _mm512_shuffle_f64x2::<0x88>(t[i + 4], t[i + 6]);
            u[i + 6] = _mm512_shuffle_f64x2::<0xdd>(t[i + 4], t[i + 6]);
        }
        for i in 0..2 {
            t[i] = _mm512_shuffle_f64x2::<0x88>(u[i], u[i + 4]);
            t[i + 4] = _mm512_shuffle_f64x2::<0xdd>(u[i], u[i + 4]);
            t[i + 2] = _mm512_shuffle_f64x2::<0x88>(u[i + 2], u[i + 6]);
            t[i + 6] = _mm512_shuffle_f64x2::<0xdd>(u[i + 2], u[i + 6]);
        }
    }
    t
}
