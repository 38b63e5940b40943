//! Tests of the sums.

use super::*;

fn range(weights: &[f64]) -> WeightRange {
    let mut range = WeightRange::empty();
    weights.iter().for_each(|&weight| range.add(weight));
    range
}

#[test]
fn the_magic_moves_with_the_offset_where_no_digit_is_lost() {
    let near = |reach: &[f64], offset: &[f64]| {
        Quanta::new(reach, offset, 9.0, &WeightRange::ones(), false)
    };
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

/// The weight and the mean of one column of samples of one center.
fn mean(samples: &[(f64, f64)]) -> (f64, f64) {
    let weights: Vec<f64> = samples.iter().map(|&(_, weight)| weight).collect();
    let reach = samples.iter().map(|(x, _)| x.abs()).fold(0.0, f64::max);
    let count = samples.len() as f64;
    let quanta = Quanta::new(&[reach], &[0.0], count, &range(&weights), true);
    let mut sums = Sums::new(1, &quanta);
    for &(x, weight) in samples {
        let (class, weight) = quanta.weigh(weight);
        // SAFETY: one column, and room for its fine sum.
        unsafe {
            let to = sums.values[class * quanta.width()..].as_mut_ptr();
            crate::kernels::plain::add_rows([[x].as_ptr()], [weight], &quanta, to);
        }
        sums.masses.add(class, quanta.count(weight));
    }
    let mean = sums.mean(&quanta, 0).next().expect("one column");
    (sums.masses.of(&quanta, 0), mean)
}

#[test]
fn light_samples_among_themselves_are_as_exact_as_heavy_ones() {
    for unit in [1e-300, 1e-16, 1.0, 1e290] {
        // The heavy ones of another center only set the quantum.
        let samples = [
            (10.3, unit),
            (11.1, unit),
            (12.9, unit),
            (0.0, 1e300),
            (1.0, 1e300),
        ];
        let (weight, found) = mean(&samples[..3]);
        assert!((weight / unit - 3.0).abs() < 1e-15, "{weight}");
        assert!((found - 34.3 / 3.0).abs() < 1e-14, "{found}");
        let (weight, found) = mean(&samples);
        let left = 34.3 * (unit / 1e300);
        assert!((weight / 2e300 - 1.0).abs() < 1e-9, "{weight}");
        assert!((found - (1.0 + left) / 2.0).abs() < 1e-9, "{found}");
    }
    // A number far below the farthest.
    let (_, found) = mean(&[(1e14, 1.0), (-1e14, 1.0), (0.3, 1.0), (0.6, 1.0)]);
    assert!((found - 0.225).abs() < 1e-15, "{found}");
    assert!((mean(&[(1.0, 1.5e308), (2.0, 1.5e308)]).1 - 1.5).abs() < 1e-15);
}

#[test]
fn few_quanta_are_the_number_that_many_would_be() {
    let edge = 1_i64 << 53;
    let counts = [0, 1, -1, 3, -7, edge - 1, edge, -edge, edge + 1, 1 << 60];
    for [quantum, fine] in [
        [1.0, 1.0],
        [2.0_f64.powi(-40), 2.0_f64.powi(-88)],
        [2.0_f64.powi(900), 2.0_f64.powi(850)],
        [2.0_f64.powi(-1000), SMALLEST],
    ] {
        for whole in counts {
            for left in counts {
                let of_many = value_of_many([whole, left], [quantum, fine]);
                let found = value([whole, left], [quantum, fine]);
                assert_eq!(found.to_bits(), of_many.to_bits(), "{whole} {left}");
            }
        }
    }
}
