//! Whole numbers with AVX2.

use std::arch::x86_64::*;

use super::avx2::{Avx2, first_4, first_8};
use super::fixed::{Pairs, Whole};
use super::simd::Lanes;

// SAFETY: the instructions are `avx2`.
unsafe impl Lanes for Avx2<i32> {
    type T = i32;
    type V = __m256i;
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(x: i32) -> __m256i {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_set1_epi32(x) }
    }

    #[inline(always)]
    unsafe fn load(p: *const i32) -> __m256i {
        // SAFETY: as above; there are 8 numbers at `p`.
        unsafe { _mm256_loadu_si256(p.cast()) }
    }

    #[inline(always)]
    unsafe fn store(p: *mut i32, v: __m256i) {
        // SAFETY: as above; there is room for 8 numbers at `p`.
        unsafe { _mm256_storeu_si256(p.cast(), v) }
    }

    #[inline(always)]
    unsafe fn fused(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_add_epi32(c, _mm256_madd_epi16(a, b)) }
    }

    #[inline(always)]
    unsafe fn min(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_min_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn max(a: __m256i, b: __m256i) -> __m256i {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_max_epi32(a, b) }
    }
}

// SAFETY: as above.
unsafe impl Whole for Avx2<i32> {
    #[inline(always)]
    unsafe fn above(a: __m256i, b: __m256i, by: __m256i) -> u64 {
        // SAFETY: the caller has the instructions.
        unsafe {
            let above = _mm256_cmpgt_epi32(a, _mm256_add_epi32(b, by));
            _mm256_movemask_ps(_mm256_castsi256_ps(above)) as u64
        }
    }

    #[inline(always)]
    unsafe fn tagged(score: __m256i, mask: __m256i, tag: __m256i) -> __m256i {
        // SAFETY: the caller has the instructions.
        unsafe { _mm256_or_si256(_mm256_and_si256(score, mask), tag) }
    }

    #[inline(always)]
    unsafe fn add_squares(a: __m256i, sum: __m256i) -> __m256i {
        // SAFETY: the caller has the instructions.
        unsafe {
            // Without a sign neither the squares nor the sum pass 32 bits.
            let sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a, a));
            _mm256_min_epu32(sum, _mm256_set1_epi32(i32::MAX))
        }
    }
}

// SAFETY: as above; it needs `fma`, too.
unsafe impl Pairs for Avx2<f32> {
    type W = Avx2<i32>;
    const CHUNK: usize = 8;

    #[inline(always)]
    unsafe fn put(whole: __m256i, unit: f32, out: *mut f32) {
        // SAFETY: the caller has the instructions, and room for the lanes.
        unsafe {
            let numbers = _mm256_cvtepi32_ps(whole);
            _mm256_storeu_ps(out, _mm256_mul_ps(numbers, _mm256_set1_ps(unit)));
        }
    }

    #[inline(always)]
    unsafe fn put_index(index: __m256i, out: *mut f32) {
        // SAFETY: as above.
        unsafe { _mm256_storeu_si256(out.cast(), index) }
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
        // SAFETY: the caller has the instructions, 8 rows of `columns`
        // numbers, as many offsets, and room for the pairs.
        unsafe {
            let (scale, mask) = (_mm256_set1_ps(scale), first_8(columns));
            let offset = _mm256_maskload_ps(offset, mask);
            let mut rows = [_mm256_setzero_si256(); 8];
            for (i, to) in rows.iter_mut().enumerate() {
                let row = _mm256_maskload_ps(row(i), mask);
                *to = _mm256_cvtps_epi32(_mm256_fmsub_ps(row, scale, offset));
            }
            put_pairs(rows, columns, out, stride);
        }
    }
}

// SAFETY: as above.
unsafe impl Pairs for Avx2<f64> {
    type W = Avx2<i32>;
    const CHUNK: usize = 8;

    #[inline(always)]
    unsafe fn put(whole: __m256i, unit: f64, out: *mut f64) {
        // SAFETY: the caller has the instructions, and room for the lanes.
        unsafe {
            let halves = [
                _mm256_castsi256_si128(whole),
                _mm256_extracti128_si256::<1>(whole),
            ];
            for (i, half) in halves.into_iter().enumerate() {
                let numbers = _mm256_cvtepi32_pd(half);
                let numbers = _mm256_mul_pd(numbers, _mm256_set1_pd(unit));
                _mm256_storeu_pd(out.add(4 * i), numbers);
            }
        }
    }

    #[inline(always)]
    unsafe fn put_index(index: __m256i, out: *mut f64) {
        // SAFETY: as above.
        unsafe {
            let halves = [
                _mm256_castsi256_si128(index),
                _mm256_extracti128_si256::<1>(index),
            ];
            for (i, half) in halves.into_iter().enumerate() {
                _mm256_storeu_si256(out.add(4 * i).cast(), _mm256_cvtepu32_epi64(half));
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
        // SAFETY: the caller has the instructions, 8 rows of `columns`
        // numbers, as many offsets, and room for the pairs.
        unsafe {
            let scale = _mm256_set1_pd(scale);
            let masks = [first_4(columns.min(4)), first_4(columns.saturating_sub(4))];
            let offsets = [
                _mm256_maskload_pd(offset, masks[0]),
                _mm256_maskload_pd(offset.wrapping_add(4), masks[1]),
            ];
            let mut rows = [_mm256_setzero_si256(); 8];
            for (i, to) in rows.iter_mut().enumerate() {
                let low = _mm256_maskload_pd(row(i), masks[0]);
                let high = _mm256_maskload_pd(row(i).wrapping_add(4), masks[1]);
                let low = _mm256_cvtpd_epi32(_mm256_fmsub_pd(low, scale, offsets[0]));
                let high = _mm256_cvtpd_epi32(_mm256_fmsub_pd(high, scale, offsets[1]));
                *to = _mm256_set_m128i(high, low);
            }
            put_pairs(rows, columns, out, stride);
        }
    }
}

/// Writes the pairs of up to 8 columns of 8 rows.
///
/// # Safety
///
/// The processor has AVX2; there is room for the pairs.
#[inline(always)]
unsafe fn put_pairs(rows: [__m256i; 8], columns: usize, out: *mut i32, stride: usize) {
    // SAFETY: the caller vouches for both.
    unsafe {
        // Rows `i` and `i + 4`, each in 16 bytes.
        let mut two = [rows[0]; 4];
        for (i, two) in two.iter_mut().enumerate() {
            let both = _mm256_packs_epi32(rows[i], rows[i + 4]);
            *two = _mm256_permute4x64_epi64::<0b11_01_10_00>(both);
        }
        let [a, b, c, d] = two;
        let (low, high) = (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
        let (more_low, more_high) = (_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
        let pairs = [
            _mm256_unpacklo_epi64(low, more_low),
            _mm256_unpackhi_epi64(low, more_low),
            _mm256_unpacklo_epi64(high, more_high),
            _mm256_unpackhi_epi64(high, more_high),
        ];
        for (i, pair) in pairs.into_iter().enumerate().take(columns.div_ceil(2)) {
            Avx2::<i32>::store(out.add(i * stride), pair);
        }
    }
}
