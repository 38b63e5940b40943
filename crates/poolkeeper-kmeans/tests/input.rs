//! What can't be clustered is refused by name; what looks odd is clustered right.

use ndarray::{Array1, Array2, array};
use poolkeeper_kmeans::{
    Control, Error, Frame, Init, Options, Result, Summary, Threads, assign, fit, inertia, partial,
    plus_plus, transform,
};

fn refused(x: &Array2<f32>, options: &Options<f32>) -> Error {
    fit(x.view(), None, options.clone(), &Threads(2)).unwrap_err()
}

fn line(n: usize) -> Array2<f32> {
    Array2::from_shape_fn((n, 1), |(i, _)| i as f32)
}

#[test]
fn empty_data_is_refused() {
    for shape in [(0, 3), (3, 0)] {
        assert_eq!(
            refused(&Array2::zeros(shape), &Options::new(1)).code(),
            "empty"
        );
    }
}

#[test]
fn a_number_of_clusters_that_the_data_can_not_have_is_refused() {
    for k in [0, 4] {
        let error = refused(&line(3), &Options::new(k));
        assert_eq!(
            error,
            Error::Clusters {
                clusters: k,
                samples: 3
            }
        );
        assert!(
            error
                .to_string()
                .contains("from 1 to the number of samples, 3")
        );
    }
    assert_eq!(
        plus_plus(line(3).view(), None, 4, None, 0, &Threads(1))
            .unwrap_err()
            .code(),
        "clusters"
    );
}

#[test]
fn parameters_out_of_range_are_refused_by_name() {
    let new = || Options::<f32>::new(2);
    let cases = [
        ("n_init", Options { n_init: 0, ..new() }),
        (
            "max_iter",
            Options {
                max_iter: 0,
                ..new()
            },
        ),
        ("tol", Options { tol: -1.0, ..new() }),
        (
            "tol",
            Options {
                tol: f64::NAN,
                ..new()
            },
        ),
        (
            "local_trials",
            Options {
                init: Init::PlusPlus {
                    local_trials: Some(0),
                },
                ..new()
            },
        ),
    ];
    for (expected, options) in cases {
        match refused(&line(9), &options) {
            Error::Parameter { name, .. } => assert_eq!(name, expected),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn numbers_that_are_not_finite_are_found() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        for rows in [1, 2, 50] {
            let mut x = line(rows);
            x[[rows - 1, 0]] = bad;
            assert_eq!(refused(&x, &Options::new(1)).code(), "not-finite");
        }
        let mut x = Array2::from_elem((3000, 5), 1.0_f32);
        x[[2999, 3]] = bad;
        let at = |error: Error| match error {
            Error::NotFinite { row, column, .. } => (row, column),
            other => panic!("{other}"),
        };
        assert_eq!(at(refused(&x, &Options::new(2))), (2999, 3));
        let centers = Array2::from_elem((2, 5), 1.0);
        assert_eq!(
            at(assign(x.view(), centers.view(), &Threads(2)).unwrap_err()),
            (2999, 3)
        );
        assert_eq!(
            at(assign(centers.view(), x.view(), &Threads(2)).unwrap_err()),
            (2999, 3)
        );
        let mut out = Array2::zeros((3000, 2));
        let failed = transform(x.view(), centers.view(), out.view_mut(), &Threads(1));
        assert_eq!(at(failed.unwrap_err()), (2999, 3));
        let init = Init::Centers(x.slice(ndarray::s![2998.., ..]).to_owned());
        let error = refused(
            &centers,
            &Options {
                init,
                ..Options::new(2)
            },
        );
        assert_eq!(at(error), (1, 3));
    }
}

#[test]
fn arrays_that_do_not_fit_are_refused() {
    let x = Array2::<f32>::zeros((5, 3));
    let options = Options {
        init: Init::Centers(Array2::zeros((2, 4))),
        ..Options::new(2)
    };
    assert_eq!(refused(&x, &options).code(), "shape");
    let centers = Array2::zeros((2, 4));
    assert_eq!(
        assign(x.view(), centers.view(), &Threads(1))
            .unwrap_err()
            .code(),
        "shape"
    );
    let weights = Array1::ones(4);
    let failed = fit(x.view(), Some(weights.view()), Options::new(2), &Threads(1));
    assert_eq!(failed.unwrap_err().code(), "shape");
}

#[test]
fn bad_weights_are_refused() {
    let fails = |weights: Array1<f32>| {
        let failed = fit(
            line(3).view(),
            Some(weights.view()),
            Options::new(2),
            &Threads(1),
        );
        failed.unwrap_err().code()
    };
    assert_eq!(fails(array![1.0, -1.0, 1.0]), "weight");
    assert_eq!(fails(array![1.0, f32::NAN, 1.0]), "weight");
    assert_eq!(fails(array![0.0, 0.0, 0.0]), "no-weight");
}

#[test]
fn a_center_may_have_only_samples_without_weight() -> Result<()> {
    let x = line(10);
    let mut weights = Array1::zeros(10);
    weights[3] = 1.0;
    for k in [2, 3, 5] {
        for start in 0..10 - k {
            let init = Init::Centers(x.slice(ndarray::s![start..start + k, ..]).to_owned());
            let options = Options {
                init,
                ..Options::new(k)
            };
            let found = fit(x.view(), Some(weights.view()), options.clone(), &Threads(1))?;
            assert!(found.inertia <= 1e-12, "{k} {start}: {}", found.inertia);
        }
    }
    Ok(())
}

#[test]
fn weights_of_any_size_give_the_same_centers() -> Result<()> {
    let x = array![[0.0_f64], [1.0], [10.0], [14.0]];
    for scale in [1e-280, 1e-20, 1.0, 1e15, 1e16, 1e18, 1e100] {
        let weights = array![1.0, 3.0, 1.0, 1.0].mapv(|w: f64| w * scale);
        let options = Options {
            init: Init::Centers(array![[0.0], [12.0]]),
            ..Options::new(2)
        };
        let fit = fit(x.view(), Some(weights.view()), options.clone(), &Threads(1))?;
        for (found, expected) in fit.centers.iter().zip([0.75, 12.0]) {
            assert!((found - expected).abs() < 1e-13, "{scale}: {found}");
        }
        assert!(
            (fit.inertia / scale / 8.75 - 1.0).abs() < 1e-9,
            "{scale}: {}",
            fit.inertia
        );
    }
    Ok(())
}

#[test]
fn samples_without_weight_do_not_count() -> Result<()> {
    let x = array![[0.0_f32], [1.0], [10.0], [11.0], [500.0]];
    let weights = array![1.0, 1.0, 1.0, 1.0, 0.0];
    let options = Options {
        n_init: 5,
        ..Options::new(2)
    };
    let fit = fit(x.view(), Some(weights.view()), options.clone(), &Threads(1))?;
    assert_eq!(fit.inertia, 1.0);
    assert_eq!(fit.labels[3], fit.labels[4]);
    Ok(())
}

#[test]
fn large_and_small_numbers_are_clustered() -> Result<()> {
    for scale in [1e-38_f32, 1e-20, 1.0, 1e20, 1.5e37] {
        let x = array![[0.0_f32, 0.0], [1.0, 0.0], [8.0, 8.0], [9.0, 8.0]] * scale;
        let init = Init::Centers(array![[0.0, 0.0], [9.0, 8.0]] * scale);
        let fit = fit(
            x.view(),
            None,
            Options {
                init,
                ..Options::new(2)
            },
            &Threads(1),
        )?;
        assert_eq!(fit.labels, [0, 0, 1, 1], "{scale:e}");
        let scale = f64::from(scale);
        assert!(
            (fit.inertia / (scale * scale) - 1.0).abs() < 1e-5,
            "{scale:e} {}",
            fit.inertia
        );
        assert_eq!(
            assign(x.view(), fit.centers.view(), &Threads(1))?,
            fit.labels
        );
    }
    Ok(())
}

#[test]
fn distances_beyond_double_precision_are_refused() {
    let x = array![[-1e200_f64], [1e200]];
    let failed = fit(x.view(), None, Options::new(1), &Threads(1));
    assert_eq!(failed.unwrap_err().code(), "too-large");
}

#[test]
fn constant_columns_and_duplicates_are_no_obstacle() -> Result<()> {
    let x = Array2::from_shape_fn((200, 3), |(i, j)| if j == 1 { 7.5 } else { (i % 2) as f32 });
    for k in [1, 2, 5, 200] {
        let fit = fit(x.view(), None, Options::new(k), &Threads(2))?;
        let expected = if k == 1 { 100.0 } else { 0.0 };
        assert_eq!(fit.inertia, expected, "{k}");
        assert!(fit.labels.iter().all(|&l| (0..k as i32).contains(&l)));
        assert!(fit.centers.column(1).iter().all(|&c| c == 7.5));
    }
    Ok(())
}

#[test]
fn data_far_from_zero_keeps_its_digits() -> Result<()> {
    let x = array![[1e7_f32], [1e7 + 1.0], [1e7 + 8.0], [1e7 + 9.0]];
    let fit = fit(
        x.view(),
        None,
        Options {
            n_init: 4,
            ..Options::new(2)
        },
        &Threads(1),
    )?;
    assert_eq!(fit.labels[0], fit.labels[1]);
    assert_eq!(fit.labels[2], fit.labels[3]);
    assert_ne!(fit.labels[0], fit.labels[2]);
    Ok(())
}

#[test]
fn an_empty_cluster_takes_a_far_sample() -> Result<()> {
    // The third center is nearest to no sample; sample 3 is the farthest.
    let x = array![[0.0_f64], [1.0], [10.0], [14.0]];
    let init = Init::Centers(array![[0.5], [11.0], [1000.0]]);
    let fit = fit(
        x.view(),
        None,
        Options {
            init,
            ..Options::new(3)
        },
        &Threads(1),
    )?;
    assert_eq!(fit.centers, array![[0.5], [10.0], [14.0]]);
    assert_eq!(fit.labels, [0, 0, 1, 2]);
    Ok(())
}

#[test]
fn a_part_needs_centers_that_are_finite() -> Result<()> {
    let x = array![[1.0_f32], [2.0]];
    let frame = Frame::new(&Summary::of(x.view(), None, &Threads(1))?)?;
    for bad in [f32::NAN, f32::INFINITY] {
        let found = partial(
            x.view(),
            None,
            array![[1.0], [bad]].view(),
            &frame,
            &Threads(1),
        );
        let why = found.expect_err("a center that is not finite").to_string();
        assert!(why.contains("the array of centers"), "{why}");
    }
    Ok(())
}

#[test]
fn distances_that_pass_the_largest_number_are_refused() {
    let (x, far) = (array![[1.0_f64], [2.0]], array![[0.0], [1e200]]);
    let found = inertia(x.view(), None, far.view(), &Threads(1));
    assert_eq!(found.expect_err("1e400").code(), "too-large");
}

#[test]
fn parts_make_the_same_bits_as_the_whole() -> Result<()> {
    let x = Array2::from_shape_fn((1000, 3), |(i, j)| {
        ((i * 7919 + j * 104_729) % 1009) as f32 * 0.37
    });
    let centers = x.slice(ndarray::s![..7, ..]).to_owned();
    let one = Threads(1);
    let mut summary = Summary::of(x.slice(ndarray::s![..300, ..]), None, &one)?;
    summary.merge(&Summary::of(x.slice(ndarray::s![300.., ..]), None, &one)?)?;
    let frame = Frame::new(&summary)?;
    let part = |a, b| {
        partial(
            x.slice(ndarray::s![a..b, ..]),
            None,
            centers.view(),
            &frame,
            &one,
        )
    };
    let (labels, whole) = part(0, 1000)?;
    for cut in [1, 500, 999] {
        let (mut first, (rest, right)) = (part(cut, 1000)?, part(0, cut)?);
        first.1.merge(&right)?;
        assert_eq!(first.1, whole);
        assert_eq!([rest, first.0].concat(), labels);
    }
    let init = Init::Centers(centers.clone());
    let fit = fit(
        x.view(),
        None,
        Options {
            init,
            max_iter: 1,
            ..Options::new(7)
        },
        &Threads(2),
    )?;
    let step = whole.finish(centers.view(), &frame)?;
    assert_eq!(fit.centers, step.centers);
    assert_eq!(
        step.inertia,
        inertia(x.view(), None, centers.view(), &Threads(1))?
    );
    Ok(())
}

#[test]
fn a_fit_stops_when_asked() {
    struct After(std::sync::atomic::AtomicUsize);
    impl Control for After {
        fn cancelled(&self) -> bool {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 20
        }
    }
    let x = Array2::from_shape_fn((30_000, 2), |(i, j)| ((i * (j + 3)) % 997) as f32);
    let stopped = fit(x.view(), None, Options::new(9), &After(Default::default()));
    assert_eq!(stopped.unwrap_err(), Error::Cancelled);
}
