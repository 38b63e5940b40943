//! Work that the compiler vectorises: plain arithmetic, nothing fused. So every
//! set of instructions gives the same bits.

use crate::Scalar;
use crate::update::{Fine, Quanta};

/// `value` as a number of quanta: what `magic` (3/2 * 2^52 quanta) rounds it to.
#[inline(always)]
pub(crate) fn quantised(value: f64, magic: f64) -> i64 {
    ((value + magic).to_bits() as i64).wrapping_sub(magic.to_bits() as i64)
}

/// The same, and what rounding leaves.
#[inline(always)]
pub(crate) fn rounded(value: f64, magic: f64) -> (i64, f64) {
    let sum = value + magic;
    let whole = (sum.to_bits() as i64).wrapping_sub(magic.to_bits() as i64);
    (whole, value - (sum - magic))
}

/// Calls `take` for each number of a row, times a weight, with its column, its quanta and
/// its fine quanta.
#[inline(always)]
fn each_finely<T: Scalar>(
    row: &[T],
    weight: f64,
    quanta: &Quanta,
    fine: &Fine,
    mut take: impl FnMut(usize, i64, i64),
) {
    let columns = quanta.magic.iter().zip(&quanta.offset).zip(&fine.magic);
    for (j, (x, ((&magic, &offset), &fine_magic))) in row.iter().zip(columns).enumerate() {
        let (whole, left) = rounded((x.wide() - offset) * weight, magic);
        take(j, whole, quantised(left, fine_magic));
    }
}

/// Rows that are added to the same sums at once, which are then read and
/// written once for them.
pub(crate) const AT_ONCE: usize = 4;

/// Adds rows, times their weights, to sums of quanta.
///
/// # Safety
///
/// The rows have as many numbers as `quanta` has columns, and `sums` as its width.
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
            std::slice::from_raw_parts_mut(sums, quanta.width()),
        )
    };
    if let Some(fine) = &quanta.fine {
        let (sums, left) = sums.split_at_mut(columns);
        for (row, weight) in rows.into_iter().zip(weights) {
            each_finely(row, weight, quanta, fine, |j, whole, rest| {
                sums[j] = sums[j].wrapping_add(whole);
                left[j] = left[j].wrapping_add(rest);
            });
        }
        return;
    }
    if let Some(moved) = quanta.moved_magic(&weights) {
        add_bare(rows, &quanta.magic, moved, sums);
        return;
    }
    for (row, weight) in rows.into_iter().zip(weights) {
        if let Some(moved) = quanta.moved_magic(&[weight]) {
            add_bare([row], &quanta.magic, moved, sums);
            continue;
        }
        let quanta = quanta.magic.iter().zip(&quanta.offset);
        for ((sum, x), (&magic, &offset)) in sums.iter_mut().zip(row).zip(quanta) {
            *sum = sum.wrapping_add(quantised((x.wide() - offset) * weight, magic));
        }
    }
}

/// Adds rows of weight 1: see [`Quanta::moved_magic`].
#[inline(always)]
fn add_bare<T: Scalar, const ROWS: usize>(
    rows: [&[T]; ROWS],
    magic: &[f64],
    moved: &[f64],
    sums: &mut [i64],
) {
    for (j, (sum, (&magic, &moved))) in sums.iter_mut().zip(magic.iter().zip(moved)).enumerate() {
        let magic = (magic.to_bits() as i64).wrapping_mul(ROWS as i64);
        let bits = rows.map(|row| (row[j].wide() + moved).to_bits() as i64);
        let bits = bits.into_iter().fold(0, i64::wrapping_add);
        *sum = sum.wrapping_add(bits.wrapping_sub(magic));
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
            std::slice::from_raw_parts_mut(from, quanta.width()),
            std::slice::from_raw_parts_mut(to, quanta.width()),
        )
    };
    if let Some(fine) = &quanta.fine {
        let (from, less) = from.split_at_mut(columns);
        let (to, more) = to.split_at_mut(columns);
        each_finely(row, weight, quanta, fine, |j, whole, left| {
            from[j] = from[j].wrapping_sub(whole);
            less[j] = less[j].wrapping_sub(left);
            to[j] = to[j].wrapping_add(whole);
            more[j] = more[j].wrapping_add(left);
        });
        return;
    }
    let sums = from.iter_mut().zip(to);
    let take = |n: i64, (from, to): (&mut i64, &mut i64)| {
        *from = from.wrapping_sub(n);
        *to = to.wrapping_add(n);
    };
    if let Some(moved) = quanta.moved_magic(&[weight]) {
        let quanta = moved.iter().zip(&quanta.magic);
        for ((x, (&moved, &magic)), sums) in row.iter().zip(quanta).zip(sums) {
            let bits = (x.wide() + moved).to_bits() as i64;
            take(bits.wrapping_sub(magic.to_bits() as i64), sums);
        }
        return;
    }
    let quanta = quanta.magic.iter().zip(&quanta.offset);
    for ((x, (&magic, &offset)), sums) in row.iter().zip(quanta).zip(sums) {
        take(quantised((x.wide() - offset) * weight, magic), sums);
    }
}

/// Lowers each `near` to `norm + score`, which is no less than 0, if that is
/// smaller.
///
/// # Safety
///
/// Each pointer has `count` numbers.
#[inline(always)]
pub(crate) unsafe fn lower<T: Scalar>(near: *mut T, score: *const T, norm: *const T, count: usize) {
    for i in 0..count {
        // SAFETY: the caller vouches for all three.
        let (near, far) = unsafe { (&mut *near.add(i), *norm.add(i) + *score.add(i)) };
        let far = if far > T::default() {
            far
        } else {
            T::default()
        };
        *near = if *near < far { *near } else { far };
    }
}
