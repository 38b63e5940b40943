//! Data that has clusters.

use ndarray::Array2;
use poolkeeper_kmeans::Scalar;

use crate::common::Numbers;

/// `k` clouds of `n` samples in all.
pub(crate) fn clouds<T: Scalar + Near>(n: usize, d: usize, k: usize, spread: f64, seed: u64) -> Array2<T> {
    let mut numbers = Numbers::new(seed);
    let centers: Vec<f64> = (0..k * d).map(|_| spread * numbers.normal()).collect();
    let mut x = Array2::default((n, d));
    for (i, mut row) in x.outer_iter_mut().enumerate() {
        let cloud = i % k;
        for (j, value) in row.iter_mut().enumerate() {
            *value = T::from_f64(centers[cloud * d + j] + numbers.normal());
        }
    }
    x
}

/// The nearest number of a type.
pub(crate) trait Near {
    fn from_f64(x: f64) -> Self;
}

impl Near for f32 {
    fn from_f64(x: f64) -> Self {
        x as f32
    }
}

impl Near for f64 {
    fn from_f64(x: f64) -> Self {
        x
    }
}
