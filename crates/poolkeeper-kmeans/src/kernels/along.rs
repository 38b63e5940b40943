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

/// What stays the same for all rows of a call.
struct Call<'a, T> {
    columns: usize,
    scale: T,
    offset: *const T,
    /// The last columns of the offset, padded with zeros.
    offset_end: [T; MOST],
    panels: &'a Panels<T>,
}

/// Adds the products of `ROWS` rows, moved, and `CENTERS` centers, `steps` times 64
/// bytes of each, with `NORM` also the squares of the rows. Centers lie side by
/// side, those of the next step `stride` further. Asks for what is `ahead`.
///
/// # Safety
///
/// The processor has the instructions of `S`; there are as many numbers at each row,
/// at `offset` and at the centers; `UNITS * S::LANES` fill 64 bytes.
#[inline(always)]
unsafe fn add_products<
    S: Simd,
    const ROWS: usize,
    const UNITS: usize,
    const CENTERS: usize,
    const NORM: bool,
>(
    rows: [*const S::T; ROWS],
    ahead: [*const S::T; ROWS],
    (scale, offset): (S::T, *const S::T),
    (centers, stride): (*const S::T, usize),
    steps: usize,
    sums: &mut Sums<S, ROWS, UNITS, CENTERS>,
) {
    let wide = UNITS * S::LANES;
    // SAFETY: the caller vouches for all pointers.
    unsafe {
        let scale = S::splat(scale);
        let mut centers = centers;
        for j in (0..steps * wide).step_by(wide) {
            for row in ahead {
                prefetch::<_, false>(row.wrapping_add(j));
            }
            // By index: each unit, center and row is one register.
            #[allow(clippy::needless_range_loop)]
            for u in 0..UNITS {
                let at = j + u * S::LANES;
                let offset = S::load(offset.add(at));
                let mut x = [offset; ROWS];
                for (x, row) in x.iter_mut().zip(rows) {
                    *x = S::moved(S::load(row.add(at)), scale, offset);
                }
                for c in 0..CENTERS {
                    let center = S::load(centers.add(c * wide + u * S::LANES));
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
            centers = centers.wrapping_add(stride);
        }
    }
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

/// Scores `ROWS` rows against `CENTERS` centers from `first`, and returns `|x|²` of
/// each if `NORM`. The score of center `c` goes to `scores + r * k + c`, with `k` centers.
///
/// # Safety
///
/// As [`each_row`]; `scores` has room for every center and row.
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
    ahead: [*const S::T; ROWS],
    row_ends: &[[S::T; MOST]; ROWS],
    first: usize,
    scores: *mut S::T,
) -> [S::T; ROWS] {
    let wide = UNITS * S::LANES;
    let k = call.panels.centers();
    // SAFETY: whole lanes of rows and offset are in their arrays; the ends and
    // the centers are padded.
    unsafe {
        let zero = S::splat(S::T::default());
        let mut sums = Sums {
            products: [[[zero; UNITS]; CENTERS]; ROWS],
            squares: [[zero; UNITS]; ROWS],
        };
        let steps = call.columns / wide;
        let centers = call.panels.panel(0).add(first * wide);
        let (moved, stride) = ((call.scale, call.offset), k * wide);
        add_products::<S, ROWS, UNITS, CENTERS, NORM>(
            rows,
            ahead,
            moved,
            (centers, stride),
            steps,
            &mut sums,
        );
        if steps * wide < call.columns {
            let ends = row_ends.each_ref().map(|end| end.as_ptr());
            let centers = centers.add(steps * stride);
            let moved = (call.scale, call.offset_end.as_ptr());
            add_products::<S, ROWS, UNITS, CENTERS, NORM>(
                ends,
                ends,
                moved,
                (centers, stride),
                1,
                &mut sums,
            );
        }
        for (r, products) in sums.products.iter().enumerate() {
            let scores = scores.add(r * k + first);
            for (c, products) in products.iter().enumerate() {
                let norm = *call.panels.norms(0).add(first + c);
                *scores.add(c) = norm + sum_of::<S, UNITS>(products);
            }
        }
        sums.squares.map(|squares| {
            if NORM {
                sum_of::<S, UNITS>(&squares)
            } else {
                S::T::default()
            }
        })
    }
}

/// Scores `ROWS` rows against every center, in groups of at most `MOST_CENTERS`, and
/// returns `|x|²` of each if `NORM`.
///
/// # Safety
///
/// As [`group`].
#[inline(always)]
unsafe fn some_rows<
    S: Simd,
    const ROWS: usize,
    const MOST_CENTERS: usize,
    const UNITS: usize,
    const NORM: bool,
>(
    call: &Call<S::T>,
    rows: [*const S::T; ROWS],
    ahead: [*const S::T; ROWS],
    scores: *mut S::T,
) -> [S::T; ROWS] {
    let wide = UNITS * S::LANES;
    let mut row_ends = [[S::T::default(); MOST]; ROWS];
    for (end, row) in row_ends.iter_mut().zip(rows) {
        for (j, to) in (call.columns / wide * wide..call.columns).zip(end) {
            // SAFETY: rows have `columns` numbers.
            *to = unsafe { *row.add(j) };
        }
    }
    let k = call.panels.centers();
    let groups = k.div_ceil(MOST_CENTERS);
    // Each group asks for its share, so that memory is asked all the time.
    let share = ROWS.div_ceil(groups);
    let mut norms = [S::T::default(); ROWS];
    for (number, first) in (0..k).step_by(k.div_ceil(groups)).enumerate() {
        let mut asked = rows;
        for (r, asked) in asked.iter_mut().enumerate() {
            if r / share == number {
                *asked = ahead[r];
            }
        }
        macro_rules! group {
            ($centers:literal) => {
                if NORM && first == 0 {
                    norms = group::<S, ROWS, UNITS, $centers, true>(
                        call, rows, asked, &row_ends, first, scores,
                    );
                } else {
                    group::<S, ROWS, UNITS, $centers, false>(
                        call, rows, asked, &row_ends, first, scores,
                    );
                }
            };
        }
        // SAFETY: the caller vouches for all pointers.
        unsafe {
            match (k - first).min(k.div_ceil(groups)) {
                1 => group!(1),
                2 => group!(2),
                4 if MOST_CENTERS > 3 => group!(4),
                5 if MOST_CENTERS > 3 => group!(5),
                6 if MOST_CENTERS > 3 => group!(6),
                7 if MOST_CENTERS > 3 => group!(7),
                8 if MOST_CENTERS > 3 => group!(8),
                9 if MOST_CENTERS > 3 => group!(9),
                10.. if MOST_CENTERS > 3 => group!(10),
                _ => group!(3),
            }
        }
    }
    norms
}

/// Scores each row, `ROWS` at a time, and calls `take` with its number, its
/// scores, and `|x|²` if `NORM`.
///
/// # Safety
///
/// The processor has the instructions of `S`; `rows` points to valid rows of
/// as many columns as `moved` and `panels` have; the panels are for scoring along
/// the rows.
#[inline(always)]
unsafe fn each_row<
    S: Simd,
    const ROWS: usize,
    const MOST_CENTERS: usize,
    const UNITS: usize,
    const NORM: bool,
>(
    rows: &Rows<S::T>,
    moved: &Moved<S::T>,
    panels: &Panels<S::T>,
    scores: &mut Vec<S::T>,
    mut take: impl FnMut(usize, &[S::T], S::T),
) {
    let columns = moved.offset.len();
    let k = panels.centers();
    scores.resize(ROWS * k, S::T::default());
    let mut call = Call {
        columns,
        scale: moved.scale,
        offset: moved.offset.as_ptr(),
        offset_end: [S::T::default(); MOST],
        panels,
    };
    let end = &moved.offset[columns - columns % (UNITS * S::LANES)..];
    call.offset_end[..end.len()].copy_from_slice(end);
    for first in (0..rows.count).step_by(ROWS) {
        let last = rows.count - 1;
        let these = std::array::from_fn(|r| rows.row((first + r).min(last)));
        let ahead = std::array::from_fn(|r| rows.row((first + ROWS + r).min(last)));
        let to = scores.as_mut_ptr();
        // SAFETY: `scores` has `k` numbers for each of these rows.
        let norms =
            unsafe { some_rows::<S, ROWS, MOST_CENTERS, UNITS, NORM>(&call, these, ahead, to) };
        for (at, norm) in (first..rows.count).zip(norms) {
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
pub(crate) unsafe fn nearest<
    S: Simd,
    const ROWS: usize,
    const MOST_CENTERS: usize,
    const UNITS: usize,
    const SECOND: bool,
>(
    rows: &Rows<S::T>,
    moved: &Moved<S::T>,
    panels: &Panels<S::T>,
    scratch: &mut Scratch<S::T>,
) {
    scratch.reserve(rows.count.next_multiple_of(ROWS));
    let Scratch {
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
    unsafe { each_row::<S, ROWS, MOST_CENTERS, UNITS, SECOND>(rows, moved, panels, scores, take) };
}

/// As [`scan::scores`](super::scan::scores).
///
/// # Safety
///
/// As [`each_row`]; `out` has room for every center, with `stride` at least
/// `rows.count`.
#[inline(always)]
pub(crate) unsafe fn scores<
    S: Simd,
    const ROWS: usize,
    const MOST_CENTERS: usize,
    const UNITS: usize,
>(
    rows: &Rows<S::T>,
    moved: &Moved<S::T>,
    panels: &Panels<S::T>,
    scratch: &mut Scratch<S::T>,
    out: *mut S::T,
    stride: usize,
) {
    scratch.reserve(rows.count.next_multiple_of(ROWS));
    let Scratch {
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
    unsafe { each_row::<S, ROWS, MOST_CENTERS, UNITS, true>(rows, moved, panels, scores, take) };
}
