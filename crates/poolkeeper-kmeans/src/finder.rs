//! The nearest centers of some rows: in fixed point where that pays, and by
//! their scores where it leaves doubts.

use crate::Scalar;
use crate::fixed::Fixed;
use crate::kernels::scan::Scratch;
use crate::kernels::{Table, Tile};
use crate::panels::Panels;
use crate::prune::Precision;
use crate::rows::{Moved, Rows};

/// Centers, and the kernels to compare them with.
pub(crate) struct Finder<'a, T: 'static> {
    pub(crate) table: &'static Table<T>,
    pub(crate) moved: &'a Moved<T>,
    pub(crate) tile: &'a Tile<T>,
    pub(crate) panels: &'a Panels<T>,
    pub(crate) fixed: Option<&'a Fixed<T>>,
}

impl<T: Scalar> Finder<'_, T> {
    /// Fills `scratch` with the index of the nearest center of each row; with
    /// `precision` also with the bounds. Its `best` may be off by the error
    /// of fixed point, but is finite only if the score is.
    pub(crate) fn nearest(
        &self,
        rows: &Rows<T>,
        scratch: &mut Scratch<T>,
        precision: Option<&Precision>,
    ) {
        match self.fixed {
            Some(fixed) if fixed.pays() => {
                let kernel = if precision.is_some() {
                    fixed.tile.two_nearest
                } else {
                    fixed.tile.nearest
                };
                // SAFETY: as in `score`; `fixed` was made for its tile.
                unsafe { kernel(rows, fixed, scratch) };
                if let Some(precision) = precision {
                    precision.bounds(self.table, scratch, rows.count, fixed.error);
                }
                self.score_doubts(rows, scratch, precision);
            }
            _ => self.score(rows, scratch, precision),
        }
    }

    fn score(&self, rows: &Rows<T>, scratch: &mut Scratch<T>, precision: Option<&Precision>) {
        let kernel = if precision.is_some() {
            self.tile.two_nearest
        } else {
            self.tile.nearest
        };
        // SAFETY: the tile is one for this processor; rows, frame and panels
        // have the columns of the data, and the panels are for the tile.
        unsafe { kernel(rows, self.moved, self.panels, scratch) };
        if let Some(precision) = precision {
            precision.bounds(self.table, scratch, rows.count, 0.0);
        }
    }

    fn score_doubts(
        &self,
        rows: &Rows<T>,
        scratch: &mut Scratch<T>,
        precision: Option<&Precision>,
    ) {
        if scratch.doubts.is_empty() {
            return;
        }
        let mut again = scratch.again.take().unwrap_or_default();
        let mut places = std::mem::take(&mut scratch.places);
        places.clear();
        places.extend(scratch.doubts.iter().map(|&i| rows.place(i as usize)));
        self.score(&rows.pick(&places), &mut again, precision);
        for (from, &to) in scratch.doubts.iter().enumerate() {
            let to = to as usize;
            scratch.index[to] = again.index[from];
            scratch.best[to] = again.best[from];
            if precision.is_some() {
                scratch.upper[to] = again.upper[from];
                scratch.near[to] = again.near[from];
                scratch.lower[to] = again.lower[from];
            }
        }
        scratch.places = places;
        scratch.again = Some(again);
    }
}
