//! Sums of samples, one for each center, that no order of adding changes.
//!
//! Each number is rounded to a multiple of its column's quantum, and then
//! counted as an integer. So any cut into threads, blocks or machines,
//! and any way of adding and taking away, gives the same bits.
//!
//! Where weights differ, or the samples are not centred, what is left is counted in a
//! second, fine quantum; and weights of very different sizes are summed apart, in
//! classes (`weighing.rs`).

use ndarray::{Array1, Array2};

use crate::Scalar;
use crate::kernels::plain::{quantised, rounded};
use crate::lanes::sum;
use crate::weighing::{Weighing, WeightRange, power_of};

/// The quanta of each column and of the weights.
#[derive(Debug, Clone)]
pub(crate) struct Quanta {
    /// 3/2 * 2^52 quanta: adding it to a number rounds that to quanta. Of a
    /// column that is constant it may be anything.
    pub(crate) magic: Vec<f64>,
    /// Taken off before rounding.
    pub(crate) offset: Vec<f64>,
    pub(crate) quantum: Vec<f64>,
    /// The same of what rounding to quanta leaves, if that is counted.
    pub(crate) fine: Option<Fine>,
    /// `magic - offset`, where that is exact for every column.
    moved_magic: Option<Vec<f64>>,
    weighing: Weighing,
    weight_magic: [f64; 2],
    weight_quantum: [f64; 2],
}

/// The fine quantum of each column.
#[derive(Debug, Clone)]
pub(crate) struct Fine {
    pub(crate) magic: Vec<f64>,
    quantum: Vec<f64>,
}

/// The smallest power of two that is not below `x`, within the normal numbers.
pub(crate) fn power_above(x: f64) -> f64 {
    let x = x.clamp(f64::MIN_POSITIVE, f64::MAX / 4.0);
    let floor = f64::from_bits(x.to_bits() & (0x7ff << 52));
    if floor < x { floor * 2.0 } else { floor }
}

/// 3/2 * 2^52.
pub(crate) const MAGIC: f64 = 6_755_399_441_055_744.0;

/// No quantum is smaller.
const SMALLEST: f64 = f64::MIN_POSITIVE * 2.0;
/// Bits that are kept of the smallest weight of a class.
const KEPT: i32 = 55;

impl Quanta {
    /// Numbers up to `reach`, times weights up to the largest of a class, must fit 2^50
    /// quanta, and their sum over so many `samples` 2^61. (Not over their weights,
    /// whose sum would depend on its order.) The same holds for what is left of them and
    /// the fine quanta, which are there if they are `wanted` or the weights differ.
    pub(crate) fn new<T: Scalar>(
        reach: &[f64],
        offset: &[T],
        samples: f64,
        weights: &WeightRange,
        wanted: bool,
    ) -> Self {
        let differ = weights.smallest < weights.largest;
        // In the unit of their class weights are less than 2; those that don't differ are 1.
        let largest = if differ { 2.0 } else { 1.0 };
        let quantum = |reach: f64| {
            let one = largest * reach * 2.0_f64.powi(-50);
            let all = samples * largest * reach * 2.0_f64.powi(-61);
            power_above(one.max(all).max(SMALLEST))
        };
        let doublings = power_of(power_above(samples));
        let fine_bits = (62 - doublings).clamp(8, 50);
        let fine_quantum = |quantum: f64| (quantum * 2.0_f64.powi(-fine_bits)).max(SMALLEST);
        let bits = 48.min(59 - doublings) + fine_bits - KEPT;
        let weight_quantum = quantum(1.0);
        let weight_quantum = [weight_quantum, fine_quantum(weight_quantum)];
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
        let moved_magic = moved_magic.collect();
        let fine = (wanted || differ).then(|| {
            let quantum: Vec<f64> = quantum.iter().map(|&q| fine_quantum(q)).collect();
            let magic = quantum.iter().map(|q| MAGIC * q).collect();
            Fine { magic, quantum }
        });
        Quanta {
            moved_magic,
            magic,
            offset,
            quantum,
            fine,
            weighing: Weighing::new(weights, bits.clamp(8, 60)),
            weight_magic: weight_quantum.map(|quantum| MAGIC * quantum),
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
        self.moved_magic
            .as_deref()
            .filter(|_| ones && self.fine.is_none())
    }

    pub(crate) fn columns(&self) -> usize {
        self.magic.len()
    }

    /// How many integers a center's sums of one class are: one for each column, then the
    /// fine ones.
    pub(crate) fn width(&self) -> usize {
        self.columns() * if self.fine.is_some() { 2 } else { 1 }
    }

    /// How many classes of weights there are.
    pub(crate) fn classes(&self) -> usize {
        self.weighing.classes()
    }

    /// The class of a weight, and the weight as a number of its unit.
    #[inline(always)]
    pub(crate) fn weigh(&self, weight: f64) -> (usize, f64) {
        self.weighing.of(weight)
    }

    /// The quantum of the weights.
    pub(crate) fn weight_quantum(&self) -> f64 {
        self.weight_quantum[0]
    }

    /// A weight in the unit of its class, in quanta and in fine ones.
    #[inline(always)]
    pub(crate) fn count(&self, weight: f64) -> [i64; 2] {
        let (whole, left) = rounded(weight, self.weight_magic[0]);
        [whole, quantised(left, self.weight_magic[1])]
    }

    /// No number that is summed is off by more, times the weight's unit: of a column,
    /// and of a weight.
    pub(crate) fn finest(&self, column: usize) -> [f64; 2] {
        let of_column = self
            .fine
            .as_ref()
            .map_or(&self.quantum, |fine| &fine.quantum)[column];
        let of_weight = self.weight_quantum[usize::from(self.fine.is_some())];
        [of_column, of_weight].map(|quantum| quantum * self.weighing.unit(0))
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

/// So many quanta and fine ones: the nearest number.
#[inline(always)]
fn value(counts: [i64; 2], quanta: [f64; 2]) -> f64 {
    const EXACT: i64 = 1 << f64::MANTISSA_DIGITS;
    if counts.iter().all(|count| (-EXACT..=EXACT).contains(count)) {
        // Both products are exact, so that only their sum is rounded.
        return counts[0] as f64 * quanta[0] + counts[1] as f64 * quanta[1];
    }
    value_of_many(counts, quanta)
}

/// The same where a count has more digits than an `f64`.
#[cold]
fn value_of_many([whole, left]: [i64; 2], [quantum, fine]: [f64; 2]) -> f64 {
    let ratio = (quantum / fine) as i128;
    (i128::from(whole) * ratio + i128::from(left)) as f64 * fine
}

/// For each class of weights, and each center, the weight of its samples in quanta.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Masses {
    centers: usize,
    pub(crate) counts: Vec<[i64; 2]>,
}

impl Masses {
    pub(crate) fn new(k: usize, quanta: &Quanta) -> Self {
        Masses {
            centers: k,
            counts: vec![[0; 2]; k * quanta.classes()],
        }
    }

    pub(crate) fn from_counts(centers: usize, counts: Vec<[i64; 2]>) -> Self {
        Masses { centers, counts }
    }

    /// Where a center's weights of a class are counted.
    #[inline(always)]
    pub(crate) fn place(&self, class: usize, center: usize) -> usize {
        class * self.centers + center
    }

    #[inline(always)]
    pub(crate) fn add(&mut self, place: usize, count: [i64; 2]) {
        let to = &mut self.counts[place];
        *to = [to[0].wrapping_add(count[0]), to[1].wrapping_add(count[1])];
    }

    #[inline(always)]
    pub(crate) fn take(&mut self, place: usize, count: [i64; 2]) {
        self.add(place, count.map(i64::wrapping_neg));
    }

    fn classes(&self) -> usize {
        self.counts.len() / self.centers.max(1)
    }

    /// The class of the heaviest samples of a center; none where no sample has a weight.
    fn heaviest(&self, center: usize) -> Option<usize> {
        (0..self.classes()).find(|&class| self.counts[self.place(class, center)] != [0; 2])
    }

    /// Whether no sample of a center has a weight.
    pub(crate) fn is_empty(&self, center: usize) -> bool {
        self.heaviest(center).is_none()
    }

    /// The weight of a center's samples in the unit of a class: of that and of lighter ones.
    fn in_unit_of(&self, quanta: &Quanta, center: usize, class: usize) -> f64 {
        let of = |class| {
            value(
                self.counts[self.place(class, center)],
                quanta.weight_quantum,
            )
        };
        summed(quanta, class, of)
    }

    /// The weight of a center's samples; infinite beyond the largest `f64`.
    pub(crate) fn of(&self, quanta: &Quanta, center: usize) -> f64 {
        let class = self.heaviest(center).unwrap_or(0);
        self.in_unit_of(quanta, center, class) * quanta.weighing.unit(class)
    }
}

/// The sum over a class and all lighter ones, each of which is in its own unit.
fn summed(quanta: &Quanta, class: usize, of: impl Fn(usize) -> f64) -> f64 {
    let unit = quanta.weighing.unit(class);
    let lighter = (class + 1..quanta.classes()).rev();
    let sum: f64 = lighter
        .map(|other| of(other) * (quanta.weighing.unit(other) / unit))
        .sum();
    sum + of(class)
}

/// What centers did.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moves {
    /// The sum of the squared distances that they moved.
    pub(crate) shift: f64,
    /// Whether one moved at all: the shift of a tiny move may be 0.
    pub(crate) any: bool,
}

/// For each class and center the sum of its samples and of their weights, in quanta.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) values: Vec<i64>,
    pub(crate) masses: Masses,
}

impl Sums {
    pub(crate) fn new(k: usize, quanta: &Quanta) -> Self {
        Sums {
            values: vec![0; quanta.classes() * k * quanta.width()],
            masses: Masses::new(k, quanta),
        }
    }

    /// The sums and the weight at each place.
    pub(crate) fn places_mut(&mut self) -> impl Iterator<Item = (&mut [i64], &mut [i64; 2])> {
        let width = self.values.len() / self.masses.counts.len().max(1);
        let mut values = self.values.as_mut_slice();
        self.masses.counts.iter_mut().map(move |count| {
            let (of_one, rest) = std::mem::take(&mut values).split_at_mut(width);
            values = rest;
            (of_one, count)
        })
    }

    pub(crate) fn clear(&mut self) {
        self.values.fill(0);
        self.masses.counts.fill([0; 2]);
    }

    pub(crate) fn add(&mut self, other: &Sums) {
        for (to, from) in self.values.iter_mut().zip(&other.values) {
            *to = to.wrapping_add(*from);
        }
        for (place, &count) in other.masses.counts.iter().enumerate() {
            self.masses.add(place, count);
        }
    }

    /// Moves each center that has samples to their mean.
    pub(crate) fn move_to_means<T: Scalar>(
        &self,
        quanta: &Quanta,
        centers: &mut Array2<T>,
    ) -> Moves {
        let mut moves = Moves::default();
        for (c, mut center) in centers.outer_iter_mut().enumerate() {
            let mut shift = 0.0;
            if !self.masses.is_empty(c) {
                let mean: Array1<T> = self.mean(quanta, c).collect();
                moves.any |= center != mean;
                shift = sum(center.view(), mean.view(), |a, b| (a - b) * (a - b));
                center.assign(&mean);
            }
            moves.shift += shift;
        }
        moves
    }

    /// The mean of the samples of a center that has some.
    pub(crate) fn mean<T: Scalar>(&self, quanta: &Quanta, c: usize) -> impl Iterator<Item = T> {
        self.mean_of(quanta, c, 0..quanta.columns())
    }

    /// Some columns of it.
    pub(crate) fn mean_of<T: Scalar>(
        &self,
        quanta: &Quanta,
        c: usize,
        columns: impl Iterator<Item = usize>,
    ) -> impl Iterator<Item = T> {
        let class = self.masses.heaviest(c).unwrap_or(0);
        let weight = self.masses.in_unit_of(quanta, c, class);
        columns.map(move |j| {
            let sum = self.in_unit_of(quanta, c, class, j);
            T::near(quanta.offset[j] + sum / weight)
        })
    }

    /// The sum of a column over the samples of a center, as [`Masses::in_unit_of`].
    #[inline]
    fn in_unit_of(&self, quanta: &Quanta, center: usize, class: usize, column: usize) -> f64 {
        let at = |class| self.masses.place(class, center) * quanta.width() + column;
        let Some(fine) = &quanta.fine else {
            return self.values[at(0)] as f64 * quanta.quantum[column];
        };
        let quantum = [quanta.quantum[column], fine.quantum[column]];
        summed(quanta, class, |class| {
            let at = at(class);
            value(
                [self.values[at], self.values[at + quanta.columns()]],
                quantum,
            )
        })
    }

    /// The same of all samples of a center, in no unit.
    pub(crate) fn of(&self, quanta: &Quanta, center: usize, column: usize) -> f64 {
        let class = self.masses.heaviest(center).unwrap_or(0);
        self.in_unit_of(quanta, center, class, column) * quanta.weighing.unit(class)
    }
}

#[cfg(test)]
#[path = "update_tests.rs"]
mod tests;
