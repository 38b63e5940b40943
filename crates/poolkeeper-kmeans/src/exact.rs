//! Sums without any error, which no order of adding changes.

/// Bits of a digit.
const BITS: i32 = 64;
/// The exponent of the lowest bit: below that of the product of the two smallest numbers.
const LOWEST: i32 = -2176;
/// Digits up to the product of the two largest, and one for what is carried.
const DIGITS: usize = 68;

/// A sum of squares (numbers of 0 or more) times weights, without error: a fixed-point
/// number that has room for every product of two `f64` (Kulisch 1971). Only the product
/// itself is rounded, to 64 bits.
///
/// # Examples
///
/// ```
/// use poolkeeper_kmeans::Exact;
///
/// let mut sum = Exact::default();
/// sum.add(1e200, 1.0);
/// sum.add(1e-200, 1.0);
/// let mut other = Exact::default();
/// other.add(1e-200, 1.0);
/// sum.merge(&other);
/// assert_eq!(sum.value(), 1e200);
/// assert_eq!(Exact::from_digits(&sum.digits()), Some(sum));
/// ```
#[derive(Debug, Clone)]
pub struct Exact {
    /// Each holds what was added to one digit; what passes it has not been carried.
    digits: [u128; DIGITS],
    /// Something that is no finite number was added.
    spoilt: bool,
}

impl Default for Exact {
    fn default() -> Self {
        Exact {
            digits: [0; DIGITS],
            spoilt: false,
        }
    }
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.spoilt == other.spoilt && self.carried() == other.carried()
    }
}

impl Eq for Exact {}

/// A finite number of 0 or more as a whole number and the power of two it is times.
#[inline(always)]
fn parts(x: f64) -> (u64, i32) {
    let bits = x.to_bits();
    let (exponent, fraction) = ((bits >> 52) as i32, bits & ((1 << 52) - 1));
    if exponent == 0 {
        (fraction, -1074)
    } else {
        (fraction | (1 << 52), exponent - 1075)
    }
}

impl Exact {
    /// Adds a square times a weight.
    #[inline(always)]
    pub fn add(&mut self, square: f64, weight: f64) {
        // The sign bit of -0 or of less than 0, and NaN, are no numbers of 0 or more.
        let numbers = 0.0..f64::INFINITY;
        if !(numbers.contains(&square) && numbers.contains(&weight)) {
            self.spoilt = true;
            return;
        }
        let (mut whole, mut exponent) = parts(square.abs());
        if weight != 1.0 {
            let (factor, power) = parts(weight.abs());
            // At most 106 bits.
            let product = u128::from(whole) * u128::from(factor);
            let spare = (128 - product.leading_zeros() as i32 - BITS).max(0);
            whole = (product >> spare) as u64;
            exponent += power + spare;
        }
        let above = exponent - LOWEST;
        let (digit, shift) = ((above / BITS) as usize, above % BITS);
        let wide = u128::from(whole) << shift;
        self.digits[digit] += wide & u128::from(u64::MAX);
        self.digits[digit + 1] += wide >> BITS;
    }

    /// Adds what another sum has.
    pub fn merge(&mut self, other: &Exact) {
        self.spoilt |= other.spoilt;
        // Carried, it never comes near the end of a digit.
        for (to, from) in self.digits.iter_mut().zip(other.carried()) {
            *to += u128::from(from);
        }
    }

    /// The digits, the lowest first.
    fn carried(&self) -> [u64; DIGITS] {
        let mut carry = 0_u128;
        self.digits.map(|digit| {
            // The sum of two halves of 128 bits stays below their end.
            let sum = carry + (digit & u128::from(u64::MAX));
            carry = (sum >> BITS) + (digit >> BITS);
            sum as u64
        })
    }

    /// The sum: the nearest `f64`, infinite beyond the largest. NaN if something was added
    /// that is no finite number of 0 or more.
    pub fn value(&self) -> f64 {
        if self.spoilt {
            return f64::NAN;
        }
        let digits = self.carried();
        let Some(top) = digits.iter().rposition(|&digit| digit > 0) else {
            return 0.0;
        };
        let below = |places: usize| top.checked_sub(places).map_or(0, |at| digits[at]);
        let two = u128::from(digits[top]) << BITS | u128::from(below(1));
        // 128 bits from the first that is set, and whether there is any after them.
        let lead = two.leading_zeros();
        let third = u128::from(below(2));
        let head = if lead == 0 {
            two
        } else {
            two << lead | third >> (BITS as u32 - lead)
        };
        let left = lead != 0 && (third << lead) as u64 != 0 || lead == 0 && third != 0;
        let more = left
            || digits[..top.saturating_sub(2)]
                .iter()
                .any(|&digit| digit > 0);
        let exponent = LOWEST + BITS * (top as i32 - 1) - lead as i32;
        times_power((head | u128::from(more)) as f64, exponent)
    }

    /// The sum in digits of 64 bits, without the zeros on both sides: first the place of
    /// the lowest, or the largest number if the sum is spoilt.
    pub fn digits(&self) -> Vec<u64> {
        let all = self.carried();
        let first = all.iter().position(|&digit| digit > 0).unwrap_or(0);
        let last = all
            .iter()
            .rposition(|&digit| digit > 0)
            .map_or(0, |at| at + 1);
        let place = if self.spoilt { u64::MAX } else { first as u64 };
        let digits = if self.spoilt {
            &[][..]
        } else {
            &all[first..last.max(first)]
        };
        std::iter::once(place)
            .chain(digits.iter().copied())
            .collect()
    }

    /// The sum that has these [`digits`](Exact::digits); none if no sum has.
    pub fn from_digits(digits: &[u64]) -> Option<Exact> {
        let (&place, digits) = digits.split_first()?;
        let mut sum = Exact::default();
        if place == u64::MAX {
            sum.spoilt = true;
            return Some(sum);
        }
        let room = sum.digits.get_mut(usize::try_from(place).ok()?..)?;
        for (to, &digit) in room.get_mut(..digits.len())?.iter_mut().zip(digits) {
            *to = digit.into();
        }
        Some(sum)
    }
}

/// `x` times a power of two: in steps, as the power itself may be no `f64`.
pub(crate) fn times_power(x: f64, mut power: i32) -> f64 {
    let mut x = x;
    while power != 0 && x != 0.0 && x.is_finite() {
        let step = power.clamp(-1000, 1000);
        x *= 2.0_f64.powi(step);
        power -= step;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(numbers: &[(f64, f64)]) -> Exact {
        let mut sum = Exact::default();
        numbers
            .iter()
            .for_each(|&(square, weight)| sum.add(square, weight));
        sum
    }

    #[test]
    fn it_is_the_nearest_number_whatever_the_sizes() {
        let huge = 2.0_f64.powi(1000);
        assert_eq!(
            sum(&[(huge, 1.0), (1.0, 1.0), (f64::MIN_POSITIVE, 1.0)]).value(),
            huge
        );
        // Half a unit in the last place goes to the even number, a trace more goes up.
        let half = f64::EPSILON / 2.0;
        assert_eq!(sum(&[(1.0, 1.0), (half, 1.0)]).value(), 1.0);
        let trace = sum(&[(1.0, 1.0), (half, 1.0), (5e-324, 5e-324)]).value();
        assert_eq!(trace, 1.0 + f64::EPSILON);
        assert_eq!(
            sum(&[(f64::MAX, 1.0), (f64::MAX, 1.0)]).value(),
            f64::INFINITY
        );
        assert_eq!(sum(&[(f64::MAX, f64::MAX)]).value(), f64::INFINITY);
        assert_eq!(sum(&[(1e-300, 1e300), (1e300, 1e-300)]).value(), 2.0);
        assert_eq!(
            sum(&[(0.0, 3.0), (3.0, 0.0), (5e-324, 1.0)]).value(),
            5e-324
        );
        assert!(sum(&[(1.0, 1.0), (f64::NAN, 1.0)]).value().is_nan());
        let many = sum(&[(0.1, 1.0); 1000]);
        assert!((many.value() - 100.0).abs() < 1e-14);
    }

    #[test]
    fn any_order_and_any_cut_give_the_same_digits() {
        let numbers: Vec<_> = (0..600)
            .map(|i| (2.0_f64.powi(3 * i - 900) * 1.7, 0.3))
            .collect();
        let backwards: Vec<_> = numbers.iter().rev().copied().collect();
        let mut halves = sum(&numbers[..300]);
        halves.merge(&sum(&numbers[300..]));
        for other in [sum(&backwards), halves] {
            assert_eq!(other, sum(&numbers));
            assert_eq!(other.digits(), sum(&numbers).digits());
            assert_eq!(Exact::from_digits(&other.digits()), Some(other));
        }
        assert_eq!(Exact::from_digits(&[]), None);
        assert_eq!(Exact::from_digits(&[99, 1]), None);
        let spoilt = sum(&[(-1.0, 1.0)]);
        assert_eq!(Exact::from_digits(&spoilt.digits()), Some(spoilt));
    }
}
