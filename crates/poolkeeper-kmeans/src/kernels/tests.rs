//! Every kernel gives the same bits as the portable one, on data of any shape,
//! with ties, duplicates, zeros and large numbers.

use ndarray::{Array2, ArrayView2, s};
use proptest::collection::vec;
use proptest::prelude::*;

use super::classify::{Margin, Motion};
use super::dispatch::Kernel;
use super::scan::Scratch;
use super::wide::Columns;
use super::{Table, Tile};
use crate::Scalar;
use crate::frame::{Frame, Summary};
use crate::panels::Panels;
use crate::rows::{Data, Rows};

/// The kernels that need instructions which not every processor has.
pub(super) fn others<T: Scalar>() -> Vec<(&'static str, &'static Table<T>)> {
    let all = Kernel::available().into_iter();
    all.filter(|&k| k != Kernel::Portable)
        .map(|k| (k.name(), T::table(k)))
        .collect()
}

pub(super) fn portable<T: Scalar>() -> &'static Table<T> {
    T::table(Kernel::Portable)
}

/// Numbers of which some repeat, so that scores tie, and some are large.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -4.0..4.0_f64,
        2 => (-3..4_i32).prop_map(f64::from),
        1 => -1e6..1e6_f64,
        1 => Just(0.0),
    ]
}

/// Samples and centers with the same columns; some of the centers are samples.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) columns: usize,
    pub(super) samples: Vec<f64>,
    pub(super) centers: Vec<f64>,
}

pub(super) fn shape(columns: std::ops::Range<usize>) -> impl Strategy<Value = Shape> {
    (columns, 1..70_usize, 1..40_usize).prop_flat_map(|(columns, rows, k)| {
        let samples = vec(number(), rows * columns);
        let centers = vec(number(), k * columns);
        (samples, centers, 0..=k.min(rows)).prop_map(move |(samples, mut centers, same)| {
            centers[..same * columns].copy_from_slice(&samples[..same * columns]);
            Shape {
                columns,
                samples,
                centers,
            }
        })
    })
}

pub(super) fn array<T: Scalar>(numbers: &[f64], columns: usize) -> Array2<T> {
    let shape = (numbers.len() / columns, columns);
    let numbers = numbers.iter().map(|&x| T::near(x)).collect();
    Array2::from_shape_vec(shape, numbers).expect("whole rows")
}

/// The bits of numbers, so that NaN equals itself and -0 differs from 0.
pub(super) fn bits<T: Scalar>(numbers: &[T]) -> Vec<u64> {
    numbers.iter().map(|x| x.wide().to_bits()).collect()
}

/// What a tile finds: for each sample the index, then the bits of the rest.
type Found = (Vec<u32>, Vec<Vec<u64>>);

fn scanned<T: Scalar>(
    tile: &Tile<T>,
    rows: &Rows<T>,
    centers: ArrayView2<T>,
    frame: &Frame<T>,
) -> [Found; 3] {
    let mut panels = Panels::default();
    panels.fill(centers, frame, tile.centers);
    let count = rows.count;
    let found = |scratch: &Scratch<T>, more: &[&[T]]| {
        let index = scratch.index[..count].iter().map(|i| i.to_index());
        (
            index.collect(),
            more.iter().map(|x| bits(&x[..count])).collect(),
        )
    };
    let mut scratch = Scratch::default();
    // SAFETY: the table is one that this processor can run; rows, frame and
    // panels have the same columns; `scores` has room for the padded centers.
    unsafe {
        (tile.nearest)(rows, &frame.moved, &panels, &mut scratch);
        let nearest = found(&scratch, &[&scratch.best]);
        let mut scratch = Scratch::default();
        (tile.two_nearest)(rows, &frame.moved, &panels, &mut scratch);
        let two = found(&scratch, &[&scratch.best, &scratch.second, &scratch.norm]);
        let stride = count.next_multiple_of(tile.samples);
        let mut scores = vec![T::default(); panels.centers() * stride];
        let mut scratch = Scratch::default();
        let out = scores.as_mut_ptr();
        (tile.scores)(rows, &frame.moved, &panels, &mut scratch, out, stride);
        let columns = scores.chunks(stride).take(centers.nrows());
        let mut all: Vec<_> = columns.map(|x| bits(&x[..count])).collect();
        all.push(bits(&scratch.norm[..count]));
        [nearest, two, (Vec::new(), all)]
    }
}

/// Compares all tiles of a table with the portable ones: those with packed
/// samples with each other, and those along the rows with each other.
fn compare_tiles<T: Scalar>(shape: &Shape) -> Result<(), TestCaseError> {
    let x = array::<T>(&shape.samples, shape.columns);
    let centers = array::<T>(&shape.centers, shape.columns);
    let summary = Summary::of(x.view(), None, &crate::Threads(1)).expect("finite numbers");
    let frame = Frame::new(&summary).expect("small numbers");
    // Rows that follow each other, rows with a gap, and some of the rows.
    let wide = ndarray::concatenate![ndarray::Axis(1), x.view(), x.view()];
    let gaps = wide.slice(s![.., ..shape.columns]);
    let list: Vec<u32> = (0..x.nrows() as u32).rev().step_by(2).collect();
    let (tight, gaps) = (Data::new(x.view()), Data::new(gaps));
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let all = tight.read(0..x.nrows(), &mut a);
    for rows in [all, gaps.read(0..x.nrows(), &mut b), all.pick(&list)] {
        let packed = scanned(&portable::<T>().tiles[0], &rows, centers.view(), &frame);
        let along = scanned(&portable::<T>().along, &rows, centers.view(), &frame);
        for (name, table) in others::<T>() {
            for tile in table.tiles {
                let found = scanned(tile, &rows, centers.view(), &frame);
                prop_assert_eq!(&found, &packed, "{}: {} wide", name, tile.centers);
            }
            let found = scanned(&table.along, &rows, centers.view(), &frame);
            prop_assert_eq!(&found, &along, "{}: along", name);
        }
    }
    Ok(())
}

/// Compares what works on a few rows.
fn compare_rows<T: Scalar>(shape: &Shape, weight: f64) -> Result<(), TestCaseError> {
    let columns = shape.columns;
    let x = array::<T>(&shape.samples, columns);
    let centers = array::<T>(&shape.centers, columns);
    let mut summary = Summary::of(x.view(), None, &crate::Threads(1)).expect("finite numbers");
    // Weights that differ are summed in fine quanta, too.
    summary.weights.add(weight);
    let frame = Frame::<T>::new(&summary).expect("small numbers");
    let width = frame.quanta.width();
    assert_eq!(
        width,
        if [0.0, 1.0].contains(&weight) {
            columns
        } else {
            2 * columns
        }
    );
    let data = Data::new(x.view());
    let run = |table: &Table<T>| {
        let (mut sums, mut from) = (vec![1_i64; width], vec![2_i64; width]);
        let mut buffer = Vec::new();
        let rows = data.read(0..x.nrows(), &mut buffer);
        let mut found = Columns {
            smallest: x.row(0).iter().map(|x| x.wide()).collect(),
            largest: x.row(0).iter().map(|x| x.wide()).collect(),
            sum: vec![0.0; columns],
            squares: vec![0.0; columns],
            origin: x.row(0).iter().map(|x| x.wide()).collect(),
        };
        // SAFETY: a table that this processor can run; all have `columns` numbers.
        let distance = unsafe {
            for i in 0..rows.count {
                (table.add_row)([rows.row(i)], [weight], &frame.quanta, sums.as_mut_ptr());
            }
            let four: [_; 4] = std::array::from_fn(|i| rows.row(i % rows.count));
            for weights in [[weight, 1.0, 0.0, weight], [1.0; 4]] {
                let mut alone = sums.clone();
                (table.add_rows)(four, weights, &frame.quanta, sums.as_mut_ptr());
                for (row, weight) in four.into_iter().zip(weights) {
                    (table.add_row)([row], [weight], &frame.quanta, alone.as_mut_ptr());
                }
                assert_eq!(sums, alone);
            }
            let (row, to) = (rows.row(0), sums.as_mut_ptr());
            (table.move_row)(row, weight, &frame.quanta, from.as_mut_ptr(), to);
            // What is added and taken away has left nothing.
            let mut none = vec![0_i64; width];
            (table.add_row)([row], [weight], &frame.quanta, none.as_mut_ptr());
            let back = none.as_mut_ptr();
            (table.move_row)(row, weight, &frame.quanta, back, from.clone().as_mut_ptr());
            assert!(none.iter().all(|&sum| sum == 0));
            (table.column_range)(&rows, columns, &mut found);
            let center = centers.as_ptr();
            let squares = (table.square_distances)(four, center, columns);
            for (row, square) in four.into_iter().zip(squares) {
                let alone = (table.square_distance)(row, center, columns);
                assert_eq!(square.to_bits(), alone.to_bits());
            }
            squares[0]
        };
        let more = [
            bits(&found.smallest),
            bits(&found.largest),
            bits(&found.sum),
        ];
        (sums, from, more, bits(&found.squares), distance.to_bits())
    };
    let expected = run(portable());
    // Each row once, four twice more, and the first that was moved.
    let quanta = &frame.quanta;
    for j in 0..columns {
        let value = |i: usize| x[[i % x.nrows(), j]].wide() - quanta.offset[j];
        let all: f64 = (0..x.nrows()).map(value).sum();
        let four = (value(0) + value(3)) * weight + value(1);
        let ones: f64 = (0..4).map(value).sum();
        let plain = (all + value(0)) * weight + four + ones;
        let found = (expected.0[j] - 1) as f64 * quanta.quantum[j];
        let off = (found - plain).abs() / quanta.quantum[j];
        prop_assert!(off <= 4.0 * (x.nrows() + 9) as f64, "{} quanta", off);
    }
    for (name, table) in others() {
        prop_assert_eq!(&run(table), &expected, "{}", name);
    }
    let squares = x.columns().into_iter().map(|column| {
        let from_first = column.iter().map(|x| x.wide() - column[0].wide());
        from_first.map(|d| d * d).sum::<f64>()
    });
    for (found, plain) in expected.3.iter().zip(squares) {
        let found = f64::from_bits(*found);
        prop_assert!(
            (found - plain).abs() <= 1e-12 * plain,
            "{} {}",
            found,
            plain
        );
    }
    Ok(())
}

/// Scores, norms, earlier distances and weights of some samples.
type Near = (Vec<f64>, Vec<f64>, Vec<f64>, Vec<f64>);

fn near() -> impl Strategy<Value = Near> {
    (1..200_usize).prop_flat_map(|n| {
        let norm = vec(prop_oneof![0.0..50.0_f64, Just(0.0)], n);
        let near = vec(prop_oneof![0.0..20.0_f64, Just(f64::INFINITY)], n);
        (vec(-60.0..60.0_f64, n), norm, near, vec(0.0..3.0_f64, n))
    })
}

fn compare_potentials<T: Scalar>(given: &Near) -> Result<(), TestCaseError> {
    let narrow = |x: &[f64]| x.iter().map(|&x| T::near(x)).collect::<Vec<T>>();
    let (score, norm, near, weights) = (
        narrow(&given.0),
        narrow(&given.1),
        narrow(&given.2),
        narrow(&given.3),
    );
    let run = |table: &Table<T>| {
        let mut lowered = near.clone();
        let (count, none) = (near.len(), std::ptr::null());
        let (score, norm) = (score.as_ptr(), norm.as_ptr());
        // SAFETY: a table that this processor can run; all have `count` numbers.
        let sums = unsafe {
            let sum = |weights| (table.potential)(near.as_ptr(), score, norm, weights, count);
            let sums = [sum(none), sum(weights.as_ptr())];
            (table.lower)(lowered.as_mut_ptr(), score, norm, count);
            sums
        };
        (bits(&lowered), sums.map(f64::to_bits))
    };
    let expected = run(portable());
    let left = |i: usize| (norm[i].wide() + score[i].wide()).clamp(0.0, near[i].wide());
    let plain = [false, true].map(|weighted| {
        let weight = |i: usize| if weighted { weights[i].wide() } else { 1.0 };
        (0..near.len()).map(|i| left(i) * weight(i)).sum::<f64>()
    });
    for (sum, plain) in expected.1.map(f64::from_bits).into_iter().zip(plain) {
        prop_assert!((sum - plain).abs() <= 1e-12 * plain, "{} {}", sum, plain);
    }
    for (name, table) in others() {
        prop_assert_eq!(&run(table), &expected, "{}", name);
    }
    Ok(())
}

/// Bounds of samples, and how far some centers moved.
type Moves = (Vec<(i32, f32, f32)>, Vec<f32>, f32);

fn moves() -> impl Strategy<Value = Moves> {
    (1..9_usize).prop_flat_map(|k| {
        let bound = prop_oneof![0.0..9.0_f32, Just(0.0)];
        let sample = (0..k as i32, bound.clone(), bound);
        let drift = vec(prop_oneof![0.0..2.0_f32, Just(0.0)], k);
        (vec(sample, 1..200), drift, 0.0..2.0_f32)
    })
}

fn compare_bounds<T: Scalar>((samples, drift, threshold): &Moves) -> Result<(), TestCaseError> {
    let motion = Motion {
        drift: drift.clone(),
        largest: drift.iter().copied().fold(0.0, f32::max),
        threshold: *threshold,
        farthest: 9.0,
        error: 1e-6,
    };
    let labels: Vec<i32> = samples.iter().map(|s| s.0).collect();
    let number = |x: f32| T::near(x.into());
    let norm: Vec<T> = samples.iter().map(|s| number(s.1 * s.1)).collect();
    let best: Vec<T> = samples.iter().map(|s| number(-s.2)).collect();
    let second: Vec<T> = samples.iter().map(|s| number(s.1 - s.2)).collect();
    // Another label is the one before or after.
    let found = |i: usize| labels[i] as u32 ^ u32::from(samples[i].2 > 1.0);
    let index: Vec<T> = (0..labels.len()).map(|i| T::from_index(found(i))).collect();
    let other = |i: &u32| samples[*i as usize].2 > 1.0;
    let changed: Vec<u32> = (0..labels.len() as u32).filter(other).collect();
    let margin = Margin {
        relative: 1e-6,
        square: 81.0,
        error: 1e-4,
    };
    let run = |table: &Table<T>| {
        let mut upper: Vec<f32> = samples.iter().map(|s| s.1).collect();
        let mut lower: Vec<f32> = samples.iter().map(|s| s.2).collect();
        let (mut some, mut all) = (Vec::new(), Vec::new());
        let (mut made_upper, mut near, mut made_lower) =
            (upper.clone(), upper.clone(), lower.clone());
        // SAFETY: a table that this processor can run.
        unsafe {
            let (u, l) = (&mut upper, &mut lower);
            (table.classify)(&labels, u, l, &motion, &mut some, &mut all);
            let to: [&mut [f32]; 3] = [&mut made_upper, &mut near, &mut made_lower];
            (table.bounds)(&norm, &best, &second, margin, to);
            let mut list = Vec::new();
            let longer = [&index[..], &index[..1]].concat();
            (table.changed)(&labels, &longer, &mut list);
            assert_eq!(list, changed);
            list.clear();
            (table.changed)(&vec![-1; index.len()], &index, &mut list);
            assert_eq!(list.len(), index.len());
        }
        let bounds = [upper, lower, made_upper, near, made_lower].map(|x| bits(&x));
        (some, all, bounds)
    };
    let expected = run(portable());
    for (name, table) in others() {
        prop_assert_eq!(&run(table), &expected, "{}", name);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn nearest_centers_and_scores_of_few_columns(shape in shape(1..40)) {
        compare_tiles::<f32>(&shape)?;
        compare_tiles::<f64>(&shape)?;
    }

    #[test]
    fn nearest_centers_and_scores_of_many_columns(shape in shape(120..180)) {
        compare_tiles::<f32>(&shape)?;
        compare_tiles::<f64>(&shape)?;
    }

    #[test]
    fn sums_ranges_and_distances(shape in shape(1..40), weight in prop_oneof![Just(1.0), 0.0..4.0]) {
        compare_rows::<f32>(&shape, weight)?;
        compare_rows::<f64>(&shape, weight)?;
    }

    #[test]
    fn what_candidates_leave(near in near()) {
        compare_potentials::<f32>(&near)?;
        compare_potentials::<f64>(&near)?;
    }

    #[test]
    fn bounds_and_what_they_rule_out(moves in moves()) {
        compare_bounds::<f32>(&moves)?;
        compare_bounds::<f64>(&moves)?;
    }
}
