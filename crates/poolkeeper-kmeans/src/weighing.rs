//! Sample weights of any range: in classes, in each of which a sum of integers is as
//! exact as it is of samples without weights.

/// What is known of the weights of some samples.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightRange {
    /// The smallest that is more than 0; infinite, if none is.
    pub smallest: f64,
    /// The largest.
    pub largest: f64,
    /// Which powers of two the weights have: bit `i` of number `j` is set where one
    /// is at least 2^(64 j + i - 1074), and less than twice that.
    pub powers: Vec<u64>,
}

/// The power of two of the smallest `f64`.
const LOWEST: i32 = -1074;
/// Powers of two of an `f64`.
const POWERS: usize = (1024 - LOWEST) as usize;

/// The power of two of a number that is more than 0: the largest that is not above it.
pub(crate) fn power_of(x: f64) -> i32 {
    let bits = x.to_bits();
    match (bits >> 52) as i32 & 0x7ff {
        0 => 63 - bits.leading_zeros() as i32 + LOWEST,
        exponent => exponent - 1023,
    }
}

impl WeightRange {
    /// That of no sample.
    pub(crate) fn empty() -> Self {
        WeightRange {
            smallest: f64::INFINITY,
            largest: 0.0,
            powers: vec![0; POWERS.div_ceil(64)],
        }
    }

    /// Of samples without weights, each of which counts as 1.
    pub fn ones() -> Self {
        let mut range = Self::empty();
        range.add(1.0);
        range
    }

    #[inline]
    pub(crate) fn add(&mut self, weight: f64) {
        if weight > 0.0 {
            self.smallest = self.smallest.min(weight);
            self.largest = self.largest.max(weight);
            let power = (power_of(weight) - LOWEST) as usize;
            self.powers[power / 64] |= 1 << (power % 64);
        }
    }

    pub(crate) fn merge(&mut self, other: &WeightRange) {
        self.smallest = self.smallest.min(other.smallest);
        self.largest = self.largest.max(other.largest);
        for (to, from) in self.powers.iter_mut().zip(&other.powers) {
            *to |= from;
        }
    }

    /// Whether all that are more than 0 are the same.
    fn is_uniform(&self) -> bool {
        self.smallest >= self.largest
    }

    /// The powers of two, the largest first.
    fn falling(&self) -> impl Iterator<Item = i32> {
        let is_set = |power: &usize| {
            self.powers
                .get(power / 64)
                .is_some_and(|n| n >> (power % 64) & 1 == 1)
        };
        (0..POWERS)
            .rev()
            .filter(is_set)
            .map(|power| power as i32 + LOWEST)
    }
}

/// Weights as numbers of at most 2 times the unit of their class.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weighing {
    /// The unit of each class, the largest first. Its weights are less than twice that.
    units: Vec<f64>,
    /// The class of each power of two; empty where there is one class.
    classes: Vec<u16>,
}

impl Weighing {
    /// Classes of so many `bits`: each weight is more than 2^-bits of its class' unit. (Of
    /// weights that are all the same, that one is the unit.)
    pub(crate) fn new(range: &WeightRange, bits: i32) -> Self {
        if range.is_uniform() {
            let unit = if range.largest > 0.0 {
                range.largest
            } else {
                1.0
            };
            return Weighing {
                units: vec![unit],
                classes: Vec::new(),
            };
        }
        let mut tops: Vec<i32> = Vec::new();
        let mut classes = vec![0; POWERS];
        for power in range.falling() {
            if tops.last().is_none_or(|top| power <= top - bits) {
                tops.push(power);
            }
            classes[(power - LOWEST) as usize] = (tops.len() - 1) as u16;
        }
        if tops.len() == 1 {
            classes.clear();
        }
        let unit = |power: i32| crate::exact::times_power(1.0, power);
        Weighing {
            units: tops.into_iter().map(unit).collect(),
            classes,
        }
    }

    pub(crate) fn classes(&self) -> usize {
        self.units.len()
    }

    pub(crate) fn unit(&self, class: usize) -> f64 {
        self.units[class]
    }

    /// The class of a weight, and the weight in its unit: an exact number.
    #[inline(always)]
    pub(crate) fn of(&self, weight: f64) -> (usize, f64) {
        if self.classes.is_empty() {
            return (
                0,
                if weight == self.units[0] {
                    1.0
                } else {
                    weight / self.units[0]
                },
            );
        }
        if weight <= 0.0 {
            return (0, 0.0);
        }
        let class = self.classes[(power_of(weight) - LOWEST) as usize] as usize;
        (class, weight / self.units[class])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(weights: &[f64]) -> WeightRange {
        let mut range = WeightRange::empty();
        weights.iter().for_each(|&weight| range.add(weight));
        range
    }

    #[test]
    fn every_weight_is_an_exact_number_of_its_class() {
        let weights = [5e-324, 3e-310, 1e-300, 0.3, 0.7, 1.0, 1e17, 1.7e308];
        let weighing = Weighing::new(&range(&weights), 40);
        assert_eq!(weighing.classes(), 5);
        for weight in weights {
            let (class, number) = weighing.of(weight);
            assert!(
                (2.0_f64.powi(-40)..2.0).contains(&number),
                "{weight} is {number}"
            );
            assert_eq!(number * weighing.unit(class), weight);
        }
        assert_eq!(weighing.of(0.0), (0, 0.0));
    }

    #[test]
    fn weights_that_are_the_same_are_ones() {
        for weight in [5e-324, 0.3, 1.0, 1.7e308] {
            let weighing = Weighing::new(&range(&[weight, 0.0, weight]), 40);
            assert_eq!((weighing.classes(), weighing.of(weight)), (1, (0, 1.0)));
            assert_eq!(weighing.of(0.0), (0, 0.0));
        }
        assert_eq!(Weighing::new(&WeightRange::empty(), 40).of(0.0), (0, 0.0));
    }

    #[test]
    fn parts_have_the_classes_of_the_whole() {
        let mut whole = range(&[3.0, 1e-40]);
        whole.merge(&range(&[0.0]));
        whole.merge(&WeightRange::ones());
        assert_eq!(whole, range(&[1.0, 1e-40, 3.0, 0.0]));
        assert_eq!(Weighing::new(&whole, 30).classes(), 2);
    }
}
