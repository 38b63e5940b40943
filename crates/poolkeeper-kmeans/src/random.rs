//! Random choices, the same on every machine.

use ndarray::Array1;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use crate::Scalar;
use crate::rows::Weights;

/// A generator that `seed` and `stream` decide.
pub(crate) struct Random(Pcg64);

impl Random {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        bytes[8..16].copy_from_slice(&stream.to_le_bytes());
        bytes[16] = 1;
        Random(Pcg64::from_seed(bytes))
    }

    /// From 0, below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * 2.0_f64.powi(-53)
    }

    /// A sample, drawn in proportion to its weight.
    pub(crate) fn sample<T: Scalar>(&mut self, rows: usize, weights: &Weights<T>) -> usize {
        if !weights.given() {
            return ((self.unit() * rows as f64) as usize).min(rows - 1);
        }
        let total: f64 = weights.iter().sum();
        let mut left = self.unit() * total;
        let mut last = 0;
        for (i, w) in weights.iter().enumerate().filter(|(_, w)| *w > 0.0) {
            last = i;
            left -= w;
            if left < 0.0 {
                break;
            }
        }
        last
    }

    /// `count` different samples, drawn in proportion to their weights. Those
    /// without weight come last, if the others are too few.
    pub(crate) fn samples<T: Scalar>(
        &mut self,
        count: usize,
        rows: usize,
        weights: &Weights<T>,
    ) -> Vec<usize> {
        // Efraimidis and Spirakis 2006: the largest u^(1/w), here as -ln(u)/w.
        let keys = Array1::from_shape_fn(rows, |i| {
            let weight = weights.of(i);
            let key = -(1.0 - self.unit()).ln();
            if weight > 0.0 {
                key / weight
            } else {
                f64::INFINITY
            }
        });
        let mut order: Vec<usize> = (0..rows).collect();
        let by_key = |a: &usize, b: &usize| keys[*a].total_cmp(&keys[*b]).then(a.cmp(b));
        if count < rows {
            order.select_nth_unstable_by(count, by_key);
            order.truncate(count);
        }
        order.sort_by(by_key);
        order
    }
}
