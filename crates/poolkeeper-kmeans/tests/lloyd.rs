//! The same as the plainest k-means, and the same bits however it is done.

mod clouds;
mod common;
mod plain;

use clouds::{Near, clouds};
use ndarray::{Array1, Array2, ArrayView2, s};
use plain::plain_lloyd;
use poolkeeper_kmeans::{Algorithm, Fit, Init, Kernel, Options, Scalar, Threads, assign, fit};

fn options<T: Scalar>(centers: Array2<T>) -> Options<T> {
    let k = centers.nrows();
    Options {
        init: Init::Centers(centers),
        tol: 0.0,
        ..Options::new(k)
    }
}

fn first<T: Scalar>(x: &Array2<T>, k: usize) -> Array2<T> {
    x.slice(s![..k, ..]).to_owned()
}

fn same_as_plain<T: Scalar + Near + Into<f64>>(tolerance: f64) {
    for (n, d, k) in [
        (50, 1, 3),
        (300, 2, 8),
        (500, 3, 7),
        (700, 17, 13),
        (1500, 40, 25),
        (301, 200, 5),
        (400, 150, 12),
    ] {
        let x = clouds::<T>(n, d, k, 1.5, n as u64);
        let weights = Array1::from_shape_fn(n, |i| T::from_f64(1.0 + (i % 3) as f64));
        let start = first(&x, k);
        let ours = fit(
            x.view(),
            Some(weights.view()),
            options(start.clone()),
            &Threads(2),
        )
        .unwrap();
        let weights: Vec<f64> = weights.iter().map(|&w| w.into()).collect();
        let plain = plain_lloyd(x.view(), &weights, start.view(), 300);
        assert_eq!(ours.labels, plain.labels, "{n} x {d}, {k} centers");
        assert_eq!(ours.iterations, plain.iterations, "{n} x {d}, {k} centers");
        assert!((ours.inertia / plain.inertia - 1.0).abs() < tolerance);
        for (ours, plain) in ours.centers.iter().zip(&plain.centers) {
            assert!((Into::<f64>::into(*ours) - plain).abs() < tolerance * 10.0);
        }
        assert!(ours.strict && ours.converged);
    }
}

#[test]
fn single_precision_is_the_same_as_plain_lloyd() {
    same_as_plain::<f32>(1e-6);
}

#[test]
fn double_precision_is_the_same_as_plain_lloyd() {
    same_as_plain::<f64>(1e-12);
}

fn bits<T: Scalar + Into<f64>>(fit: &Fit<T>) -> (Vec<u64>, Vec<i32>, u64, usize) {
    let centers = fit.centers.iter().map(|&c| Into::<f64>::into(c).to_bits());
    (
        centers.collect(),
        fit.labels.clone(),
        fit.inertia.to_bits(),
        fit.iterations,
    )
}

fn same_bits<T: Scalar + Near + Into<f64>>() {
    for (n, d, k) in [(3000, 5, 20), (2500, 33, 40), (900, 133, 9)] {
        let x = clouds::<T>(n, d, k, 0.7, 5);
        // Some samples are added in the way of those that have no weights.
        let weights: Array1<T> = (0..n)
            .map(|i| T::from_f64([1.0, 2.0, 0.3][i % 3]))
            .collect();
        let run = |view: ArrayView2<T>, kernel, algorithm, threads| {
            let options = Options {
                kernel: Some(kernel),
                algorithm,
                max_iter: 30,
                ..options(first(&x, k))
            };
            [None, Some(weights.view())].map(|weights| {
                bits(&fit(view, weights, options.clone(), &Threads(threads)).unwrap())
            })
        };
        let first = run(x.view(), Kernel::Portable, Algorithm::Brute, 1);
        let columns_first = x.t().to_owned();
        let wide = Array2::from_shape_fn((n, 2 * d), |(i, j)| x[[i, j / 2]]);
        let turned = x.slice(s![..;-1, ..]).to_owned();
        for kernel in Kernel::available() {
            for algorithm in [Algorithm::Brute, Algorithm::Pruned, Algorithm::Auto] {
                for threads in [1, 2, 5] {
                    let found = run(x.view(), kernel, algorithm, threads);
                    assert!(found == first, "{kernel:?} {algorithm:?} {threads}");
                }
                assert!(run(columns_first.t(), kernel, algorithm, 2) == first);
                assert!(run(wide.slice(s![.., ..;2]), kernel, algorithm, 2) == first);
                assert!(run(turned.slice(s![..;-1, ..]), kernel, algorithm, 2) == first);
            }
        }
    }
}

#[test]
fn threads_kernels_algorithms_and_strides_change_no_bit_of_single_precision() {
    same_bits::<f32>();
}

#[test]
fn threads_kernels_algorithms_and_strides_change_no_bit_of_double_precision() {
    same_bits::<f64>();
}

/// Shapes large enough for fixed point, and data that it is not made for:
/// ties, samples far out, and columns far from 0.
fn same_labels_in_fixed_point<T: Scalar + Near + Into<f64>>() {
    let (n, k) = (9000, 20);
    let usual = |d| clouds::<T>(n, d, k, 0.6, 7);
    let wide = |x: T| -> f64 { x.into() };
    let ties = usual(6).mapv(|x| T::from_f64(wide(x).round()));
    let mut far = usual(9);
    for mut row in far.outer_iter_mut().step_by(700) {
        row.mapv_inplace(|x| T::from_f64(wide(x) * 1e4));
    }
    let shifted = usual(7).mapv(|x| T::from_f64(wide(x) + 3e3));
    let tiny = usual(17).mapv(|x| T::from_f64(wide(x) * 1e-20));
    for x in [usual(5), usual(33), ties, far, shifted, tiny] {
        let run = |kernel, algorithm, threads| {
            let options = Options {
                kernel: Some(kernel),
                algorithm,
                max_iter: 12,
                ..options(first(&x, k))
            };
            bits(&fit(x.view(), None, options.clone(), &Threads(threads)).unwrap())
        };
        // The portable kernel has no use for fixed point.
        let expected = run(Kernel::Portable, Algorithm::Brute, 1);
        for kernel in Kernel::available() {
            for algorithm in [Algorithm::Brute, Algorithm::Pruned] {
                let found = run(kernel, algorithm, 2);
                assert_eq!(found, expected, "{kernel:?} {algorithm:?} {:?}", x.dim());
            }
        }
    }
}

/// The second clouds are so small that the inertia is computed from distances.
#[test]
fn a_pruned_fit_that_is_stopped_has_the_same_inertia() {
    let spreads = [2.0, 1e-4];
    for (spread, max_iter) in spreads.iter().flat_map(|&s| (2..6).map(move |m| (s, m))) {
        let x = clouds::<f32>(3000, 150, 30, spread, 11);
        let run = |algorithm| {
            let options = Options {
                algorithm,
                max_iter,
                ..options(first(&x, 90))
            };
            bits(&fit(x.view(), None, options.clone(), &Threads(2)).unwrap())
        };
        let expected = run(Algorithm::Brute);
        assert_eq!(expected.3, max_iter);
        assert!(run(Algorithm::Pruned) == expected, "{max_iter} iterations");
    }
}

#[test]
fn fixed_point_changes_no_bit() {
    same_labels_in_fixed_point::<f32>();
    same_labels_in_fixed_point::<f64>();
}

#[test]
fn new_samples_are_compared_in_fixed_point_as_exactly() {
    let x = clouds::<f64>(6000, 12, 9, 1.0, 3);
    let mut far = x.clone();
    far.row_mut(17).mapv_inplace(|x| x * 1e7);
    let centers = first(&x, 9);
    let labels = assign(far.view(), centers.view(), &Threads(2)).unwrap();
    for (row, label) in far.outer_iter().zip(labels) {
        let square = |c: usize| {
            let pairs = row.iter().zip(centers.row(c));
            pairs.map(|(x, c)| (x - c) * (x - c)).sum::<f64>()
        };
        let least = (0..9).map(square).fold(f64::INFINITY, f64::min);
        assert!(square(label as usize) <= least * (1.0 + 1e-9));
    }
}

/// Starts of several panels of candidates, on several chunks and threads.
fn same_start<T: Scalar + Near + Into<f64>>() {
    let x = clouds::<T>(60_000, 6, 12, 1.0, 5);
    let columns_first = x.t().as_standard_layout().to_owned();
    let weights = ndarray::Array1::from_shape_fn(x.nrows(), |i| T::from_f64((i % 4) as f64));
    for weights in [None, Some(weights.view())] {
        let run = |x: ndarray::ArrayView2<T>, kernel, threads| {
            let options = Options {
                seed: 11,
                init: Init::PlusPlus {
                    local_trials: Some(9),
                },
                n_init: 2,
                max_iter: 1,
                kernel: Some(kernel),
                ..Options::new(12)
            };
            bits(&fit(x, weights, options.clone(), &Threads(threads)).unwrap())
        };
        let expected = run(x.view(), Kernel::Portable, 1);
        for kernel in Kernel::available() {
            assert_eq!(run(x.view(), kernel, 3), expected, "{kernel:?}");
            assert_eq!(run(columns_first.t(), kernel, 2), expected, "{kernel:?}");
        }
    }
}

#[test]
fn a_start_has_the_same_bits_everywhere() {
    same_start::<f32>();
    same_start::<f64>();
}

#[test]
fn the_seed_decides() {
    let x = clouds::<f32>(900, 4, 12, 1.0, 1);
    for init in [
        Init::Random,
        Init::Parallel,
        Init::PlusPlus { local_trials: None },
    ] {
        let run = |seed, threads| {
            let options = Options {
                seed,
                init: init.clone(),
                n_init: 2,
                ..Options::new(12)
            };
            bits(&fit(x.view(), None, options.clone(), &Threads(threads)).unwrap())
        };
        assert_eq!(run(3, 1), run(3, 2));
        assert_ne!(run(3, 1), run(4, 1));
    }
}

#[test]
fn the_best_of_several_starts_is_kept() {
    let x = clouds::<f64>(600, 2, 15, 4.0, 2);
    let inertia = |n_init| {
        let options = Options {
            n_init,
            init: Init::Random,
            ..Options::new(15)
        };
        fit(x.view(), None, options.clone(), &Threads(1))
            .unwrap()
            .inertia
    };
    let first = inertia(1);
    assert!(inertia(8) < first);
}
