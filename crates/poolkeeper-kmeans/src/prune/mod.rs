//! Exact pruning: which distances need not be computed. `README.md` beside
//! this file says why no label changes.

pub(crate) mod threshold;

use crate::Scalar;
use crate::kernels::Table;
use crate::kernels::classify::{Margin, Motion};
use crate::kernels::scan::Scratch;
use crate::panels::Panels;

/// The bounds of a run of samples.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bounds {
    pub(crate) upper: Vec<f32>,
    pub(crate) lower: Vec<f32>,
}

/// The next `f32` that is not below `x`.
pub(crate) fn up(x: f64) -> f32 {
    let near = x as f32;
    if f64::from(near) < x {
        near.next_up()
    } else {
        near
    }
}

/// How far what the kernels compute may be from the truth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Precision {
    /// Relative error of a squared distance: (columns + 4) times the spacing.
    relative: f64,
    spacing: f64,
    /// The largest `|c|`, and its square.
    farthest: f64,
    farthest_square: f64,
}

impl Precision {
    pub(crate) fn new<T: Scalar>(columns: usize, panels: &Panels<T>) -> Self {
        let farthest_square = panels.largest_norm();
        Precision {
            relative: (columns as f64 + 4.0) * T::SPACING,
            spacing: T::SPACING,
            farthest: farthest_square.sqrt() * (1.0 + T::SPACING),
            farthest_square,
        }
    }

    /// No less than a distance that was computed in `f64` from the numbers
    /// before they were moved and rounded.
    pub(crate) fn upper_of_distance(&self, distance: f64) -> f32 {
        up(distance + self.spacing * (2.0 * distance + 3.0 * self.farthest)).next_up()
    }

    /// What the test needs to know of `drift`; the threshold is to be chosen.
    pub(crate) fn motion(&self, drift: &[f64]) -> Motion {
        let drift: Vec<f32> = drift.iter().map(|&d| up(d * (1.0 + 1e-9))).collect();
        let largest = drift.iter().copied().fold(0.0, f32::max);
        Motion {
            drift,
            largest,
            threshold: largest,
            farthest: up(self.farthest),
            // The test itself is computed in f32.
            error: up(2.0 * self.relative * 1.001),
        }
    }

    /// Makes the bounds of the first `count` rows of which a scan found the
    /// two nearest centers; their scores may be off by `error` beside.
    pub(crate) fn bounds<T: Scalar>(
        &self,
        table: &Table<T>,
        scratch: &mut Scratch<T>,
        count: usize,
        error: f64,
    ) {
        let Scratch {
            norm,
            best,
            second,
            upper,
            near,
            lower,
            ..
        } = scratch;
        let margin = Margin {
            relative: self.relative,
            square: self.farthest_square,
            error,
        };
        // SAFETY: the table is one for this processor.
        unsafe { (table.bounds)(&norm[..count], best, second, margin, [upper, near, lower]) };
    }
}
