//! Centers that no sample is nearest to.
//!
//! As scikit-learn does (`_relocate_empty_clusters_dense`): each takes, for
//! the mean only, one of the samples that are farthest from their centers.

use std::cmp::Ordering;
use std::sync::Mutex;

use ndarray::ArrayView2;

use super::ending::each_distance;
use super::pass::Pass;
use crate::kernels::Table;
use crate::problem::{Problem, lock};
use crate::update::{Quanta, Sums};
use crate::{Result, Scalar};

/// A sample that is far from its center.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Far {
    pub(crate) distance: f64,
    pub(crate) row: usize,
    pub(crate) label: usize,
}

impl Far {
    /// The farthest first; of those as far, the earlier.
    pub(crate) fn order(&self, other: &Far) -> Ordering {
        other
            .distance
            .total_cmp(&self.distance)
            .then(self.row.cmp(&other.row))
    }
}

/// The `count` samples farthest from their centers, the farthest first; of
/// those as far, the earlier. None that lies on its center.
pub(crate) fn farthest<T: Scalar>(
    pass: &Pass<T>,
    centers: ArrayView2<T>,
    count: usize,
) -> Result<Vec<Far>> {
    let found = Mutex::new(Vec::new());
    each_distance(pass, centers, &|distances, labels, range| {
        let mut here: Vec<Far> = range
            .zip(distances.iter().zip(labels))
            .filter(|(_, (distance, _))| **distance > 0.0)
            .map(|(row, (&distance, &label))| Far {
                distance,
                row,
                label: label as usize,
            })
            .collect();
        keep_farthest(&mut here, count);
        let mut found = lock(&found);
        found.append(&mut here);
        keep_farthest(&mut found, count);
    })?;
    Ok(found.into_inner().unwrap_or_else(|e| e.into_inner()))
}

fn keep_farthest(samples: &mut Vec<Far>, count: usize) {
    samples.sort_by(Far::order);
    samples.truncate(count);
}

/// Moves the samples `far` from the sums of their labels to those of `empty`.
pub(super) fn move_samples<T: Scalar>(
    problem: &Problem<T>,
    far: &[Far],
    empty: &[usize],
    sums: &mut Sums,
) {
    let quanta = &problem.frame.quanta;
    for (sample, &center) in far.iter().zip(empty) {
        let weight = problem.weights.of(sample.row);
        let row = problem.data.row(sample.row);
        move_sample(
            problem.table,
            quanta,
            &row,
            weight,
            [sample.label, center],
            sums,
        );
    }
}

/// Moves a sample from one label to another. They are the same where a center
/// is empty because its samples have no weight.
pub(crate) fn move_sample<T: Scalar>(
    table: &Table<T>,
    quanta: &Quanta,
    row: &[T],
    weight: f64,
    [from, to]: [usize; 2],
    sums: &mut Sums,
) {
    assert_eq!(row.len(), quanta.magic.len());
    if from == to {
        return;
    }
    let count = quanta.weight(weight);
    sums.weights[from] -= count;
    sums.weights[to] += count;
    let columns = row.len();
    let values = sums.values.as_mut_ptr();
    // SAFETY: both have `columns` sums, and are not the same; so has the row
    // numbers. The table is one for this processor.
    unsafe {
        let (from, to) = (values.add(from * columns), values.add(to * columns));
        (table.move_row)(row.as_ptr(), weight, quanta, from, to);
    }
}
