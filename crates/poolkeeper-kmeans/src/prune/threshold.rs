//! Which centers are looked at one by one, and what a pass will cost.

use crate::kernels::classify::{Motion, farther, nearer, safe};

/// Where scoring all centers takes this many cycles, one distance is
/// computed first.
const TIGHTEN: f64 = 400.0;

/// Cycles for a sample, roughly, of what a pass can do with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    /// To read its bounds.
    pub(crate) skip: f64,
    /// To pack it.
    pub(crate) pack: f64,
    /// To score one center.
    pub(crate) center: f64,
    /// To compute its distance to one center in `f64`.
    pub(crate) distance: f64,
    /// Centers that are scored at once.
    pub(crate) width: usize,
}

impl Cost {
    /// For `columns` columns of numbers of `bytes` bytes, of which a processor
    /// that multiplies 64 bytes a cycle is assumed.
    pub(crate) fn new(columns: usize, bytes: usize, width: usize, fixed: bool) -> Self {
        let columns = columns as f64;
        Cost {
            skip: 4.0,
            // One stands for scoring along the rows, without packing.
            pack: if width == 1 { 0.1 } else { 0.4 } * columns
                + 15.0
                + 0.2 * columns * f64::from(fixed),
            center: if fixed {
                columns / 32.0 + 0.2
            } else {
                columns * bytes as f64 / 64.0 + 0.2
            },
            distance: 0.5 * columns + 10.0,
            width,
        }
    }

    /// The same, and its bounds made.
    pub(crate) fn bound(&self, centers: usize) -> f64 {
        self.scan(centers) + 0.15 * centers as f64 + 12.0
    }

    /// The same of a sample that is picked out.
    fn picked(&self, centers: usize) -> f64 {
        self.bound(centers) + 28.0
    }

    /// Whether the distance to the own center is computed before all are scored.
    pub(crate) fn tightens(&self, centers: usize) -> bool {
        self.scan(centers) > TIGHTEN
    }

    /// Of a sample that is scored against `centers` centers.
    pub(crate) fn scan(&self, centers: usize) -> f64 {
        self.pack + self.center * centers.next_multiple_of(self.width) as f64
    }
}

/// A guess for the next pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Forecast {
    pub(crate) threshold: f32,
    /// Cycles for an average sample.
    pub(crate) cycles: f64,
}

/// The threshold with the least cost for `bounds`: (label, upper, lower) of
/// some samples, before the motion. `motion.threshold` is not looked at.
pub(crate) fn choose(bounds: &[(i32, f32, f32)], motion: &Motion, cost: &Cost) -> Forecast {
    let k = motion.drift.len();
    let mut drift = motion.drift.clone();
    drift.sort_by(|a, b| b.total_cmp(a));
    let needed = needed_motion(bounds, motion);
    let share = |threshold: f32| {
        let left = needed.partition_point(|&allowed| allowed <= threshold);
        left as f64 / needed.len().max(1) as f64
    };
    let unsafe_share = share(motion.largest);
    let first = if cost.tightens(k) { cost.distance } else { 0.0 };
    let forecast = |movers: usize| {
        let threshold = drift[movers.min(k - 1)];
        let all = share(threshold);
        let some = if movers == 0 { 0.0 } else { unsafe_share - all };
        let cycles = cost.skip + all * (first + cost.picked(k)) + some * cost.picked(movers);
        Forecast { threshold, cycles }
    };
    let mut best = forecast(0);
    let mut movers = cost.width;
    while movers < k {
        let next = forecast(movers);
        if next.cycles < best.cycles {
            best = next;
        }
        movers += cost.width.max(movers / 2 / cost.width * cost.width);
    }
    best
}

/// How much the other centers may move before each sample is looked at,
/// sorted; 0 if not at all.
fn needed_motion(bounds: &[(i32, f32, f32)], motion: &Motion) -> Vec<f32> {
    let mut allowed: Vec<f32> = bounds
        .iter()
        .map(|&(label, upper, lower)| {
            let upper = farther(upper, motion.drift[label as usize]);
            let slack = nearer(lower, upper);
            let ok = safe(upper, lower, motion.farthest, motion.error);
            if ok { slack } else { 0.0 }
        })
        .collect();
    allowed.sort_by(f32::total_cmp);
    allowed
}
