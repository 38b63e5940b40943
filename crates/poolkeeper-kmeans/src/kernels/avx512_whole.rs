//! Whole numbers with AVX-512: AVX512_VNNI beside AVX512F.

use std::arch::x86_64::*;

use super::avx512::Avx512;
use super::fixed::{Pairs, Whole};
use super::simd::Lanes;

// SAFETY: the instructions are `avx512f` and `avx512vnni`.
unsafe impl Lanes for Avx512<i32> {
    type T = i32;
    type V = __m512i;
    const LANES: usize = 16;

    #[inline(always)]
    unsafe fn splat(x: i32) -> __m512i {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_set1_epi32(x) }
    }

    #[inline(always)]
    unsafe fn load(p: *const i32) -> __m512i {
        // SAFETY: as above; there are 16 numbers at `p`.
        unsafe { _mm512_loadu_epi32(p) }
    }

    #[inline(always)]
    unsafe fn store(p: *mut i32, v: __m512i) {
        // SAFETY: as above; there is room for 16 numbers at `p`.
        unsafe { _mm512_storeu_epi32(p, v) }
    }

    #[inline(always)]
    unsafe fn fused(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_dpwssd_epi32(c, a, b) }
    }

    #[inline(always)]
    unsafe fn min(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_min_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_max_epi32(a, b) }
    }
}

// SAFETY: as above.
unsafe impl Whole for Avx512<i32> {
    #[inline(always)]
    unsafe fn above(a: __m512i, b: __m512i, by: __m512i) -> u64 {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_cmpgt_epi32_mask(a, _mm512_add_epi32(b, by)).into() }
    }

    #[inline(always)]
    unsafe fn tagged(score: __m512i, mask: __m512i, tag: __m512i) -> __m512i {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_ternarylogic_epi32::<0xf8>(tag, score, mask) }
    }

    #[inline(always)]
    unsafe fn add_squares(a: __m512i, sum: __m512i) -> __m512i {
        // SAFETY: the caller has the instructions.
        unsafe { _mm512_dpwssds_epi32(sum, a, a) }
    }
}

// SAFETY: as above, and AVX512BW.
unsafe impl Pairs for Avx512<f32> {
    type W = Avx512<i32>;
    const CHUNK: usize = 16;

    #[inline(always)]
    unsafe fn put(whole: __m512i, unit: f32, out: *mut f32) {
        // SAFETY: the caller has the instructions, and room for the lanes.
        unsafe {
            let numbers = _mm512_cvtepi32_ps(whole);
            _mm512_storeu_ps(out, _mm512_mul_ps(numbers, _mm512_set1_ps(unit)));
        }
    }

    #[inline(always)]
    unsafe fn put_index(index: __m512i, out: *mut f32) {
        // SAFETY: as above.
        unsafe { _mm512_storeu_epi32(out.cast(), index) }
    }

    #[inline(always)]
    unsafe fn pack(
        row: impl Fn(usize) -> *const f32,
        columns: usize,
        scale: f32,
        offset: *const f32,
        out: *mut i32,
        stride: usize,
    ) {
        // SAFETY: the caller has the instructions, 16 rows of `columns`
        // numbers, as many offsets, and room for the pairs.
        unsafe {
            let scale = _mm512_set1_ps(scale);
            let mask = u16::MAX >> (16 - columns);
            let zero = _mm512_setzero_si512();
            if columns <= 8 {
                let offset = _mm512_maskz_loadu_ps(mask, offset);
                let offset = _mm512_shuffle_f32x4::<0x44>(offset, offset);
                let mut rows = [zero; 4];
                for (i, rows) in rows.iter_mut().enumerate() {
                    let mut two = [zero; 2];
                    for (j, two) in two.iter_mut().enumerate() {
                        let low = _mm256_maskz_loadu_ps(mask as u8, row(i + 8 * j));
                        let high = _mm256_maskz_loadu_ps(mask as u8, row(i + 8 * j + 4));
                        let both = _mm512_insertf32x8::<1>(_mm512_castps256_ps512(low), high);
                        *two = _mm512_cvtps_epi32(_mm512_fmsub_ps(both, scale, offset));
                    }
                    *rows = join(two);
                }
                return put_pairs(rows, columns, out, stride);
            }
            let offset = _mm512_maskz_loadu_ps(mask, offset);
            let mut rows = [[zero; 4]; 2];
            for i in 0..4 {
                let mut four = [zero; 4];
                for (j, four) in four.iter_mut().enumerate() {
                    let row = _mm512_maskz_loadu_ps(mask, row(i + 4 * j));
                    *four = _mm512_cvtps_epi32(_mm512_fmsub_ps(row, scale, offset));
                }
                let [a, b, c, d] = four;
                let (first, last) = (_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
                let [left, right] = &mut rows;
                let from = _mm512_setr_epi64(0, 2, 1, 3, 8, 10, 9, 11);
                left[i] = _mm512_permutex2var_epi64(first, from, last);
                let from = _mm512_setr_epi64(4, 6, 5, 7, 12, 14, 13, 15);
                right[i] = _mm512_permutex2var_epi64(first, from, last);
            }
            put_pairs(rows[0], 8, out, stride);
            put_pairs(rows[1], columns - 8, out.add(4 * stride), stride);
        }
    }
}

// SAFETY: as above.
unsafe impl Pairs for Avx512<f64> {
    type W = Avx512<i32>;
    const CHUNK: usize = 8;

    #[inline(always)]
    unsafe fn put(whole: __m512i, unit: f64, out: *mut f64) {
        // SAFETY: the caller has the instructions, and room for the lanes.
        unsafe {
            let halves = [
                _mm512_castsi512_si256(whole),
                _mm512_extracti64x4_epi64::<1>(whole),
            ];
            for (i, half) in halves.into_iter().enumerate() {
                let numbers = _mm512_cvtepi32_pd(half);
                let numbers = _mm512_mul_pd(numbers, _mm512_set1_pd(unit));
                _mm512_storeu_pd(out.add(8 * i), numbers);
            }
        }
    }

    #[inline(always)]
    unsafe fn put_index(index: __m512i, out: *mut f64) {
        // SAFETY: as above.
        unsafe {
            let halves = [
                _mm512_castsi512_si256(index),
                _mm512_extracti64x4_epi64::<1>(index),
            ];
            for (i, half) in halves.into_iter().enumerate() {
                _mm512_storeu_epi64(out.add(8 * i).cast(), _mm512_cvtepu32_epi64(half));
            }
        }
    }

    #[inline(always)]
    unsafe fn pack(
        row: impl Fn(usize) -> *const f64,
        columns: usize,
        scale: f64,
        offset: *const f64,
        out: *mut i32,
        stride: usize,
    ) {
        // SAFETY: the caller has the instructions, 16 rows of `columns`
        // numbers, as many offsets, and room for the pairs.
        unsafe {
            let scale = _mm512_set1_pd(scale);
            let mask = u8::MAX >> (8 - columns);
            let offset = _mm512_maskz_loadu_pd(mask, offset);
            let zero = _mm512_setzero_si512();
            let mut rows = [zero; 4];
            for (i, rows) in rows.iter_mut().enumerate() {
                let mut two = [zero; 2];
                for (j, two) in two.iter_mut().enumerate() {
                    let low = _mm512_maskz_loadu_pd(mask, row(i + 8 * j));
                    let high = _mm512_maskz_loadu_pd(mask, row(i + 8 * j + 4));
                    let low = _mm512_cvtpd_epi32(_mm512_fmsub_pd(low, scale, offset));
                    let high = _mm512_cvtpd_epi32(_mm512_fmsub_pd(high, scale, offset));
                    *two = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
                }
                *rows = join(two);
            }
            put_pairs(rows, columns, out, stride);
        }
    }
}

/// Four rows of 8 columns, of which two lie in 32 bytes each, in 16 bytes each.
///
/// # Safety
///
/// The processor has AVX512F and AVX512BW.
#[inline(always)]
unsafe fn join([a, b]: [__m512i; 2]) -> __m512i {
    // SAFETY: the caller has the instructions.
    unsafe {
        let parts = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
        _mm512_permutexvar_epi64(parts, _mm512_packs_epi32(a, b))
    }
}

/// Writes the pairs of up to 8 columns. Row `i + 4 j` lies in part `j` of
/// `rows[i]`.
///
/// # Safety
///
/// The processor has AVX512F; there is room for the pairs.
#[inline(always)]
unsafe fn put_pairs(rows: [__m512i; 4], columns: usize, out: *mut i32, stride: usize) {
    // SAFETY: the caller vouches for both.
    unsafe {
        let [a, b, c, d] = rows;
        let (low, high) = (_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        let (more_low, more_high) = (_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        let pairs = [
            _mm512_unpacklo_epi64(low, more_low),
            _mm512_unpackhi_epi64(low, more_low),
            _mm512_unpacklo_epi64(high, more_high),
            _mm512_unpackhi_epi64(high, more_high),
        ];
        for (i, pair) in pairs.into_iter().enumerate().take(columns.div_ceil(2)) {
            Avx512::<i32>::store(out.add(i * stride), pair);
        }
    }
}
