//! Another way to score, for few centers and many columns: lanes lie along
//! a row, so nothing is packed; a few rows at a time against a few centers.
//!
//! A score is summed in as many lanes as fill 64 bytes, whatever the kernel,
//! and the lanes are added in a fixed order: the same bits everywhere.

use super::scan::Scratch;
use super::simd::{Simd, prefetch};
use crate::Scalar;
use crate::panels::Panels;
use crate::rows::{Moved, Rows};
use crate::scalar::Sealed;

/// Numbers of the smallest type in 64 bytes.
const MOST: usize = 16;

/// Adds lanes in a fixed order: halves, quarters, ...
#[inline(always)]
fn total<T: Scalar>(lanes: &mut [T]) -> T {
    let mut half = lanes.len() / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// Sums of rows that are scored together, lane by lane.
struct Sums<S: Simd, const ROWS: usize, const UNITS: usize, const CENTERS: usize> {
    /// Products with the centers.
    products: [[[S::V; UNITS]; CENTERS]; ROWS],
    /// Products with themselves, where asked for.
    squares: [[S::V; UNITS]; ROWS],
}

/// Adds the products of `ROWS` rows, moved, and `CENTERS` centers that lie
/// `stride` apart, both padded to whole lanes, with `NORM` also the squares of
/// the rows. Asks for the rows `ahead`.
///
/// # Safety
///
/// The processor has the instructions of `S`; `padded` numbers are at each
/// row, at `offset` and at each center; `UNITS * S::LANES` fill 64 bytes.
#[inline(always)]
unsafe fn add_products<
    S: Simd,
    const ROWS: usize,
    const UNITS: usize,
    const CENTERS: usize,
    const NORM: bool,
>(
    rows: [*const S::T; ROWS],
    ahead: &[*const S::T],
    moved: (S::T, *const S::T),
    centers: *const S::T,
    stride: usize,
    padded: usize,
    sums: &mut Sums<S, ROWS, UNITS, CENTERS>,
) {
    let wide = UNITS * S::LANES;
    // SAFETY: the caller vouches for all pointers.
    unsafe {
        let scale = S::splat(moved.0);
        for j in (0..padded).step_by(wide) {
            for row in ahead {
                prefetch::<_, false>(row.wrapping_add(j));
            }
            // By index: each unit, center and row is one register.
            #[allow(clippy::needless_range_loop)]
            for u in 0..UNITS {
                let at = j + u * S::LANES;
                let offset = S::load(moved.1.add(at));
                let mut x = [offset; ROWS];
                for (x, row) in x.iter_mut().zip(rows) {
                    *x = S::moved(S::load(row.add(at)), scale, offset);
                }
                for c in 0..CENTERS {
                    let center = S::load(centers.add(c * stride + at));
                    for r in 0..ROWS {
                        let sum = &mut sums.products[r][c][u];
                        *sum = S::fused(x[r], center, *sum);
                    }
                }
                if NORM {
                    for r in 0..ROWS {
                        sums.squares[r][u] = S::fused(x[r], x[r], sums.squares[r][u]);
                    }
                }
            }
        }
    }
}

/// What stays the same for all rows of a call.
struct Call<'a, T> {
    columns: usize,
    /// The columns that fill whole lanes.
    whole: usize,
    scale: T,
    offset: *const T,
    panels: &'a Panels<T>,
    /// The last columns of the offset and of each center, padded with zeros.
    ends: *const T,
}

/// What is found for `ROWS` rows: the score of center `c` goes to
/// `scores + r * k + c`, with `k` centers.
struct Found<T, const ROWS: usize> {
    scores: *mut T,
    /// `|x|²`, where asked for.
    norms: [T; ROWS],
}

/// The lanes of `vectors`, added.
///
/// # Safety
///
/// The processor has the instructions of `S`.
#[inline(always)]
unsafe fn sum_of<S: Simd, const UNITS: usize>(vectors: &[S::V; UNITS]) -> S::T {
    let mut lanes = [S::T::default(); MOST];
    for (u, &vector) in vectors.iter().enumerate() {
        // SAFETY: the vectors fill at most 64 bytes.
        unsafe { S::store(lanes.as_mut_ptr().add(u * S::LANES), vector) };
    }
    total(&mut lanes[..UNITS * S::LANES])
}

/// Scores `ROWS` rows against `CENTERS` centers from `first`.
///
/// # Safety
///
/// As [`add_products`].
#[inline(always)]
unsafe fn group<
    S: Simd,
    const ROWS: usize,
    const UNITS: usize,
    const CENTERS: usize,
    const NORM: bool,
>(
    call: &Call<S::T>,
    rows: [*const S::T; ROWS],
    ahead: &[*const S::T],
    row_ends: &[[S::T; MOST]; ROWS],
    first: usize,
    found: &mut Found<S::T, ROWS>,
) {
    let wide = UNITS * S::LANES;
    // SAFETY: whole lanes of rows, offset and centers are in their arrays;
    // the ends are padded. `scores` has room for every center.
    unsafe {
        let zero = S::splat(S::T::default());
        let mut sums = Sums {
            products: [[[zero; UNITS]; CENTERS]; ROWS],
            squares: [[zero; UNITS]; ROWS],
        };
        let (centers, moved) = (call.panels.panel(first), (call.scale, call.offset));
        let (columns, whole) = (call.columns, call.whole);
        add_products::<S, ROWS, UNITS, CENTERS, NORM>(
            rows, ahead, moved, centers, columns, whole, &mut sums,
        );
        if whole < columns {
            let ends = row_ends.each_ref().map(|end| end.as_ptr());
            let (centers, moved) = (call.ends.add((first + 1) * wide), (call.scale, call.ends));
            add_products::<S, ROWS, UNITS, CENTERS, NORM>(
                ends,
                &[],
                moved,
                centers,
                wide,
                wide,
                &mut sums,
            );
        }
        for (r, products) in sums.products.iter().enumerate() {
            let scores = found.scores.add(r * call.panels.count() + first);
            for (c, products) in products.iter().enumerate() {
                *scores.add(c) = *call.panels.norms(first + c) + sum_of::<S, UNITS>(products);
            }
            if NORM {
                found.norms[r] = sum_of::<S, UNITS>(&sums.squares[r]);
            }
        }
    }
}

/// Copies the last columns, padded: of the offset, then of each center.
fn ends<T: Scalar>(
    moved: &Moved<T>,
    panels: &Panels<T>,
    whole: usize,
    wide: usize,
    to: &mut Vec<T>,
) {
    to.clear();
    let columns = moved.offset.len();
    let mut push = |numbers: &[T]| {
        to.extend_from_slice(numbers);
        to.resize(to.len() + wide - numbers.len(), T::default());
    };
    push(&moved.offset[whole..]);
    for center in 0..panels.count() {
        push(&panels.center(center)[whole..columns]);
    }
}

/// Scores `ROWS` rows against every center, in groups; the first also takes
/// `|x|²` if `NORM`.
///
/// # Safety
///
/// As [`add_products`]; `panels.width` is 1.
#[inline(always)]
unsafe fn some_rows<S: Simd, const ROWS: usize, const UNITS: usize, const NORM: bool>(
    call: &Call<S::T>,
    rows: [*const S::T; ROWS],
    ahead: [*const S::T; ROWS],
    found: &mut Found<S::T, ROWS>,
) {
    let mut row_ends = [[S::T::default(); MOST]; ROWS];
    for (end, row) in row_ends.iter_mut().zip(rows) {
        for (j, to) in (call.whole..call.columns).zip(end) {
            // SAFETY: rows have `columns` numbers.
            *to = unsafe { *row.add(j) };
        }
    }
    let k = call.panels.count();
    // About as many as there are registers for.
    let most = if ROWS > 2 { 5 } else { 3 };
    let groups = k.div_ceil(most);
    let mut asked = 0;
    for first in (0..k).step_by(most) {
        // Each group asks for its share, so that memory is asked all the time.
        let to = (asked + ROWS.div_ceil(groups)).min(ROWS);
        let ahead = &ahead[asked..to];
        asked = to;
        macro_rules! group {
            ($centers:literal) => {
                if NORM && first == 0 {
                    group::<S, ROWS, UNITS, $centers, true>(
                        call, rows, ahead, &row_ends, first, found,
                    )
                } else {
                    group::<S, ROWS, UNITS, $centers, false>(
                        call, rows, ahead, &row_ends, first, found,
                    )
                }
            };
        }
        // SAFETY: the caller vouches for all pointers.
        unsafe {
            match (k - first).min(most) {
                1 => group!(1),
                2 => group!(2),
                4 if ROWS > 2 => group!(4),
                5.. if ROWS > 2 => group!(5),
                _ => group!(3),
            }
        }
    }
}

/// Scores each row, `ROWS` at a time, and calls `take` with its number, its
/// scores, and `|x|²` if `NORM`.
///
/// # Safety
///
/// The processor has the instructions of `S`; `rows` points to valid rows of
/// as many columns as `moved` and `panels` have; `panels.width` is 1.
#[inline(always)]
unsafe fn each_row<S: Simd, const ROWS: usize, const UNITS: usize, const NORM: bool>(
    rows: &Rows<S::T>,
    moved: &Moved<S::T>,
    panels: &Panels<S::T>,
    buffers: (&mut Vec<S::T>, &mut Vec<S::T>),
    mut take: impl FnMut(usize, &[S::T], S::T),
) {
    let wide = UNITS * S::LANES;
    let columns = moved.offset.len();
    let whole = columns / wide * wide;
    let (padded, scores) = buffers;
    ends(moved, panels, whole, wide, padded);
    let k = panels.count();
    scores.resize(ROWS * k, S::T::default());
    let call = Call {
        columns,
        whole,
        scale: moved.scale,
        offset: moved.offset.as_ptr(),
        panels,
        ends: padded.as_ptr(),
    };
    for first in (0..rows.count).step_by(ROWS) {
        let last = rows.count - 1;
        let these = std::array::from_fn(|r| rows.row((first + r).min(last)));
        let ahead = std::array::from_fn(|r| rows.row((first + ROWS + r).min(last)));
        let mut found = Found {
            scores: scores.as_mut_ptr(),
            norms: [S::T::default(); ROWS],
        };
        // SAFETY: `scores` has `k` numbers for each of these rows.
        unsafe { some_rows::<S, ROWS, UNITS, NORM>(&call, these, ahead, &mut found) };
        for (at, norm) in (first..rows.count).zip(found.norms) {
            take(at, &scores[(at - first) * k..][..k], norm);
        }
    }
}

/// As [`scan::nearest`](super::scan::nearest).
///
/// # Safety
///
/// As [`each_row`].
#[inline(always)]
pub(crate) unsafe fn nearest<S: Simd, const ROWS: usize, const UNITS: usize, const SECOND: bool>(
    rows: &Rows<S::T>,
    moved: &Moved<S::T>,
    panels: &Panels<S::T>,
    scratch: &mut Scratch<S::T>,
) {
    scratch.reserve(rows.count.next_multiple_of(ROWS));
    let Scratch {
        block,
        scores,
        best,
        index,
        second,
        norm: norms,
        ..
    } = scratch;
    let take = |row: usize, scores: &[S::T], norm: S::T| {
        let (mut one, mut two, mut which) = (S::T::INFINITY, S::T::INFINITY, 0);
        for (c, &score) in scores.iter().enumerate() {
            if score < one {
                (two, one, which) = (one, score, c);
            } else if score < two {
                two = score;
            }
        }
        best[row] = one;
        index[row] = S::T::from_index(which as u32);
        if SECOND {
            second[row] = two;
            norms[row] = norm;
        }
    };
    // SAFETY: the promises of this function.
    unsafe { each_row::<S, ROWS, UNITS, SECOND>(rows, moved, panels, (block, scores), take) };
}

/// As [`scan::scores`](super::scan::scores).
///
/// # Safety
///
/// As [`each_row`]; `out` has room for every center, with `stride` at least
/// `rows.count`.
#[inline(always)]
pub(crate) unsafe fn scores<S: Simd, const ROWS: usize, const UNITS: usize>(
    rows: &Rows<S::T>,
    moved: &Moved<S::T>,
    panels: &Panels<S::T>,
    scratch: &mut Scratch<S::T>,
    out: *mut S::T,
    stride: usize,
) {
    scratch.reserve(rows.count.next_multiple_of(ROWS));
    let Scratch {
        block,
        scores,
        norm: norms,
        ..
    } = scratch;
    let take = |row: usize, scores: &[S::T], norm: S::T| {
        for (c, &score) in scores.iter().enumerate() {
            // SAFETY: the caller has room for every center and row.
            unsafe { *out.add(c * stride + row) = score };
        }
        norms[row] = norm;
    };
    // SAFETY: the promises of this function.
    unsafe { each_row::<S, ROWS, UNITS, true>(rows, moved, panels, (block, scores), take) };
}
