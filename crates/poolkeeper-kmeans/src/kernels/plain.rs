//! Work that the compiler vectorises: plain arithmetic, nothing fused, sums in
//! a fixed number of lanes. So every set of instructions gives the same bits.

use super::simd::prefetch;
use crate::Scalar;
use crate::rows::Rows;
use crate::update::Quanta;

/// Lanes of a sum along a row.
const LANES: usize = 8;

/// Adds lanes in a fixed order.
#[inline(always)]
fn total(lanes: [f64; LANES]) -> f64 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// The squared distance of two rows, in `f64`.
///
/// # Safety
///
/// Both have `columns` numbers.
#[inline(always)]
pub(crate) unsafe fn square_distance<T: Scalar>(a: *const T, b: *const T, columns: usize) -> f64 {
    // SAFETY: the caller vouches for both.
    let (a, b) = unsafe {
        (
            std::slice::from_raw_parts(a, columns),
            std::slice::from_raw_parts(b, columns),
        )
    };
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let (a_rest, b_rest) = (a.remainder(), b.remainder());
    for (a, b) in a.zip(b) {
        for i in 0..LANES {
            let difference = a[i].wide() - b[i].wide();
            sums[i] += difference * difference;
        }
    }
    for (i, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        let difference = a.wide() - b.wide();
        sums[i] += difference * difference;
    }
    total(sums)
}

/// `value` as a number of quanta: what `magic` (3/2 * 2^52 quanta) rounds it to.
#[inline(always)]
pub(crate) fn quantised(value: f64, magic: f64) -> i64 {
    ((value + magic).to_bits() as i64).wrapping_sub(magic.to_bits() as i64)
}

/// Adds a row, times `weight`, to sums of quanta.
///
/// # Safety
///
/// `row` and `sums` have as many numbers as `quanta` has columns.
#[inline(always)]
pub(crate) unsafe fn add_row<T: Scalar>(
    row: *const T,
    weight: f64,
    quanta: &Quanta,
    sums: *mut i64,
) {
    let columns = quanta.magic.len();
    // SAFETY: the caller vouches for both.
    let (row, sums) = unsafe {
        (
            std::slice::from_raw_parts(row, columns),
            std::slice::from_raw_parts_mut(sums, columns),
        )
    };
    for (((x, sum), &magic), &offset) in row.iter().zip(sums).zip(&quanta.magic).zip(&quanta.offset)
    {
        *sum = sum.wrapping_add(quantised((x.wide() - offset) * weight, magic));
    }
}

/// Takes a row, times `weight`, from some sums of quanta and adds it to others.
///
/// # Safety
///
/// As [`add_row`]; `from` and `to` do not overlap.
#[inline(always)]
pub(crate) unsafe fn move_row<T: Scalar>(
    row: *const T,
    weight: f64,
    quanta: &Quanta,
    from: *mut i64,
    to: *mut i64,
) {
    let columns = quanta.magic.len();
    // SAFETY: the caller vouches for all three.
    let (row, from, to) = unsafe {
        (
            std::slice::from_raw_parts(row, columns),
            std::slice::from_raw_parts_mut(from, columns),
            std::slice::from_raw_parts_mut(to, columns),
        )
    };
    let quanta = quanta.magic.iter().zip(&quanta.offset);
    for (((x, from), to), (&magic, &offset)) in row.iter().zip(from).zip(to).zip(quanta) {
        let n = quantised((x.wide() - offset) * weight, magic);
        *from = from.wrapping_sub(n);
        *to = to.wrapping_add(n);
    }
}

/// What is known of each column.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns<T> {
    pub(crate) smallest: Vec<T>,
    pub(crate) largest: Vec<T>,
    /// Of the differences from the first row looked at, and of their squares.
    pub(crate) sum: Vec<f64>,
    pub(crate) squares: Vec<f64>,
    pub(crate) origin: Vec<f64>,
}

/// Rows that are about so many bytes ahead are asked for.
const AHEAD: usize = 4096;

/// Adds rows to what is known. A number that is not finite makes a sum NaN or
/// infinite.
///
/// # Safety
///
/// `rows` are valid, with `columns` numbers each.
#[inline(always)]
pub(crate) unsafe fn column_range<T: Scalar>(
    rows: &Rows<T>,
    columns: usize,
    found: &mut Columns<T>,
) {
    let Columns {
        smallest,
        largest,
        sum,
        squares,
        origin,
    } = found;
    let (smallest, largest) = (&mut smallest[..columns], &mut largest[..columns]);
    let (sum, squares, origin) = (
        &mut sum[..columns],
        &mut squares[..columns],
        &origin[..columns],
    );
    let ahead = (AHEAD / (columns * size_of::<T>())).max(1);
    for i in 0..rows.count {
        let next = rows.row((i + ahead).min(rows.count - 1));
        for j in (0..columns).step_by(64 / size_of::<T>()) {
            prefetch::<_, false>(next.wrapping_add(j));
        }
        // SAFETY: the caller vouches for the rows.
        let row = unsafe { std::slice::from_raw_parts(rows.row(i), columns) };
        for j in 0..columns {
            let x = row[j];
            smallest[j] = if x < smallest[j] { x } else { smallest[j] };
            largest[j] = if x > largest[j] { x } else { largest[j] };
            let difference = x.wide() - origin[j];
            sum[j] += difference;
            squares[j] += difference * difference;
        }
    }
}

/// The sum of `min(near, norm + score)`, each at least 0, times its weight.
/// Without `near` or without `weights` (null) that part is left out.
///
/// # Safety
///
/// Each pointer has `count` numbers, or is one of the two that may be null.
#[inline(always)]
pub(crate) unsafe fn potential<T: Scalar>(
    near: *const T,
    score: *const T,
    norm: *const T,
    weights: *const T,
    count: usize,
) -> f64 {
    let mut sums = [0.0; LANES];
    let zero = T::default();
    let at = |i: usize| {
        // SAFETY: `i` is below `count`, for which the caller vouches.
        unsafe {
            let far = *norm.add(i) + *score.add(i);
            let far = if far > zero { far } else { zero };
            let near = *near.add(i);
            (if near < far { near } else { far }).wide()
        }
    };
    let whole = count / LANES * LANES;
    if weights.is_null() {
        for i in (0..whole).step_by(LANES) {
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum += at(i + lane);
            }
        }
        for i in whole..count {
            sums[i - whole] += at(i);
        }
    } else {
        for i in 0..count {
            // SAFETY: there are `count` weights.
            sums[i % LANES] += at(i) * unsafe { *weights.add(i) }.wide();
        }
    }
    total(sums)
}

/// Lowers each `near` to `norm + score`, but not below 0.
///
/// # Safety
///
/// Each pointer has `count` numbers.
#[inline(always)]
pub(crate) unsafe fn lower<T: Scalar>(near: *mut T, score: *const T, norm: *const T, count: usize) {
    let zero = T::default();
    for i in 0..count {
        // SAFETY: the caller vouches for all three.
        unsafe {
            let far = *norm.add(i) + *score.add(i);
            let far = if far > zero { far } else { zero };
            let near = near.add(i);
            *near = if *near < far { *near } else { far };
        }
    }
}
