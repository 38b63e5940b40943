//! Data, and the plainest possible k-means to compare with.

use ndarray::{Array2, ArrayView2};
use poolkeeper_kmeans::Scalar;

/// Numbers that look random and are the same everywhere (xorshift).
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Numbers(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// From 0, below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 * 2.0_f64.powi(-53)
    }

    /// About normal: mean 0, variance 1.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

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

/// What [`plain_lloyd`] found.
pub(crate) struct Plain {
    pub(crate) centers: Array2<f64>,
    pub(crate) labels: Vec<i32>,
    pub(crate) inertia: f64,
    pub(crate) iterations: usize,
}

fn square(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn nearest(x: &Array2<f64>, centers: &Array2<f64>) -> Vec<i32> {
    let label = |row: ndarray::ArrayView1<f64>| {
        let row = row.to_vec();
        let distances = centers.outer_iter().map(|c| square(&row, &c.to_vec()));
        let best = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        best.unwrap().0 as i32
    };
    x.outer_iter().map(label).collect()
}

/// Lloyd's algorithm as it is written in books, in `f64`, until no label
/// changes. Every cluster must keep a sample.
pub(crate) fn plain_lloyd<T: Scalar + Into<f64>>(
    x: ArrayView2<T>,
    weights: &[f64],
    centers: ArrayView2<T>,
    max_iter: usize,
) -> Plain {
    let x = x.mapv(Into::into);
    let mut centers = centers.mapv(Into::into);
    let (k, d) = centers.dim();
    let mut labels = Vec::new();
    let mut iterations = 0;
    while iterations < max_iter {
        iterations += 1;
        let next = nearest(&x, &centers);
        let (mut sums, mut counts) = (Array2::<f64>::zeros((k, d)), vec![0.0; k]);
        for ((row, &label), &weight) in x.outer_iter().zip(&next).zip(weights) {
            sums.row_mut(label as usize).scaled_add(weight, &row);
            counts[label as usize] += weight;
        }
        for (c, &count) in counts.iter().enumerate() {
            assert!(count > 0.0, "this data needs relocation");
            centers.row_mut(c).assign(&(&sums.row(c) / count));
        }
        if next == labels {
            break;
        }
        labels = next;
    }
    let labels = nearest(&x, &centers);
    let inertia = x
        .outer_iter()
        .zip(&labels)
        .zip(weights)
        .map(|((row, &c), w)| w * square(&row.to_vec(), &centers.row(c as usize).to_vec()))
        .sum();
    Plain { centers, labels, inertia, iterations }
}
