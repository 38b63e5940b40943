//! Data to cluster.

use ndarray::Array2;
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
