//! Centers that no sample is nearest to.
//!
//! As scikit-learn does (`_relocate_empty_clusters_dense`): each takes, for
//! the mean only, one of the samples that are farthest from their centers.

use std::sync::Mutex;

use ndarray::ArrayView2;

use super::ending::each_distance;
use super::pass::Pass;
use crate::problem::{Problem, lock};
use crate::update::Sums;
use crate::{Result, Scalar};

/// A sample that is far from its center.
#[derive(Debug, Clone, Copy)]
pub(super) struct Far {
    distance: f64,
    row: usize,
    label: usize,
}

/// The `count` samples farthest from their centers, the farthest first; of
/// those as far, the earlier. None that lies on its center.
pub(super) fn farthest<T: Scalar>(
    pass: &Pass<T>,
    centers: ArrayView2<T>,
    count: usize,
) -> Result<Vec<Far>> {
    let found = Mutex::new(Vec::new());
    each_distance(pass, centers, &|distances, labels, range| {
        let mut here: Vec<Far> = range
            .zip(distances.iter().zip(labels))
            .filter(|(_, (distance, _))| **distance > 0.0)
            .map(|(row, (&distance, &label))| Far { distance, row, label: label as usize })
            .collect();
        keep_farthest(&mut here, count);
        let mut found = lock(&found);
        found.append(&mut here);
        keep_farthest(&mut found, count);
    })?;
    Ok(found.into_inner().unwrap_or_else(|e| e.into_inner()))
}

fn keep_farthest(samples: &mut Vec<Far>, count: usize) {
    samples.sort_by(|a, b| b.distance.total_cmp(&a.distance).then(a.row.cmp(&b.row)));
    samples.truncate(count);
}

/// Moves the samples `far` from the sums of their labels to those of `empty`.
pub(super) fn move_samples<T: Scalar>(
    problem: &Problem<T>,
    far: &[Far],
    empty: &[usize],
    sums: &mut Sums,
) {
    let columns = problem.data.columns;
    let quanta = &problem.frame.quanta;
    for (sample, &center) in far.iter().zip(empty) {
        let weight = problem.weights.of(sample.row);
        let count = quanta.weight(weight);
        sums.weights[sample.label] -= count;
        sums.weights[center] += count;
        let row = problem.data.row(sample.row);
        let values = sums.values.as_mut_ptr();
        // SAFETY: both are centers, and different ones: `center` has no
        // sample. The table is one for this processor.
        unsafe {
            let from = values.add(sample.label * columns);
            let to = values.add(center * columns);
            (problem.table.move_row)(row.as_ptr(), weight, quanta, from, to);
        }
    }
}
