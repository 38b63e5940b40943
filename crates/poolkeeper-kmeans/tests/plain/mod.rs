//! The plainest possible k-means.

use ndarray::{Array2, ArrayView2};
use poolkeeper_kmeans::Scalar;

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
