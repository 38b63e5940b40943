//! Sums in `f64` of numbers of any type: in a fixed number of lanes, so that
//! every set of instructions gives the same bits. (The compiler, given plain
//! loops, cuts the lanes into vectors of several sizes.)

use super::ahead::Ahead;
use super::plain::AT_ONCE;
use super::simd::{Lanes, Simd};
use crate::rows::Rows;
use crate::scalar::Sealed;

/// Lanes of a sum along a row.
pub(super) const LANES: usize = 8;

/// Adds lanes in a fixed order: halves, quarters, eighths.
#[inline(always)]
pub(super) fn total(lanes: [f64; LANES]) -> f64 {
    let four: [f64; 4] = std::array::from_fn(|i| lanes[i] + lanes[i + 4]);
    let two: [f64; 2] = std::array::from_fn(|i| four[i] + four[i + 2]);
    two[0] + two[1]
}

/// The type of [`square_distances`].
pub(crate) type SquareDistances<T> =
    unsafe fn([*const T; AT_ONCE], *const T, usize) -> [f64; AT_ONCE];

/// The squared distance of each row to `b`. `UNITS` vectors have all lanes.
///
/// # Safety
///
/// The processor has the instructions of `S`; the rows and `b` have `columns` numbers.
#[inline(always)]
pub(crate) unsafe fn square_distances<S: Simd, const UNITS: usize, const ROWS: usize>(
    rows: [*const S::T; ROWS],
    b: *const S::T,
    columns: usize,
) -> [f64; ROWS] {
    const { assert!(UNITS * <S::Wide as Lanes>::LANES == LANES) };
    let wide = <S::Wide as Lanes>::LANES;
    // SAFETY: `j` is below `columns`.
    let difference = |a: *const S::T, j: usize| unsafe { (*a.add(j)).wide() - (*b.add(j)).wide() };
    let whole = columns / LANES * LANES;
    if whole == 0 {
        // Few numbers stay in registers.
        return rows.map(|a| {
            total(std::array::from_fn(|j| {
                let difference = if j < columns { difference(a, j) } else { 0.0 };
                difference * difference
            }))
        });
    }
    let mut lanes = [[0.0; LANES]; ROWS];
    // SAFETY: the caller vouches for the rows and the instructions.
    unsafe {
        let minus = S::Wide::splat(-1.0);
        let mut sums = [[S::Wide::splat(0.0); UNITS]; ROWS];
        for j in (0..whole).step_by(LANES) {
            for u in 0..UNITS {
                let at = j + u * wide;
                let b = S::load_wide(b.add(at));
                for (sums, a) in sums.iter_mut().zip(rows) {
                    let difference = S::Wide::fused(b, minus, S::load_wide(a.add(at)));
                    sums[u] = S::Wide::fused(difference, difference, sums[u]);
                }
            }
        }
        for (lanes, sums) in lanes.iter_mut().zip(sums) {
            for (u, sum) in sums.into_iter().enumerate() {
                S::Wide::store(lanes.as_mut_ptr().add(u * wide), sum);
            }
        }
    }
    for (lanes, a) in lanes.iter_mut().zip(rows) {
        for (lane, j) in lanes.iter_mut().zip(whole..columns) {
            let difference = difference(a, j);
            *lane = difference.mul_add(difference, *lane);
        }
    }
    lanes.map(total)
}

/// The sum of `min(near, norm + score)`, each at least 0, times its weight.
/// Without `weights` (null) each is 1. `UNITS` vectors have all lanes.
///
/// # Safety
///
/// The processor has the instructions of `S`; each pointer has `count`
/// numbers, or is `weights` and null.
#[inline(always)]
pub(crate) unsafe fn potential<S: Simd, const UNITS: usize>(
    near: *const S::T,
    score: *const S::T,
    norm: *const S::T,
    weights: *const S::T,
    count: usize,
) -> f64 {
    const { assert!(UNITS * <S::Wide as Lanes>::LANES == LANES) };
    let wide = <S::Wide as Lanes>::LANES;
    let whole = count / LANES * LANES;
    let mut lanes = [0.0; LANES];
    // SAFETY: the caller vouches for the pointers and the instructions.
    unsafe {
        let (zero, one) = (S::Wide::splat(0.0), S::Wide::splat(1.0));
        let mut sums = [zero; UNITS];
        for i in (0..whole).step_by(LANES) {
            for (u, sum) in sums.iter_mut().enumerate() {
                let at = i + u * wide;
                let norm = S::load_wide(norm.add(at));
                let far = S::Wide::fused(S::load_wide(score.add(at)), one, norm);
                let far = S::Wide::max(far, zero);
                let left = S::Wide::min(S::load_wide(near.add(at)), far);
                let weight = if weights.is_null() {
                    one
                } else {
                    S::load_wide(weights.add(at))
                };
                *sum = S::Wide::fused(left, weight, *sum);
            }
        }
        for (u, &sum) in sums.iter().enumerate() {
            S::Wide::store(lanes.as_mut_ptr().add(u * wide), sum);
        }
        for (lane, i) in lanes.iter_mut().zip(whole..count) {
            let far = ((*norm.add(i)).wide() + (*score.add(i)).wide()).max(0.0);
            let left = (*near.add(i)).wide().min(far);
            let weight = if weights.is_null() {
                1.0
            } else {
                (*weights.add(i)).wide()
            };
            *lane = left.mul_add(weight, *lane);
        }
    }
    total(lanes)
}

/// What is known of each column.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    pub(crate) smallest: Vec<f64>,
    pub(crate) largest: Vec<f64>,
    /// Of the differences from the first row looked at, and of their squares.
    pub(crate) sum: Vec<f64>,
    pub(crate) squares: Vec<f64>,
    pub(crate) origin: Vec<f64>,
}

/// Rows that are looked at together, so that what is known is read and
/// written once for them.
const TOGETHER: usize = 4;

/// Adds rows to what is known. A number that is not finite makes a sum NaN or
/// infinite.
///
/// # Safety
///
/// The processor has the instructions of `S`; `rows` are valid, with `columns`
/// numbers each.
#[inline(always)]
pub(crate) unsafe fn column_range<S: Simd>(rows: &Rows<S::T>, columns: usize, found: &mut Columns) {
    let whole = rows.count / TOGETHER * TOGETHER;
    // SAFETY: the promises of this function.
    unsafe {
        for first in (0..whole).step_by(TOGETHER) {
            add_rows::<S, TOGETHER>(rows, first, columns, found);
        }
        for first in whole..rows.count {
            add_rows::<S, 1>(rows, first, columns, found);
        }
    }
}

/// Adds `ROWS` rows, one after another in each column.
///
/// # Safety
///
/// As [`column_range`]; there are `ROWS` rows from `first`.
#[inline(always)]
unsafe fn add_rows<S: Simd, const ROWS: usize>(
    rows: &Rows<S::T>,
    first: usize,
    columns: usize,
    found: &mut Columns,
) {
    let lanes = <S::Wide as Lanes>::LANES;
    let whole = columns / lanes * lanes;
    let Columns {
        smallest,
        largest,
        sum,
        squares,
        origin,
    } = found;
    let (smallest, largest) = (&mut smallest[..columns], &mut largest[..columns]);
    let (sum, squares) = (&mut sum[..columns], &mut squares[..columns]);
    let origin = &origin[..columns];
    let row: [_; ROWS] = std::array::from_fn(|r| rows.row(first + r));
    let steps = (columns / lanes).max(1);
    let ahead = Ahead::new(rows, first + ROWS, [ROWS, columns], steps);
    // SAFETY: the caller vouches for the rows, and the slices have their columns.
    unsafe {
        let (one, minus) = (S::Wide::splat(1.0), S::Wide::splat(-1.0));
        for j in (0..whole).step_by(lanes) {
            ahead.ask(j / lanes);
            let start = S::Wide::load(origin.as_ptr().add(j));
            let mut low = S::Wide::load(smallest.as_ptr().add(j));
            let mut high = S::Wide::load(largest.as_ptr().add(j));
            let mut added = S::Wide::load(sum.as_ptr().add(j));
            let mut squared = S::Wide::load(squares.as_ptr().add(j));
            for row in row {
                let x = S::load_wide(row.add(j));
                let difference = S::Wide::fused(start, minus, x);
                low = S::Wide::min(x, low);
                high = S::Wide::max(x, high);
                added = S::Wide::fused(difference, one, added);
                squared = S::Wide::fused(difference, difference, squared);
            }
            S::Wide::store(smallest.as_mut_ptr().add(j), low);
            S::Wide::store(largest.as_mut_ptr().add(j), high);
            S::Wide::store(sum.as_mut_ptr().add(j), added);
            S::Wide::store(squares.as_mut_ptr().add(j), squared);
        }
        for j in whole..columns {
            for row in row {
                let x = (*row.add(j)).wide();
                let difference = x - origin[j];
                smallest[j] = if x < smallest[j] { x } else { smallest[j] };
                largest[j] = if x > largest[j] { x } else { largest[j] };
                sum[j] += difference;
                squares[j] = difference.mul_add(difference, squares[j]);
            }
        }
    }
}
