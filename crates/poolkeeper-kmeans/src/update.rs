//! Sums of samples, one for each center, that no order of adding changes.
//!
//! Each number is rounded to a multiple of its column's quantum, and then
//! counted as an integer. So any cut into threads, blocks or machines,
//! and any way of adding and taking away, gives the same bits.

use ndarray::{Array2, ArrayView1, ArrayView2};

use crate::Scalar;

/// The quantum of each column and of the weights.
#[derive(Debug, Clone)]
pub(crate) struct Quanta {
    /// 3/2 * 2^52 quanta: adding it to a number rounds that to quanta. Of a
    /// column that is constant it may be anything.
    pub(crate) magic: Vec<f64>,
    /// Taken off before rounding.
    pub(crate) offset: Vec<f64>,
    pub(crate) quantum: Vec<f64>,
    /// `magic - offset`, where that is exact for every column.
    moved_magic: Option<Vec<f64>>,
    weight_magic: f64,
    pub(crate) weight_quantum: f64,
}

/// The smallest power of two that is not below `x`, within the normal numbers.
pub(crate) fn power_above(x: f64) -> f64 {
    let x = x.clamp(f64::MIN_POSITIVE, f64::MAX / 4.0);
    let floor = f64::from_bits(x.to_bits() & (0x7ff << 52));
    if floor < x { floor * 2.0 } else { floor }
}

/// 3/2 * 2^52.
pub(crate) const MAGIC: f64 = 6_755_399_441_055_744.0;

impl Quanta {
    /// Numbers up to `reach`, times weights up to `largest`, must fit 2^50
    /// quanta, and their sum over so many `samples` 2^61. (Not over their weights,
    /// whose sum would depend on its order.)
    pub(crate) fn new<T: Scalar>(reach: &[f64], offset: &[T], samples: f64, largest: f64) -> Self {
        let quantum = |reach: f64| {
            let one = largest * reach * 2.0_f64.powi(-50);
            let all = samples * largest * reach * 2.0_f64.powi(-61);
            power_above(one.max(all).max(f64::MIN_POSITIVE * 2.0))
        };
        // Without weights they are 1 and exact.
        let weight_quantum = quantum(1.0);
        let quantum: Vec<f64> = reach.iter().map(|&r| quantum(r)).collect();
        let offset: Vec<f64> = offset.iter().map(|o| o.wide()).collect();
        let mut magic: Vec<f64> = quantum.iter().map(|q| MAGIC * q).collect();
        let columns = magic.iter_mut().zip(&offset).zip(reach);
        let moved_magic = columns.map(|((magic, &offset), &reach)| {
            if reach > 0.0 {
                return exact_difference(*magic, offset);
            }
            // All are the offset, and 0 quanta away from what rounding makes of it.
            let moved = *magic - offset;
            *magic = offset + moved;
            Some(moved)
        });
        Quanta {
            moved_magic: moved_magic.collect(),
            magic,
            offset,
            quantum,
            weight_magic: MAGIC * weight_quantum,
            weight_quantum,
        }
    }

    /// What rounds samples of these weights to quanta, offset included, when it
    /// is added to them: if all weights are 1, and `magic - offset` is exact.
    /// Otherwise the offset is taken off first, which rounds once more; so a
    /// sample must be added and taken away in the same way.
    #[inline(always)]
    pub(crate) fn moved_magic(&self, weights: &[f64]) -> Option<&[f64]> {
        let ones = weights.iter().all(|&weight| weight == 1.0);
        self.moved_magic.as_deref().filter(|_| ones)
    }

    pub(crate) fn weight(&self, weight: f64) -> i64 {
        let bits = (weight + self.weight_magic).to_bits() as i64;
        bits.wrapping_sub(self.weight_magic.to_bits() as i64)
    }
}

/// `a - b`, if no digit is lost.
fn exact_difference(a: f64, b: f64) -> Option<f64> {
    let difference = a - b;
    // What rounding took from `b` and from `a` (Knuth's sum without error).
    let b_kept = a - difference;
    let a_kept = difference + b_kept;
    (b_kept == b && a_kept == a).then_some(difference)
}

/// For each center the sum of its samples and of their weights, in quanta.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) values: Vec<i64>,
    pub(crate) weights: Vec<i64>,
}

impl Sums {
    pub(crate) fn new(k: usize, columns: usize) -> Self {
        Sums {
            values: vec![0; k * columns],
            weights: vec![0; k],
        }
    }

    /// The sums and the weight of each center.
    pub(crate) fn centers_mut(&mut self) -> impl Iterator<Item = (&mut [i64], &mut i64)> {
        let columns = self.values.len() / self.weights.len().max(1);
        let mut values = self.values.as_mut_slice();
        self.weights.iter_mut().map(move |weight| {
            let (of_one, rest) = std::mem::take(&mut values).split_at_mut(columns);
            values = rest;
            (of_one, weight)
        })
    }

    pub(crate) fn clear(&mut self) {
        self.values.fill(0);
        self.weights.fill(0);
    }

    pub(crate) fn add(&mut self, other: &Sums) {
        let add = |to: &mut [i64], from: &[i64]| {
            for (to, from) in to.iter_mut().zip(from) {
                *to = to.wrapping_add(*from);
            }
        };
        add(&mut self.values, &other.values);
        add(&mut self.weights, &other.weights);
    }

    /// The means of the samples of each center; `old` where there is none.
    pub(crate) fn means<T: Scalar>(&self, quanta: &Quanta, old: ArrayView2<T>) -> Array2<T> {
        let mut centers = old.to_owned();
        for (c, mut center) in centers.outer_iter_mut().enumerate() {
            if self.weights[c] > 0 {
                (center.iter_mut().zip(self.mean(quanta, c))).for_each(|(x, mean)| *x = mean);
            }
        }
        centers
    }

    /// The mean of the samples of a center that has some.
    pub(crate) fn mean<T: Scalar>(&self, quanta: &Quanta, c: usize) -> impl Iterator<Item = T> {
        let columns = quanta.magic.len();
        let weight = self.weights[c] as f64 * quanta.weight_quantum;
        let sums = &self.values[c * columns..][..columns];
        (sums.iter().zip(&quanta.quantum).zip(&quanta.offset))
            .map(move |((&sum, quantum), offset)| T::near(offset + sum as f64 * quantum / weight))
    }
}

/// Lanes of a sum, so that the next number need not wait for the last.
pub(crate) const LANES: usize = 8;

/// The sum of `f` of the numbers of two rows.
pub(crate) fn sum<T: Scalar>(
    a: ArrayView1<T>,
    b: ArrayView1<T>,
    f: impl Fn(f64, f64) -> f64,
) -> f64 {
    let (a, b) = (a.as_standard_layout(), b.as_standard_layout());
    let (a, a_rest) = a.as_slice().unwrap_or_default().as_chunks::<LANES>();
    let (b, b_rest) = b.as_slice().unwrap_or_default().as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += f(a[lane].wide(), b[lane].wide());
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += f(a.wide(), b.wide());
    }
    lanes.iter().sum()
}

/// A sum of numbers from 0 to a known bound, the same in any order, with
/// about 80 bits below the bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Exact {
    high: i128,
    low: i128,
}

/// The two quanta of an [`Exact`] sum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bound {
    high: f64,
    low: f64,
}

impl Bound {
    pub(crate) fn new(largest: f64) -> Self {
        let high =
            power_above(largest.max(f64::MIN_POSITIVE * 2.0_f64.powi(100))) * 2.0_f64.powi(-40);
        Bound {
            high,
            low: high * 2.0_f64.powi(-40),
        }
    }
}

impl Exact {
    pub(crate) fn add(&mut self, x: f64, bound: Bound) {
        let (high, low) = (MAGIC * bound.high, MAGIC * bound.low);
        let rounded = x + high;
        let rest = x - (rounded - high);
        self.high += i128::from((rounded.to_bits() as i64).wrapping_sub(high.to_bits() as i64));
        self.low += i128::from(((rest + low).to_bits() as i64).wrapping_sub(low.to_bits() as i64));
    }

    pub(crate) fn parts(self) -> [i128; 2] {
        [self.high, self.low]
    }

    pub(crate) fn from_parts([high, low]: [i128; 2]) -> Self {
        Exact { high, low }
    }

    pub(crate) fn merge(&mut self, other: Exact) {
        self.high += other.high;
        self.low += other.low;
    }

    pub(crate) fn value(self, bound: Bound) -> f64 {
        self.high as f64 * bound.high + self.low as f64 * bound.low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_magic_moves_with_the_offset_where_no_digit_is_lost() {
        let near = |reach: &[f64], offset: &[f64]| Quanta::new(reach, offset, 9.0, 1.0);
        // An offset near and far, and columns that are constant.
        let offset = [0.25, 1e6, 0.1, 0.0, -7.3, 1e-300];
        let quanta = near(&[1.0, 1.0, 0.0, 0.0, 0.0, 0.0], &offset);
        let moved = quanta.moved_magic(&[1.0, 1.0]).expect("short numbers");
        for (j, x) in [0.75, 1e6 - 0.5, 0.1, 0.0, -7.3, 1e-300]
            .into_iter()
            .enumerate()
        {
            let bits = [x + moved[j], quanta.magic[j]].map(|x| x.to_bits() as i64);
            let count = bits[0] - bits[1];
            assert_eq!(count as f64 * quanta.quantum[j], x - quanta.offset[j]);
        }
        assert_eq!(quanta.moved_magic(&[1.0, 2.0]), None);
        // A third has digits far below the quantum.
        assert_eq!(near(&[1e6], &[1.0 / 3.0]).moved_magic(&[1.0]), None);
    }
}
