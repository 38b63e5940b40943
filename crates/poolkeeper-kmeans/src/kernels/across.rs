//! The third way to score, for a handful of candidates whose distances are
//! summed and not kept: lanes are candidates, so samples need not be packed,
//! each number of a sample meets all candidates at once.
//!
//! A score is the same chain of fused operations as `scan`'s.

use super::plain::lowered;
use super::scan::{Scratch, room};
use super::simd::{Lanes, Simd, prefetch};
use crate::panels::Panels;
use crate::rows::{Moved, Rows};
use crate::scalar::{Lane, Sealed};

/// Candidates in a panel.
pub(crate) const WIDTH: usize = 8;

/// What is known of samples before candidates are tried. The first candidate
/// is a center by now: `near` is lowered to its distance, and the others are
/// tried after that.
pub(crate) struct Known<'a, T> {
    /// The squared distance to the nearest center so far.
    pub(crate) near: &'a mut [T],
    /// `|x|²`.
    pub(crate) norm: &'a [T],
    /// Sample weights; without them each is 1.
    pub(crate) weights: Option<&'a [T]>,
}

/// The type of [`potentials`].
pub(crate) type Potentials<T> =
    unsafe fn(&Rows<T>, &Moved<T>, &Panels<T>, &mut Scratch<T>, &mut Known<T>, &mut [f64]);

/// Adds to `sums`, for each candidate of the panels, padding included, what it
/// would leave: the sum of `min(near, |x - c|²)`, each at least 0, times the
/// weight. `ROWS` samples are scored at a time, in `UNITS` vectors each.
///
/// # Safety
///
/// The processor has the instructions of `S` and of `C`; `UNITS` vectors of
/// `C`, and `WIDE` of `S::Wide`, have `WIDTH` lanes; `rows` points to valid
/// rows of as many columns as `moved` and `panels` have; the panels are
/// `WIDTH` wide.
#[inline(always)]
pub(crate) unsafe fn potentials<
    S: Simd,
    C: Simd<T = S::T>,
    const ROWS: usize,
    const UNITS: usize,
    const WIDE: usize,
>(
    rows: &Rows<S::T>,
    moved: &Moved<S::T>,
    panels: &Panels<S::T>,
    scratch: &mut Scratch<S::T>,
    known: &mut Known<S::T>,
    sums: &mut [f64],
) {
    const { assert!(UNITS * C::LANES == WIDTH) };
    const { assert!(WIDE * <S::Wide as Lanes>::LANES == WIDTH) };
    let columns = moved.offset.len();
    let block = room(&mut scratch.block, ROWS * columns);
    for first in (0..rows.count).step_by(ROWS) {
        let last = rows.count - 1;
        // SAFETY: `block` has room for `ROWS` rows; the caller vouches for
        // the rest.
        unsafe {
            for r in 0..ROWS {
                let row = rows.row((first + r).min(last));
                let ahead = rows.row((first + ROWS + r).min(last));
                move_row::<S>(row, ahead, moved, block.add(r * columns));
            }
            for p in 0..panels.count() {
                let (panel, norms) = (panels.panel(p), panels.norms(p));
                let scores = scores::<C, ROWS, UNITS>(block, columns, panel, norms);
                let sums = &mut sums[p * WIDTH..][..WIDTH];
                add::<S, ROWS, WIDE>(&scores, first, p == 0, known, sums);
            }
        }
    }
}

/// A row, moved, to `out`. Asks for the row `ahead`.
///
/// # Safety
///
/// The processor has the instructions of `S`; `row` and `out` have as many
/// numbers as `moved`.
#[inline(always)]
unsafe fn move_row<S: Simd>(
    row: *const S::T,
    ahead: *const S::T,
    moved: &Moved<S::T>,
    out: *mut S::T,
) {
    let columns = moved.offset.len();
    let whole = columns / S::LANES * S::LANES;
    let offset = moved.offset.as_ptr();
    // SAFETY: the caller vouches for all of them.
    unsafe {
        let scale = S::splat(moved.scale);
        for j in (0..whole).step_by(S::LANES) {
            prefetch::<_, true>(ahead.wrapping_add(j));
            let x = S::moved(S::load(row.add(j)), scale, S::load(offset.add(j)));
            S::store(out.add(j), x);
        }
        for j in whole..columns {
            *out.add(j) = (*row.add(j)).fused(moved.scale, -*offset.add(j));
        }
    }
}

/// The scores of `ROWS` samples and a panel of candidates.
///
/// # Safety
///
/// As [`potentials`]; `block` has `ROWS` samples of
/// `columns` numbers, `panel` as many for each candidate, `norms` one for each.
#[inline(always)]
unsafe fn scores<C: Simd, const ROWS: usize, const UNITS: usize>(
    block: *const C::T,
    columns: usize,
    panel: *const C::T,
    norms: *const C::T,
) -> [[C::T; WIDTH]; ROWS] {
    let mut scores = [[C::T::default(); WIDTH]; ROWS];
    // SAFETY: the caller vouches for all pointers.
    unsafe {
        let load = |p: *const C::T| std::array::from_fn(|u| C::load(p.add(u * C::LANES)));
        let norms: [C::V; UNITS] = load(norms);
        let mut sums = [norms; ROWS];
        for j in 0..columns {
            let candidates: [C::V; UNITS] = load(panel.add(j * WIDTH));
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = C::splat(*block.add(r * columns + j));
                for (sum, &candidate) in sums.iter_mut().zip(&candidates) {
                    *sum = C::fused(x, candidate, *sum);
                }
            }
        }
        for (scores, sums) in scores.iter_mut().zip(sums) {
            for (u, sum) in sums.into_iter().enumerate() {
                C::store(scores.as_mut_ptr().add(u * C::LANES), sum);
            }
        }
    }
    scores
}

/// Adds what the candidates with these scores leave of the samples from `first`.
///
/// # Safety
///
/// As [`potentials`].
#[inline(always)]
unsafe fn add<S: Simd, const ROWS: usize, const WIDE: usize>(
    scores: &[[S::T; WIDTH]; ROWS],
    first: usize,
    lowers: bool,
    known: &mut Known<S::T>,
    to: &mut [f64],
) {
    let lanes = <S::Wide as Lanes>::LANES;
    let to = to[..WIDTH].as_mut_ptr();
    let count = ROWS.min(known.near.len() - first);
    let near = &mut known.near[first..][..count];
    let norm = &known.norm[first..][..count];
    let weights = known.weights.map(|weights| &weights[first..][..count]);
    // SAFETY: `to` and every row of `scores` have `WIDTH` numbers.
    unsafe {
        let wide = |x: f64| S::Wide::splat(x);
        let (none, one) = (wide(0.0), wide(1.0));
        let mut sums = [none; WIDE];
        for (u, sum) in sums.iter_mut().enumerate() {
            *sum = S::Wide::load(to.add(u * lanes));
        }
        for (r, scores) in scores.iter().enumerate().take(count) {
            if lowers {
                near[r] = lowered(near[r], norm[r], scores[0]);
            }
            let weight = wide(weights.map_or(1.0, |weights| weights[r].wide()));
            let (near, norm) = (wide(near[r].wide()), wide(norm[r].wide()));
            for (u, sum) in sums.iter_mut().enumerate() {
                let score = S::load_wide(scores.as_ptr().add(u * lanes));
                let far = S::Wide::max(S::Wide::fused(score, one, norm), none);
                *sum = S::Wide::fused(S::Wide::min(near, far), weight, *sum);
            }
        }
        for (u, sum) in sums.into_iter().enumerate() {
            S::Wide::store(to.add(u * lanes), sum);
        }
    }
}
