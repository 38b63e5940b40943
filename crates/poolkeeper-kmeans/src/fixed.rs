//! Centers in fixed point, for `kernels::fixed`: their unit, and the error of
//! the scores, which `prune/README.md` derives.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Scalar;
use crate::frame::Frame;
use crate::kernels::fixed::FixedTile;
use crate::panels::Panels;
use crate::rows::{Data, Moved};
use crate::update::{MAGIC, power_above};

/// The length of the farthest sample and of twice the farthest center, in
/// units: so that each number fits 16 bits and each score 31.
const LENGTH: f64 = 32_000.0;
/// Below so many columns nothing is saved: rounding costs more.
const FEWEST_COLUMNS: usize = 5;
/// ... nor below so many centers.
const FEWEST_CENTERS: usize = 6;
/// ... nor below so many samples: the centers must be rounded, too.
const FEWEST_ROWS: usize = 4096;
/// With more columns the sums of errors could pass 31 bits.
const MOST_COLUMNS: usize = 1 << 20;
/// The rows that are asked how far samples reach.
const ASKED: usize = 256;
/// Farther than the farthest of them by this factor, a sample is in doubt.
const SPARE: f64 = 1.1;
/// What may be lost, in units, for more of the range to be used.
const MOST_LOST: f64 = 0.05;
/// Where more than one of so many samples is in doubt, nothing is gained.
const TOO_MANY: usize = 3;

/// `|x|²` of a sample of that length, in units: up to it the error is known.
pub(crate) const LARGEST_NORM: i32 = (LENGTH * LENGTH) as i32;

/// Centers in fixed point, in panels for a tile: pairs of columns, times -2,
/// with `|c|²` beside.
pub(crate) struct Fixed<T: 'static> {
    pub(crate) tile: FixedTile<T>,
    pairs: usize,
    values: Vec<i32>,
    norms: Vec<i32>,
    /// How samples are moved and scaled to units: `x * scale - offset`.
    pub(crate) scale: T,
    pub(crate) offset: Vec<T>,
    /// A score of 1, as a squared distance.
    pub(crate) unit: T,
    /// The same of `|x|²`.
    pub(crate) square_unit: T,
    /// The bits of a score that the index of its center takes the place of.
    pub(crate) tags: i32,
    /// The nearest center is certain if the second score is larger by more.
    pub(crate) doubt: i32,
    /// What `|x|²` and a score, in squared distances, may be off by together.
    pub(crate) error: f64,
    seen: AtomicUsize,
    doubted: AtomicUsize,
}

/// Whether fixed point pays for this shape.
pub(crate) fn pays(rows: usize, columns: usize, centers: usize) -> bool {
    let columns = (FEWEST_COLUMNS..MOST_COLUMNS).contains(&columns);
    columns && centers >= FEWEST_CENTERS && rows >= FEWEST_ROWS
}

/// How far samples reach from the offset, from some of them: a guess that no
/// result depends on.
pub(crate) fn probe<T: Scalar>(data: &Data<T>, frame: &Frame<T>) -> f64 {
    let Moved { scale, offset } = &frame.moved;
    let norm = |i: usize| -> f64 {
        let moved =
            (0..data.columns).map(|j| data.at(i, j).wide() * scale.wide() - offset[j].wide());
        moved.map(|x| x * x).sum()
    };
    let rows = (0..data.rows).step_by(data.rows.div_ceil(ASKED));
    SPARE * rows.map(norm).fold(0.0, f64::max).sqrt()
}

/// What rounding the scaled offset and the scale can move a number by, in
/// units; nothing with a power of two.
fn lost<T: Scalar>(scale: f64, frame: &Frame<T>) -> f64 {
    if power_above(scale) == scale {
        return 0.0;
    }
    let offset = &frame.moved.offset;
    let farthest = offset.iter().map(|o| o.wide().abs()).fold(0.0, f64::max) * scale;
    // The scale's relative error is of a product up to the offset and a length.
    (2.0 * farthest + LENGTH) * T::SPACING
}

/// At most `wanted`: that, or where it would lose too much a power of two.
fn scale_for<T: Scalar>(wanted: f64, frame: &Frame<T>) -> f64 {
    let rounded = T::near(wanted * (1.0 - T::SPACING)).wide();
    if lost(rounded, frame) < MOST_LOST {
        rounded
    } else {
        power_above(wanted) / 2.0
    }
}

/// `x`, which is far below 2^51, rounded to a whole number, ties to even. (Without
/// an instruction for it the compiler would call the C library.)
fn nearest_whole(x: f64) -> f64 {
    x + MAGIC - MAGIC
}

impl<T: Scalar> Fixed<T> {
    /// Packs the first `k` centers of `panels` for samples that reach as far as
    /// `reach`. `None` where that is not possible: all are at the offset, or too
    /// near or too far for the type.
    pub(crate) fn new(
        k: usize,
        panels: &Panels<T>,
        frame: &Frame<T>,
        tile: FixedTile<T>,
        reach: f64,
    ) -> Option<Fixed<T>> {
        let square = |x: f64| x * x;
        // The panels hold -2c.
        let squares: Vec<f64> = (0..k)
            .map(|c| panels.columns_of(c).map(|x| square(x.wide()) / 4.0).sum())
            .collect();
        let farthest = squares.iter().copied().fold(0.0, f64::max).sqrt();
        let reach = reach.max(farthest);
        let scale = scale_for::<T>(LENGTH / reach, frame);
        let of_centers = LENGTH / (2.0 * farthest);
        let units = scale * of_centers;
        // Far from the ends of the type, where neither these nor the scores
        // lose digits or overflow. NaN is outside of any range.
        let sensible = 4.0 / T::LARGEST..=T::LARGEST / 64.0;
        let scales = [units, 1.0 / units, scale * scale, 1.0 / (scale * scale)];
        let lengths = [
            reach * reach,
            farthest * farthest,
            scale * frame.moved.scale.wide(),
        ];
        let usable = scales.iter().chain(&lengths).all(|x| sensible.contains(x));
        if !usable || !squares.iter().all(|square| square <= sensible.end()) {
            return None;
        }
        let pairs = frame.columns().div_ceil(2);
        let padded = k.next_multiple_of(tile.centers);
        let mut fixed = Fixed {
            tile,
            pairs,
            values: vec![0; padded * pairs],
            // Those that pad the last panel are infinitely far.
            norms: vec![i32::MAX; padded],
            scale: T::near(frame.moved.scale.wide() * scale),
            offset: frame
                .moved
                .offset
                .iter()
                .map(|o| T::near(o.wide() * scale))
                .collect(),
            unit: T::near(1.0 / units),
            square_unit: T::near(1.0 / (scale * scale)),
            tags: (k.next_power_of_two() - 1) as i32,
            doubt: 0,
            error: 0.0,
            seen: AtomicUsize::new(0),
            doubted: AtomicUsize::new(0),
        };
        let mut rounding = 0.0_f64;
        for (c, &norm) in squares.iter().enumerate() {
            let first = fixed.at(c);
            let panel = &mut fixed.values[first..];
            let mut off = 0.0;
            let mut columns = panels.columns_of(c).take(frame.columns()).map(|x| {
                let x = x.wide() * of_centers;
                let whole = nearest_whole(x);
                off += square(x - whole);
                i32::from(whole as i16) & 0xffff
            });
            let mut at = 0;
            while let Some(low) = columns.next() {
                panel[at] = low | columns.next().unwrap_or(0) << 16;
                at += tile.centers;
            }
            drop(columns);
            rounding = rounding.max(off);
            fixed.norms[c] = nearest_whole(norm * units) as i32;
        }
        fixed.set_error(frame, scale, farthest, rounding.sqrt(), units)
    }

    /// `rounding`: the longest rest of a rounded center, in its units. `None` if
    /// the error is so large that 32 bits might not hold it.
    fn set_error(
        mut self,
        frame: &Frame<T>,
        scale: f64,
        farthest: f64,
        rounding: f64,
        units: f64,
    ) -> Option<Fixed<T>> {
        let columns = self.offset.len();
        // A number is rounded to 16 bits, and before that to the type.
        let of_number = 0.5 + lost(scale, frame) + 2.0 * LENGTH * T::SPACING;
        let of_sample = (columns as f64).sqrt() * of_number;
        let length = LENGTH + of_sample;
        let reach = length / scale;
        let score = 0.5 + length * rounding + of_sample * (LENGTH + rounding);
        // Of the scores that the labels are defined by.
        let exact = (columns as f64 + 4.0) * T::SPACING * farthest * (farthest + 2.0 * reach);
        // An index in the place of the last bits moves a score by less.
        let score = score * 1.000_001 + f64::from(self.tags);
        let certain = 2.0 * (score + exact * units) + 1.0;
        self.doubt = certain as i32;
        let norm = of_sample * (2.0 * length + of_sample);
        // They are turned to the type and multiplied by a rounded unit.
        let turned = 3.0 * f64::from(f32::EPSILON) * (reach + farthest) * (reach + farthest);
        self.error = score / units + norm / (scale * scale) + turned;
        (certain < f64::from(i32::MAX / 8)).then_some(self)
    }

    /// Some of the centers, in panels of the same width.
    pub(crate) fn pick(&self, centers: &[u32]) -> Fixed<T> {
        let width = self.tile.centers;
        let padded = centers.len().next_multiple_of(width);
        let mut values = vec![0; padded * self.pairs];
        let mut norms = vec![i32::MAX; padded];
        for (to, &from) in centers.iter().enumerate() {
            let from = from as usize;
            for j in 0..self.pairs {
                values[self.at(to) + j * width] = self.values[self.at(from) + j * width];
            }
            norms[to] = self.norms[from];
        }
        Fixed {
            values,
            norms,
            offset: self.offset.clone(),
            seen: AtomicUsize::new(0),
            doubted: AtomicUsize::new(0),
            ..*self
        }
    }

    /// Where the first pair of a center is.
    fn at(&self, center: usize) -> usize {
        let width = self.tile.centers;
        center / width * width * self.pairs + center % width
    }

    pub(crate) fn count(&self) -> usize {
        self.norms.len() / self.tile.centers
    }

    #[inline(always)]
    pub(crate) fn panel(&self, p: usize) -> *const i32 {
        self.values[p * self.tile.centers * self.pairs..].as_ptr()
    }

    #[inline(always)]
    pub(crate) fn norms(&self, p: usize) -> *const i32 {
        self.norms[p * self.tile.centers..].as_ptr()
    }

    pub(crate) fn count_doubts(&self, seen: usize, doubted: usize) {
        self.seen.fetch_add(seen, Ordering::Relaxed);
        self.doubted.fetch_add(doubted, Ordering::Relaxed);
    }

    /// Whether few enough samples are in doubt, as far as is known.
    pub(crate) fn pays(&self) -> bool {
        let [seen, doubted] = [&self.seen, &self.doubted].map(|n| n.load(Ordering::Relaxed));
        seen < 1024 || doubted <= seen / TOO_MANY
    }
}
