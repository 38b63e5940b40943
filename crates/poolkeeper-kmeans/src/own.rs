//! The distance of each sample to its own center, where the samples come from
//! memory one after another.

use crate::Scalar;
use crate::kernels::Table;
use crate::kernels::ahead::{LINE, fetch};
use crate::rows::Rows;

/// Memory is asked for so many bytes ahead.
const AHEAD: usize = 8 << 10;

/// Samples, and the centers that they may have.
pub(crate) struct Own<'a, T: 'static> {
    table: &'static Table<T>,
    rows: &'a Rows<'a, T>,
    centers: &'a [T],
    columns: usize,
    /// Which row after one is asked for.
    ahead: usize,
}

impl<'a, T: Scalar> Own<'a, T> {
    /// `centers` one after another, with `columns` columns as the rows.
    pub(crate) fn new(
        table: &'static Table<T>,
        rows: &'a Rows<'a, T>,
        centers: &'a [T],
        columns: usize,
    ) -> Self {
        Own {
            table,
            rows,
            centers,
            columns,
            ahead: (AHEAD / (columns * size_of::<T>())).max(1),
        }
    }

    /// The squared distance of row `i` to the center with that label.
    pub(crate) fn square(&self, i: usize, label: i32) -> f64 {
        assert!(i < self.rows.count);
        if i + self.ahead < self.rows.count {
            let ahead = self.rows.row(i + self.ahead);
            for j in (0..self.columns).step_by(LINE / size_of::<T>()) {
                fetch(ahead.wrapping_add(j), false);
            }
        }
        let center = &self.centers[label as usize * self.columns..][..self.columns];
        // SAFETY: the table is one for this processor; the row and the center
        // have `columns` numbers each.
        unsafe { (self.table.square_distance)(self.rows.row(i), center.as_ptr(), self.columns) }
    }
}
