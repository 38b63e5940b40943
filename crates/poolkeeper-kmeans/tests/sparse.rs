//! Sparse as dense.

mod common;

use common::Numbers;
use ndarray::{Array1, Array2, s};
use poolkeeper_kmeans::{Csr, Init, Options, Result, Threads, assign_csr, fit, fit_csr};

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
    let options = Options { init: Init::Centers(centers), max_iter: 25, ..Options::new(7) };
    let dense = fit(data.dense.view(), Some(weights.view()), &options, &Threads(2))?;
    let one = fit_csr(&x, Some(weights.view()), &options, &Threads(1))?;
    assert_eq!(one, fit_csr(&x, Some(weights.view()), &options, &Threads(3))?);
    assert_eq!((&one.labels, one.iterations), (&dense.labels, dense.iterations));
    assert!((one.inertia / dense.inertia - 1.0).abs() < 1e-12);
    let difference = (&one.centers - &dense.centers).mapv(f64::abs);
    assert!(difference.iter().all(|&d| d < 1e-12));
    let (labels, inertia) = assign_csr(&x, Some(weights.view()), one.centers.view(), &Threads(2))?;
    assert_eq!((labels, inertia), (one.labels, one.inertia));
    Ok(())
}

#[test]
fn every_start_gives_a_clustering() -> Result<()> {
    let data = sparse(500, 30);
    let x = Csr::new(&data.indptr, &data.indices, &data.values, 30)?;
    let run = |init: Init<f64>, threads| {
        let options = Options { init, seed: 2, n_init: 3, ..Options::new(7) };
        fit_csr(&x, None, &options, &Threads(threads))
    };
    let best = fit(data.dense.view(), None, &Options { n_init: 9, ..Options::new(7) }, &Threads(1))?;
    for init in [Init::Random, Init::PlusPlus { local_trials: None }, Init::Parallel] {
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
    let found = fit_csr(&x, None, &Options { init, ..Options::new(3) }, &Threads(1))?;
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
    assert_eq!(Csr::new(&[0, 1], &[0], &value, 5).unwrap_err().code(), "sparse");
    assert_eq!(Csr::new(&[0, 1], &[0], &[f32::NAN], 5).unwrap_err().code(), "not-finite");
    assert_eq!(Csr::new(&[0], &[], &[0.0_f32; 0], 5).unwrap_err().code(), "empty");
}
