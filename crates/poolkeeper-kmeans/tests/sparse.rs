//! Sparse as dense.

mod common;

use common::Numbers;
use ndarray::{Array1, Array2, s};
use poolkeeper_kmeans::{
    Csr, Init, MiniBatch, Options, Result, Threads, assign_csr, fit, fit_csr, nearest, nearest_csr,
    plus_plus_csr, transform, transform_csr,
};

/// A matrix of mostly zeros, and its sparse rows.
struct Sparse {
    dense: Array2<f64>,
    indptr: Vec<i64>,
    indices: Vec<i64>,
    values: Vec<f64>,
}

fn sparse(rows: usize, columns: usize) -> Sparse {
    let mut numbers = Numbers::new(5);
    let mut all = Sparse {
        dense: Array2::zeros((rows, columns)),
        indptr: vec![0],
        indices: Vec::new(),
        values: Vec::new(),
    };
    for i in 0..rows {
        for j in (0..columns).rev() {
            if numbers.unit() < 0.1 {
                let value = numbers.normal() + (i % 7) as f64 * f64::from(u8::from(j % 7 == i % 7));
                all.dense[[i, j]] = value;
                all.indices.push(j as i64);
                all.values.push(value);
            }
        }
        all.indptr.push(all.values.len() as i64);
    }
    all
}

#[test]
fn sparse_rows_are_clustered_as_dense_ones() -> Result<()> {
    let data = sparse(2000, 50);
    let x = Csr::new(&data.indptr, &data.indices, &data.values, 50)?;
    let weights = Array1::from_shape_fn(2000, |i| 1.0 + (i % 3) as f64);
    let centers = data.dense.slice(s![..7, ..]).to_owned();
    let options = Options {
        init: Init::Centers(centers),
        max_iter: 25,
        ..Options::new(7)
    };
    let dense = fit(
        data.dense.view(),
        Some(weights.view()),
        options.clone(),
        &Threads(2),
    )?;
    let one = fit_csr(&x, Some(weights.view()), options.clone(), &Threads(1))?;
    assert_eq!(
        one,
        fit_csr(&x, Some(weights.view()), options.clone(), &Threads(3))?
    );
    assert_eq!(
        (&one.labels, one.iterations),
        (&dense.labels, dense.iterations)
    );
    assert!((one.inertia / dense.inertia - 1.0).abs() < 1e-12);
    let difference = (&one.centers - &dense.centers).mapv(f64::abs);
    assert!(difference.iter().all(|&d| d < 1e-12));
    let (labels, inertia) = assign_csr(&x, Some(weights.view()), one.centers.view(), &Threads(2))?;
    assert_eq!((labels, inertia), (one.labels, one.inertia));
    Ok(())
}

/// Large enough for more than one thread to pay, in sums and in moves.
#[test]
fn threads_make_no_difference() -> Result<()> {
    let data = sparse(20_000, 600);
    let x = Csr::new(&data.indptr, &data.indices, &data.values, 600)?;
    let options = Options {
        init: Init::Centers(data.dense.slice(s![..7, ..]).to_owned()),
        max_iter: 4,
        ..Options::new(7)
    };
    let one = fit_csr(&x, None, options.clone(), &Threads(1))?;
    assert_eq!(one, fit_csr(&x, None, options.clone(), &Threads(3))?);
    // The last centers are the means of what the iteration before labelled.
    let before = Options {
        max_iter: 3,
        ..options
    };
    let labels = fit_csr(&x, None, before.clone(), &Threads(3))?.labels;
    for (c, center) in one.centers.outer_iter().enumerate() {
        let rows = data.dense.outer_iter().zip(&labels);
        let own = rows.filter(|&(_, &label)| label as usize == c);
        let mut sum = Array1::<f64>::zeros(600);
        let count = own.map(|(row, _)| sum += &row).count();
        let error = (sum / count as f64 - center).mapv(f64::abs);
        assert!(error.iter().all(|&e| e < 1e-9), "{error}");
    }

    let mut numbers = Numbers::new(9);
    let wide = 200_000;
    let mut start = Array2::from_shape_simple_fn((6, wide), || numbers.normal() * 1e-3);
    (0..30).for_each(|i| start[[i % 6, i * 6_000]] = 3.0);
    let indptr: Vec<i32> = (0..=30).collect();
    let indices: Vec<i32> = (0..30).map(|i| i * 6_000).collect();
    let batch = Csr::new(&indptr, &indices, &[3.0; 30], wide)?;
    let [mut one, mut three] = [MiniBatch::new(start.clone())?, MiniBatch::new(start)?];
    for _ in 0..2 {
        let found = one.partial_fit_csr(&batch, None, &Threads(1))?;
        assert_eq!(found, three.partial_fit_csr(&batch, None, &Threads(3))?);
    }
    assert_eq!(one, three);
    Ok(())
}

#[test]
fn every_start_gives_a_clustering() -> Result<()> {
    let data = sparse(500, 30);
    let x = Csr::new(&data.indptr, &data.indices, &data.values, 30)?;
    let run = |init: Init<f64>, threads| {
        let options = Options {
            init,
            seed: 2,
            n_init: 3,
            ..Options::new(7)
        };
        fit_csr(&x, None, options.clone(), &Threads(threads))
    };
    let best = fit(
        data.dense.view(),
        None,
        Options {
            n_init: 9,
            ..Options::new(7)
        },
        &Threads(1),
    )?;
    for init in [
        Init::Random,
        Init::PlusPlus { local_trials: None },
        Init::Parallel,
    ] {
        let found = run(init.clone(), 1)?;
        assert_eq!(found, run(init, 2)?);
        assert!(found.inertia < 1.2 * best.inertia);
    }
    Ok(())
}

#[test]
fn empty_rows_and_empty_clusters_are_no_obstacle() -> Result<()> {
    let x = Csr::new(&[0, 0, 1, 1, 2], &[3, 3], &[4.0_f32, 9.0], 5)?;
    let init = Init::Centers(Array2::from_shape_fn((3, 5), |(i, _)| i as f32 * 50.0));
    let found = fit_csr(
        &x,
        None,
        Options {
            init,
            ..Options::new(3)
        },
        &Threads(1),
    )?;
    assert_eq!(found.inertia, 0.0);
    assert_eq!(found.labels[0], found.labels[2]);
    Ok(())
}

#[test]
fn arrays_that_contradict_each_other_are_refused() {
    let value = [1.0_f32, 2.0];
    let cases: [(&[i32], &[i32], &str); 6] = [
        (&[1, 2], &[0, 1], "indptr[0]"),
        (&[0, 3], &[0, 1], "indptr[1]"),
        (&[0, 2, 1], &[0, 1], "indptr[2]"),
        (&[0, 2], &[0, 5], "not in 0..5"),
        (&[0, 2], &[-1, 1], "not in 0..5"),
        (&[0, 2], &[3, 3], "column 3 twice"),
    ];
    for (indptr, indices, expected) in cases {
        let error = Csr::new(indptr, indices, &value, 5).unwrap_err();
        assert_eq!(error.code(), "sparse");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(
        Csr::new(&[0, 1], &[0], &value, 5).unwrap_err().code(),
        "sparse"
    );
    assert_eq!(
        Csr::new(&[0, 1], &[0], &[f32::NAN], 5).unwrap_err().code(),
        "not-finite"
    );
    assert_eq!(
        Csr::new(&[0], &[], &[0.0_f32; 0], 5).unwrap_err().code(),
        "empty"
    );
}

/// Rows with numbers in columns 3, 10, 17, ... only.
fn with_gaps(rows: usize) -> Sparse {
    let narrow = sparse(rows, 20);
    let mut dense = Array2::zeros((rows, 160));
    let mut spread = dense.slice_mut(s![.., 3..143;7]);
    spread.assign(&narrow.dense);
    Sparse {
        dense,
        indices: narrow.indices.iter().map(|j| 3 + 7 * j).collect(),
        ..narrow
    }
}

#[test]
fn sparse_batches_move_the_centers_as_dense_ones() -> Result<()> {
    let data = with_gaps(600);
    let weights = Array1::from_shape_fn(600, |i| (i % 3) as f64);
    let mut start = data.dense.slice(s![..9, ..]).to_owned();
    start[[2, 0]] = 0.5; // No row has a number there.
    let mut dense = MiniBatch::new(start)?;
    let mut sparse = dense.clone();
    for (batch, first) in (0..600).step_by(150).enumerate() {
        let range = first..first + 150;
        let indptr: Vec<i64> = data.indptr[first..=first + 150]
            .iter()
            .map(|at| at - data.indptr[first])
            .collect();
        let stored = data.indptr[first] as usize..data.indptr[first + 150] as usize;
        let x = Csr::new(
            &indptr,
            &data.indices[stored.clone()],
            &data.values[stored],
            160,
        )?;
        let x_dense = data.dense.slice(s![range.clone(), ..]);
        let weights = weights.slice(s![range]);
        let weights = (batch > 0).then_some(weights);
        let expected = dense.partial_fit(x_dense, weights, &Threads(2))?;
        let found = sparse.partial_fit_csr(&x, weights, &Threads(2))?;
        assert_eq!(found.labels, expected.labels);
        assert!((found.inertia / expected.inertia - 1.0).abs() < 1e-9);
        assert!((found.shift / expected.shift - 1.0).abs() < 1e-9);
        assert_eq!(
            sparse.reassign_csr(&x, weights, 0.4, 7)?,
            dense.reassign(x_dense, weights, 0.4, 7)?
        );
        assert_eq!(sparse.counts, dense.counts);
        let difference = (&sparse.centers - &dense.centers).mapv(f64::abs);
        assert!(difference.iter().all(|&d| d < 1e-12));
    }
    Ok(())
}

#[test]
fn a_batch_may_have_no_number_or_no_weight() -> Result<()> {
    let start = ndarray::array![[0.0, 2.0], [8.0, 8.0]];
    let mut model = MiniBatch::new(start.clone())?;
    let empty = Csr::new(&[0, 0, 0], &[], &[], 2)?;
    let none = Array1::zeros(2);
    let batch = model.partial_fit_csr(&empty, Some(none.view()), &Threads(1))?;
    assert_eq!((batch.inertia, batch.shift), (0.0, 0.0));
    assert_eq!(model.centers, start);
    let batch = model.partial_fit_csr(&empty, None, &Threads(1))?;
    assert_eq!(
        (batch.labels, batch.inertia, batch.shift),
        (vec![0, 0], 8.0, 4.0)
    );
    assert_eq!(model.centers, ndarray::array![[0.0, 0.0], [8.0, 8.0]]);
    let wide = Csr::new(&[0, 1], &[2], &[1.0], 3)?;
    let wrong = model.partial_fit_csr(&wide, None, &Threads(1));
    assert_eq!(wrong.unwrap_err().code(), "shape");
    assert_eq!(
        model.reassign_csr(&wide, None, 0.1, 0).unwrap_err().code(),
        "shape"
    );
    Ok(())
}

#[test]
fn sparse_rows_far_from_each_other_are_chosen() -> Result<()> {
    let values = [1.0_f64, 1.01, 5.0, 5.01, 9.0, 9.01];
    let x = Csr::new(&[0, 1, 2, 3, 4, 5, 6], &[0, 0, 1, 1, 2, 2], &values, 3)?;
    for seed in 0..20 {
        let (centers, mut rows) = plus_plus_csr(&x, None, 3, Some(9), seed, &Threads(1))?;
        assert_eq!(centers.dim(), (3, 3));
        rows.sort_unstable();
        let pairs: Vec<_> = rows.iter().map(|row| row / 2).collect();
        assert_eq!(pairs, [0, 1, 2], "seed {seed}");
    }
    let many = plus_plus_csr(&x, None, 7, None, 0, &Threads(1));
    assert_eq!(many.unwrap_err().code(), "clusters");
    Ok(())
}

/// Rows that lie on a center are 0 from it, and all others as far as dense ones.
#[test]
fn distances_of_sparse_rows_are_those_of_dense_ones() -> Result<()> {
    let data = sparse(900, 60);
    let x = Csr::new(&data.indptr, &data.indices, &data.values, 60)?;
    let centers = data.dense.slice(s![5..14, ..]).to_owned();
    let (labels, squares) = nearest_csr(&x, centers.view(), &Threads(2))?;
    let (dense_labels, dense_squares) = nearest(data.dense.view(), centers.view(), &Threads(1))?;
    assert_eq!(labels, dense_labels);
    let mut out = [Array2::zeros((900, 9)), Array2::zeros((900, 9))];
    let [sparse_out, dense_out] = &mut out;
    transform_csr(&x, centers.view(), sparse_out.view_mut(), &Threads(2))?;
    transform(
        data.dense.view(),
        centers.view(),
        dense_out.view_mut(),
        &Threads(1),
    )?;
    for row in 0..900 {
        assert!((squares[row] - dense_squares[row]).abs() < 1e-12);
        for c in 0..9 {
            assert!((sparse_out[[row, c]] - dense_out[[row, c]]).abs() < 1e-12);
        }
    }
    for c in 0..9 {
        assert_eq!((squares[5 + c], sparse_out[[5 + c, c]]), (0.0, 0.0));
    }
    Ok(())
}
