//! Refuses what can't be clustered, and says why.

use std::ops::Range;

use ndarray::ArrayView2;

use crate::rows::{Data, Weights};
use crate::weighing::WeightRange;
use crate::{Error, Result, Scalar};

pub(crate) fn not_empty<T>(x: &ArrayView2<T>) -> Result<()> {
    match x.dim() {
        (0, columns) => Err(Error::Empty { rows: 0, columns }),
        (rows, 0) => Err(Error::Empty { rows, columns: 0 }),
        _ => Ok(()),
    }
}

pub(crate) fn clusters(clusters: usize, samples: usize) -> Result<()> {
    if clusters == 0 || clusters > samples {
        return Err(Error::Clusters { clusters, samples });
    }
    Ok(())
}

pub(crate) fn columns(name: &'static str, found: usize, expected: usize) -> Result<()> {
    if found != expected {
        return Err(Error::Shape {
            name,
            found: format!("(.., {found})"),
            expected: format!("(.., {expected})"),
        });
    }
    Ok(())
}

pub(crate) fn shape<T>(
    name: &'static str,
    array: &ArrayView2<T>,
    rows: usize,
    columns: usize,
) -> Result<()> {
    if array.dim() != (rows, columns) {
        return Err(Error::Shape {
            name,
            found: format!("{:?}", array.dim()),
            expected: format!("({rows}, {columns})"),
        });
    }
    Ok(())
}

/// An error that names the first number in the rows that is not finite.
pub(crate) fn finite<T: Scalar>(
    name: &'static str,
    data: &Data<T>,
    rows: Range<usize>,
) -> Result<()> {
    for row in rows {
        for (column, x) in data.row(row).into_iter().enumerate() {
            if !x.wide().is_finite() {
                return Err(Error::NotFinite {
                    name,
                    row,
                    column,
                    value: x.to_string(),
                });
            }
        }
    }
    Ok(())
}

/// The sum of the weights, of which one must be above 0, and which there are.
pub(crate) fn weights<T: Scalar>(weights: &Weights<T>, rows: usize) -> Result<(f64, WeightRange)> {
    let (sum, range) = weight_values(weights, rows)?;
    if sum == 0.0 {
        return Err(Error::NoWeight);
    }
    Ok((sum, range))
}

/// The sum of the weights, infinite beyond the largest `f64`, and which there are.
pub(crate) fn weight_values<T: Scalar>(
    weights: &Weights<T>,
    rows: usize,
) -> Result<(f64, WeightRange)> {
    if weights.len != rows {
        return Err(Error::Shape {
            name: "the sample weights",
            found: format!("({},)", weights.len),
            expected: format!("({rows},)"),
        });
    }
    let (mut sum, mut range) = (0.0, WeightRange::empty());
    for (row, weight) in weights.iter().enumerate() {
        if !(0.0..f64::INFINITY).contains(&weight) {
            return Err(Error::Weight {
                row,
                value: weight.to_string(),
            });
        }
        sum += weight;
        range.add(weight);
    }
    Ok((sum, range))
}

/// The sum of the squared distances times weights, if it is a number.
pub(crate) fn inertia(sum: f64) -> Result<f64> {
    if sum.is_finite() {
        return Ok(sum);
    }
    Err(Error::Inertia)
}

/// Nothing may be farther away than `limit`.
pub(crate) fn reach_within(reach: &[f64], limit: f64) -> Result<()> {
    // NaN is no number up to the limit either.
    match reach.iter().position(|&r| !(0.0..=limit).contains(&r)) {
        Some(column) => Err(Error::TooLarge {
            column,
            span: reach[column],
            limit,
        }),
        None => Ok(()),
    }
}

pub(crate) fn parameter(
    ok: bool,
    name: &'static str,
    value: impl ToString,
    allowed: &'static str,
) -> Result<()> {
    if ok {
        return Ok(());
    }
    Err(Error::Parameter {
        name,
        value: value.to_string(),
        allowed,
    })
}
