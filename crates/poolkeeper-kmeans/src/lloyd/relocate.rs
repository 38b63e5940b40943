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
    /// The farthest first; of those as far, the later, as in scikit-learn.
    pub(crate) fn order(&self, other: &Far) -> Ordering {
        other
            .distance
            .total_cmp(&self.distance)
            .then(other.row.cmp(&self.row))
    }
}

/// The farthest samples, unless they all lie on their centers: then there are fewer
/// different samples than centers, and to move one gains nothing.
pub(crate) fn worthwhile(far: Vec<Far>) -> Vec<Far> {
    let is_any = far.first().is_some_and(|first| first.distance > 0.0);
    if is_any { far } else { Vec::new() }
}

/// The `count` samples farthest from their centers, in [order](Far::order).
pub(crate) fn farthest<T: Scalar>(
    pass: &Pass<T>,
    centers: ArrayView2<T>,
    count: usize,
) -> Result<Vec<Far>> {
    let found = Mutex::new(Vec::new());
    each_distance(pass, centers, &|distances, labels, range| {
        let mut here: Vec<Far> = range
            .zip(distances.iter().zip(labels))
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

/// Keeps the first `count` in [order](Far::order).
pub(crate) fn keep_farthest(samples: &mut Vec<Far>, count: usize) {
    if samples.len() > count {
        samples.select_nth_unstable_by(count, Far::order);
        samples.truncate(count);
    }
    samples.sort_by(Far::order);
}

/// Moves the samples `far` from the sums of their labels to those of `empty`, or `back`.
pub(super) fn move_samples<T: Scalar>(
    problem: &Problem<T>,
    far: &[Far],
    empty: &[usize],
    sums: &mut Sums,
    back: bool,
) {
    let quanta = &problem.frame.quanta;
    for (sample, &center) in far.iter().zip(empty) {
        let weight = problem.weights.of(sample.row);
        let row = problem.data.row(sample.row);
        let mut labels = [sample.label, center];
        if back {
            labels.reverse();
        }
        move_sample(problem.table, quanta, &row, weight, labels, sums);
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
    let (class, weight) = quanta.weigh(weight);
    let [from, to] = [from, to].map(|label| sums.masses.place(class, label));
    let count = quanta.count(weight);
    sums.masses.take(from, count);
    sums.masses.add(to, count);
    let width = quanta.width();
    let values = sums.values.as_mut_ptr();
    // SAFETY: there are sums of that width at both places, which are not the same; the
    // row has the columns. The table is one for this processor.
    unsafe {
        let (from, to) = (values.add(from * width), values.add(to * width));
        (table.move_row)(row.as_ptr(), weight, quanta, from, to);
    }
}
