//! What all parts of a fit work on.

use std::sync::{Mutex, MutexGuard, PoisonError};

use ndarray::ArrayView2;

use crate::fixed;
use crate::frame::Frame;
use crate::kernels::fixed::FixedTile;
use crate::kernels::{Table, Tile};
use crate::panels::Panels;
use crate::parallel::Team;
use crate::rows::{Data, Weights};
use crate::{Control, Scalar};

/// The data, and the means to compute with it.
#[derive(Clone, Copy)]
pub(crate) struct Problem<'a, T: 'static> {
    pub(crate) data: &'a Data<'a, T>,
    pub(crate) weights: Weights<'a, T>,
    pub(crate) frame: &'a Frame<T>,
    pub(crate) table: &'static Table<T>,
    pub(crate) team: &'a Team,
    pub(crate) control: &'a dyn Control,
}

impl<T: Scalar> Problem<'_, T> {
    /// How many threads to use for every sample with `centers` centers.
    pub(crate) fn threads(&self, centers: usize) -> usize {
        Team::size(self.control, self.data.rows * self.data.columns * centers)
    }

    /// The tile for `k` centers.
    pub(crate) fn tile(&self, k: usize) -> Tile<T> {
        choose_tile(self.table, k, self.data.columns)
    }

    /// The tile for them in fixed point, where that pays.
    pub(crate) fn fixed_tile(&self, k: usize, tile: &Tile<T>) -> Option<FixedTile<T>> {
        choose_fixed_tile(self.table, k, self.data, tile)
    }

    pub(crate) fn panels(&self, centers: ArrayView2<T>, width: usize) -> Panels<T> {
        let mut panels = Panels::default();
        panels.fill(centers, self.frame, width);
        panels
    }
}

/// Packing samples costs more than it saves up to so many centers ...
const FEW_CENTERS: usize = 14;
/// ... with so many columns.
const MANY_COLUMNS: usize = 128;

/// The tile that wastes least on the centers that pad the last panel; of
/// those that waste the same, the one with the most centers.
/// Few centers and many columns are scored along the rows instead. Nothing but
/// the shape decides, so that a fit and a prediction score alike.
pub(crate) fn choose_tile<T: Copy>(table: &Table<T>, k: usize, columns: usize) -> Tile<T> {
    if k <= FEW_CENTERS && columns >= MANY_COLUMNS {
        return table.along;
    }
    let tiles = table.tiles;
    let padded = |tile: &&Tile<T>| k.next_multiple_of(tile.centers);
    let best = tiles.iter().rev().min_by_key(padded);
    *best.unwrap_or(&tiles[0])
}

/// The tile in fixed point, where that is faster than `tile`.
pub(crate) fn choose_fixed_tile<T: Scalar>(
    table: &Table<T>,
    k: usize,
    data: &Data<T>,
    tile: &Tile<T>,
) -> Option<FixedTile<T>> {
    // Those along the rows are faster still.
    let pays = tile.centers > 1 && fixed::pays(data.rows, data.columns, k);
    (pays && table.fixed_pays && (table.fixed_runs)()).then_some(table.fixed)
}

/// A lock whose holder may have panicked: the panic is raised again by the
/// team, and nothing is read after it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
