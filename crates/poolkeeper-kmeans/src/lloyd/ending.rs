//! The inertia from the distances themselves, in `f64`: for where `crate::inertia`
//! has none.

use std::sync::Mutex;

use ndarray::ArrayView2;

use super::pass::Pass;
use crate::exact::Exact;
use crate::own::Own;
use crate::problem::{Problem, lock};
use crate::{Result, Scalar};

/// The sum of the squared distances of the samples to the centers of their
/// labels, times their weights.
pub(super) fn inertia<T: Scalar>(pass: &mut Pass<T>, centers: ArrayView2<T>) -> Result<Exact> {
    pass.prepare_workers();
    let total = Mutex::new(Exact::default());
    each_distance(pass, centers, &|distances, _, range| {
        let mut sum = Exact::default();
        for (&distance, i) in distances.iter().zip(range) {
            sum.add(distance, pass.problem.weights.of(i));
        }
        lock(&total).merge(&sum);
    })?;
    Ok(total.into_inner().unwrap_or_else(|e| e.into_inner()))
}

/// Takes a span's squared distances, its labels and its range.
type Take<'a> = dyn Fn(&[f64], &[i32], std::ops::Range<usize>) + Sync + 'a;

/// Calls `take` for each span with the squared distances of its samples to the
/// centers of their labels, with the labels, and with its range.
pub(super) fn each_distance<T: Scalar>(
    pass: &Pass<T>,
    centers: ArrayView2<T>,
    take: &Take<'_>,
) -> Result<()> {
    let Problem {
        data,
        table,
        team,
        control,
        ..
    } = pass.problem;
    let columns = data.columns;
    let centers = centers.as_standard_layout();
    let centers = centers.as_slice().unwrap_or_default();
    let threads = pass.problem.threads(4).min(pass.workers.len());
    team.each(threads, pass.labels.len(), *control, &|worker, span| {
        let range = pass.range(span);
        let worker = &mut *lock(&pass.workers[worker]);
        let rows = data.read(range.clone(), &mut worker.rows);
        let labels = lock(&pass.labels[span]);
        let own = Own::new(table, &rows, centers, columns);
        let distance = |(i, &label)| own.square(i, label);
        let distances: Vec<f64> = labels.iter().enumerate().map(distance).collect();
        take(&distances, &labels, range);
    })
}
