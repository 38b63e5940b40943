//! The inertia without another look at the samples.
//!
//! Relative to the frame's offset, let `T` be the total sum of squares, `Σ w|x|²`,
//! and for each center `c` let `S` be the sum and `W` the weight of its samples.
//! Then `Σ w|x - c|² = T - Σ c·(2S - W c)`. Where the samples lie close to their
//! centers, two large numbers cancel; so the error is bounded, too, and where it
//! may be seen the distances have to be summed themselves.

use ndarray::ArrayView2;

use crate::Scalar;
use crate::exact::Exact;
use crate::frame::Frame;
use crate::update::Sums;

/// Relative errors up to this are not seen. It is a bound for the worst case:
/// roundings go both ways, and cancel but for their root.
const UNSEEN: f64 = 1e-9;

/// The sum of the squared distances of the samples to the centers of their
/// labels, times weights; none where its error may be seen. `total` is that of the
/// squared distances to the offset.
///
/// It depends on nothing but integers that are the same in any order: no thread,
/// block or machine changes a bit, nor whether there is a result.
pub(crate) fn of_sums<T: Scalar>(
    sums: &Sums,
    total: &Exact,
    centers: ArrayView2<T>,
    frame: &Frame<T>,
) -> Option<f64> {
    let quanta = &frame.quanta;
    let total = total.value();
    let columns = frame.columns();
    // Of each column, how far a center that has samples is from the offset.
    let mut far = vec![0.0_f64; columns];
    let (mut less, mut size) = (Vec::new(), total);
    for (c, center) in centers.outer_iter().enumerate() {
        if sums.masses.is_empty(c) {
            continue;
        }
        let weight = sums.masses.of(quanta, c);
        let (mut own, mut own_size) = (0.0, 0.0);
        for (j, x) in center.iter().enumerate() {
            let x = x.wide() - quanta.offset[j];
            let sum = sums.of(quanta, c, j);
            let (twice, square) = (2.0 * x * sum, weight * x * x);
            own += twice - square;
            own_size += twice.abs() + square;
            far[j] = far[j].max(x.abs());
        }
        less.push(own);
        size += own_size;
    }
    // The same for the same clusters in another order.
    less.sort_by(f64::total_cmp);
    let inertia = total - less.iter().sum::<f64>();
    // A number that is summed is off by a quantum at most, and so is a weight.
    let quanta_off = far.iter().enumerate().map(|(j, far)| {
        let [of_column, of_weight] = quanta.finest(j);
        far * (2.0 * of_column + far * of_weight)
    });
    let quanta_off: f64 = quanta_off.sum();
    // Squares of columns, columns of a center, centers: one after another.
    let operations = (2 * columns + centers.nrows() + 16) as f64;
    let off = frame.samples * quanta_off + operations * f64::EPSILON * size;
    (off + f64::MIN_POSITIVE < UNSEEN * inertia).then_some(inertia)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::{Summary, Threads, partial};
    use ndarray::{Array1, Array2};

    /// The inertia from sums, if there is one, and from distances.
    fn both<T: Scalar>(spread: f64, whole: bool) -> (Option<f64>, f64) {
        let mut random = Random::new(3, 0);
        let mut noise = || random.unit() - 0.5;
        let cloud = |i: usize, j: usize| ((i % 5) * (j + 2) % 7) as f64;
        let x = Array2::from_shape_fn((700, 9), |(i, j)| T::near(cloud(i, j) + spread * noise()));
        let weights = Array1::from_shape_fn(700, |i| {
            T::near(if whole { 1.0 } else { 0.3 * (i % 4) as f64 })
        });
        let centers = Array2::from_shape_fn((5, 9), |(c, j)| T::near(cloud(c, j) + 0.1 * spread));
        let one = Threads(1);
        let summary = Summary::of(x.view(), Some(weights.view()), &one).expect("finite numbers");
        let frame = Frame::<T>::new(&summary).expect("small numbers");
        let (_, part) = partial(x.view(), Some(weights.view()), centers.view(), &frame, &one)
            .expect("sensible samples");
        let direct = part.inertia.value();
        let total = part.total.clone();
        (
            of_sums(&part.into_sums(), &total, centers.view(), &frame),
            direct,
        )
    }

    /// Two samples weigh next to nothing, and are all of the inertia.
    #[test]
    fn what_weighs_too_little_for_a_sum_is_not_lost() {
        let mut x = Array2::zeros((2002, 1));
        let mut weights = Array1::ones(2002);
        (x[[2000, 0]], x[[2001, 0]]) = (1.0, 1.2);
        (weights[2000], weights[2001]) = (1e-16, 1e-16);
        let centers = ndarray::array![[0.0], [1.1]];
        let found = crate::inertia(x.view(), Some(weights.view()), centers.view(), &Threads(1));
        let found = found.expect("sensible samples");
        assert!((found / 2e-18 - 1.0).abs() < 1e-3, "{found}");
    }

    #[test]
    fn it_is_that_of_the_distances_or_none() {
        for whole in [true, false] {
            for exponent in 0..9 {
                let spread = 10.0_f64.powi(-exponent);
                for (found, direct) in [both::<f32>(spread, whole), both::<f64>(spread, whole)] {
                    assert_eq!(found.is_some(), exponent < 2, "{spread}");
                    let off = found.map_or(0.0, |found| (found / direct - 1.0).abs());
                    assert!(off < UNSEEN / 100.0, "{spread}: {found:?} {direct}");
                }
            }
        }
    }
}
