//! The kernels: one source, compiled once for each set of instructions.

pub(crate) mod across;
#[cfg(test)]
mod across_tests;
pub(crate) mod ahead;
mod along;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx2_whole;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512_whole;
pub(crate) mod classify;
pub(crate) mod dispatch;
pub(crate) mod fixed;
#[cfg(test)]
mod fixed_tests;
pub(crate) mod plain;
mod portable;
pub(crate) mod scan;
mod simd;
pub(crate) mod sparse;
#[cfg(test)]
mod tests;
pub(crate) mod wide;

use crate::panels::Panels;
use crate::rows::{Moved, Rows};
use crate::update::Quanta;
use scan::Scratch;

/// Looks for the nearest centers: see [`scan::nearest`].
pub(crate) type Nearest<T> = unsafe fn(&Rows<T>, &Moved<T>, &Panels<T>, &mut Scratch<T>);
/// Writes scores: see [`scan::scores`].
pub(crate) type Scores<T> =
    unsafe fn(&Rows<T>, &Moved<T>, &Panels<T>, &mut Scratch<T>, *mut T, usize);

/// Adds rows to sums: see [`plain::add_rows`].
pub(crate) type AddRows<T, const ROWS: usize> =
    unsafe fn([*const T; ROWS], [f64; ROWS], &Quanta, *mut i64);

/// The kernels for one shape of tile.
#[derive(Clone, Copy)]
pub(crate) struct Tile<T: 'static> {
    /// Samples in a block.
    pub(crate) samples: usize,
    /// Centers in a panel; 1, where one panel has them all, for scoring along the rows.
    pub(crate) centers: usize,
    /// The nearest center.
    pub(crate) nearest: Nearest<T>,
    /// The nearest, the second nearest, and `|x|²`.
    pub(crate) two_nearest: Nearest<T>,
    /// All scores.
    pub(crate) scores: Scores<T>,
}

/// Everything that is compiled for one set of instructions and one type.
///
/// # Safety
///
/// The functions may only be called on a processor that has the instructions:
/// [`dispatch`] hands out no other.
pub struct Table<T: 'static> {
    /// Tiles, from many samples and few centers to the opposite.
    pub(crate) tiles: &'static [Tile<T>],
    /// For few centers and many columns: see [`along`].
    pub(crate) along: Tile<T>,
    /// In fixed point: to be called only where the processor has what it
    /// needs beyond the rest ...
    pub(crate) fixed: fixed::FixedTile<T>,
    pub(crate) fixed_runs: fn() -> bool,
    /// ... and worth it where that is faster.
    pub(crate) fixed_pays: bool,
    /// See [`wide::square_distances`].
    pub(crate) square_distance: unsafe fn(*const T, *const T, usize) -> f64,
    pub(crate) square_distances: wide::SquareDistances<T>,
    /// See [`plain::add_rows`].
    pub(crate) add_row: AddRows<T, 1>,
    pub(crate) add_rows: AddRows<T, { plain::AT_ONCE }>,
    /// See [`plain::move_row`].
    pub(crate) move_row: unsafe fn(*const T, f64, &Quanta, *mut i64, *mut i64),
    /// See [`classify::classify`].
    pub(crate) classify: classify::Classify,
    /// See [`classify::changed`].
    pub(crate) changed: classify::Changed<T>,
    /// See [`classify::bounds`].
    pub(crate) bounds: classify::MakeBounds<T>,
    /// See [`wide::column_range`].
    pub(crate) column_range: unsafe fn(&Rows<T>, usize, &mut wide::Columns),
    /// See [`wide::potential`].
    pub(crate) potential: unsafe fn(*const T, *const T, *const T, *const T, usize) -> f64,
    /// See [`across::potentials`].
    pub(crate) potentials: across::Potentials<T>,
    /// See [`sparse::nearest`].
    pub(crate) nearest_sparse: sparse::NearestSparse<T>,
    /// See [`plain::lower`].
    pub(crate) lower: unsafe fn(*mut T, *const T, *const T, usize),
}
