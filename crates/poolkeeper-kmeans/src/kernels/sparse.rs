//! The nearest center to a sparse row: each number that is stored is multiplied with its
//! column of all centers, and the scores stay in registers from the first to the last.

use super::simd::Simd;
use crate::scalar::Sealed;

/// Numbers that must follow the last column of the centers, and infinities that must follow
/// the last norm: the last vector of a column reads past its end.
pub(crate) const SLACK: usize = 16;

/// Vectors of scores that are kept in registers.
const MOST: usize = 8;

/// Centers column by column, each of `k` numbers, with `|c|²`.
pub(crate) struct Centers<'a, T> {
    pub(crate) k: usize,
    pub(crate) values: &'a [T],
    pub(crate) norms: &'a [T],
}

/// The type of [`nearest`].
pub(crate) type NearestSparse<T> = unsafe fn(&[(usize, T)], &Centers<T>) -> usize;

/// The smallest score in each lane, and which vector had it.
struct Best<S: Simd> {
    score: S::V,
    vector: S::V,
}

/// The first center with the smallest score `norm + x * c + x * c + ...`, nothing fused; 0
/// if no score is less than infinite. A row is where its columns begin among the centers'
/// numbers, and its own numbers.
///
/// # Safety
///
/// The processor has the instructions of `S`. `k` numbers begin where the row says, and
/// `SLACK` numbers follow the last of them, and of the norms.
#[inline(always)]
pub(crate) unsafe fn nearest<S: Simd>(row: &[(usize, S::T)], centers: &Centers<S::T>) -> usize {
    const { assert!(S::LANES <= SLACK) };
    let vectors = centers.k.div_ceil(S::LANES);
    // SAFETY: the caller's promises are those of `sweep`.
    unsafe {
        let mut best = Best {
            score: S::splat(S::T::INFINITY),
            vector: S::splat(S::T::from_index(0)),
        };
        let mut first = 0;
        while vectors - first >= MOST {
            sweep::<S, MOST>(row, centers, first, &mut best);
            first += MOST;
        }
        match vectors - first {
            0 => {}
            1 => sweep::<S, 1>(row, centers, first, &mut best),
            2 => sweep::<S, 2>(row, centers, first, &mut best),
            3 => sweep::<S, 3>(row, centers, first, &mut best),
            4 => sweep::<S, 4>(row, centers, first, &mut best),
            5 => sweep::<S, 5>(row, centers, first, &mut best),
            6 => sweep::<S, 6>(row, centers, first, &mut best),
            _ => sweep::<S, 7>(row, centers, first, &mut best),
        }
        let (mut scores, mut of) = ([S::T::INFINITY; SLACK], [S::T::from_index(0); SLACK]);
        S::store(scores.as_mut_ptr(), best.score);
        S::store(of.as_mut_ptr(), best.vector);
        let mut found = (S::T::INFINITY, 0);
        for (lane, (&score, vector)) in scores.iter().zip(of).enumerate().take(S::LANES) {
            let center = vector.to_index() as usize * S::LANES + lane;
            if score < found.0 || score == found.0 && center < found.1 {
                found = (score, center);
            }
        }
        found.1
    }
}

/// The scores of `N` vectors of centers.
///
/// # Safety
///
/// As [`nearest`]; the last of these vectors begins below `k`.
#[inline(always)]
unsafe fn sweep<S: Simd, const N: usize>(
    row: &[(usize, S::T)],
    centers: &Centers<S::T>,
    first: usize,
    best: &mut Best<S>,
) {
    // SAFETY: by the caller's promises all that is read is there.
    unsafe {
        let norms = centers.norms.as_ptr().add(first * S::LANES);
        let values = centers.values.as_ptr().add(first * S::LANES);
        let mut scores: [S::V; N] = std::array::from_fn(|i| S::load(norms.add(i * S::LANES)));
        for &(column, x) in row {
            let (x, column) = (S::splat(x), values.add(column));
            for (i, score) in scores.iter_mut().enumerate() {
                *score = S::product_added(x, S::load(column.add(i * S::LANES)), *score);
            }
        }
        for (i, score) in scores.into_iter().enumerate() {
            let vector = S::splat(S::T::from_index((first + i) as u32));
            let less = S::less(score, best.score);
            best.score = S::select(less, score, best.score);
            best.vector = S::select(less, vector, best.vector);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kernel, Scalar};

    const COLUMNS: usize = 9;

    fn plain<T: Scalar>(row: &[(usize, T)], centers: &Centers<T>) -> usize {
        let score = |c: usize| {
            let add = |score: T, &(column, x): &(usize, T)| score + x * centers.values[column + c];
            row.iter().fold(centers.norms[c], add)
        };
        let mut best = (T::INFINITY, 0);
        for c in 0..centers.k {
            if score(c) < best.0 {
                best = (score(c), c);
            }
        }
        best.1
    }

    fn check_all<T: Scalar>() {
        let mut state = 1_u64;
        let mut number = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            // Few values, so that scores are equal; and some that are not short.
            let whole = f64::from((state >> 61) as u32) - 3.0;
            T::near(whole / if state >> 60 & 1 == 0 { 1.0 } else { 3.0 })
        };
        for k in (1..=40).chain([63, 64, 65, 127, 128, 130, 300]) {
            let mut values: Vec<T> = (0..k * COLUMNS).map(|_| number()).collect();
            values.resize(k * COLUMNS + SLACK, T::default());
            let mut norms: Vec<T> = (0..k).map(|_| number()).collect();
            norms.resize(k + SLACK, T::INFINITY);
            for step in [0, 1, 2, 4] {
                let row: Vec<_> = (0..step * 2).map(|j| (j * k, number())).collect();
                let centers = |norms| Centers {
                    k,
                    values: &values,
                    norms,
                };
                let nowhere = vec![T::INFINITY; k + SLACK];
                for kernel in Kernel::available() {
                    let nearest = T::table(kernel).nearest_sparse;
                    for norms in [&norms[..], &nowhere] {
                        let centers = centers(norms);
                        // SAFETY: the kernel runs here; the row's columns are below
                        // `COLUMNS`, and `SLACK` numbers follow them and the norms.
                        let found = unsafe { nearest(&row, &centers) };
                        assert_eq!(found, plain(&row, &centers), "{kernel:?}, k={k}");
                    }
                }
            }
        }
    }

    #[test]
    fn every_kernel_finds_the_first_of_the_nearest() {
        check_all::<f32>();
        check_all::<f64>();
    }
}
