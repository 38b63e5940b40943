//! Work that the compiler vectorises: plain arithmetic, nothing fused. So every
//! set of instructions gives the same bits.

use crate::Scalar;
use crate::update::Quanta;

/// `value` as a number of quanta: what `magic` (3/2 * 2^52 quanta) rounds it to.
#[inline(always)]
pub(crate) fn quantised(value: f64, magic: f64) -> i64 {
    ((value + magic).to_bits() as i64).wrapping_sub(magic.to_bits() as i64)
}

/// Rows that are added to the same sums at once, which are then read and
/// written once for them.
pub(crate) const AT_ONCE: usize = 4;

/// Adds rows, times their weights, to sums of quanta.
///
/// # Safety
///
/// The rows and `sums` have as many numbers as `quanta` has columns.
#[inline(always)]
pub(crate) unsafe fn add_rows<T: Scalar, const ROWS: usize>(
    rows: [*const T; ROWS],
    weights: [f64; ROWS],
    quanta: &Quanta,
    sums: *mut i64,
) {
    let columns = quanta.magic.len();
    // SAFETY: the caller vouches for all of them.
    let (rows, sums) = unsafe {
        (
            rows.map(|row| std::slice::from_raw_parts(row, columns)),
            std::slice::from_raw_parts_mut(sums, columns),
        )
    };
    let quanta = quanta.magic.iter().zip(&quanta.offset);
    for (j, (sum, (&magic, &offset))) in sums.iter_mut().zip(quanta).enumerate() {
        for (row, weight) in rows.iter().zip(weights) {
            *sum = sum.wrapping_add(quantised((row[j].wide() - offset) * weight, magic));
        }
    }
}

/// Takes a row, times `weight`, from some sums of quanta and adds it to others.
///
/// # Safety
///
/// As [`add_rows`]; `from` and `to` do not overlap.
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

/// The smaller of `near` and `norm + score`, but not below 0.
#[inline(always)]
pub(super) fn lowered<T: Scalar>(near: T, norm: T, score: T) -> T {
    let far = norm + score;
    let far = if far > T::default() {
        far
    } else {
        T::default()
    };
    if near < far { near } else { far }
}

/// Lowers each `near`: see [`lowered`].
///
/// # Safety
///
/// Each pointer has `count` numbers.
#[inline(always)]
pub(crate) unsafe fn lower<T: Scalar>(near: *mut T, score: *const T, norm: *const T, count: usize) {
    for i in 0..count {
        // SAFETY: the caller vouches for all three.
        unsafe {
            let near = near.add(i);
            *near = lowered(*near, *norm.add(i), *score.add(i));
        }
    }
}
