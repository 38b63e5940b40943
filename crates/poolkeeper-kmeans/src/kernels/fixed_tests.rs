//! Fixed point: the same on every kernel, right where it has no doubts, within
//! the error that it states; and what is made of it where it has.

use ndarray::{Array2, ArrayView2, s};
use proptest::collection::vec;
use proptest::prelude::*;

use super::dispatch::Kernel;
use super::fixed::FixedTile;
use super::scan::Scratch;
use super::tests::{array, bits};
use crate::Scalar;
use crate::finder::Finder;
use crate::fixed::Fixed;
use crate::frame::{Frame, Summary};
use crate::panels::Panels;
use crate::prune::Precision;
use crate::rows::{Data, Rows};

/// The tiles that this processor can run, the portable one first.
fn tiles<T: Scalar>() -> Vec<(&'static str, FixedTile<T>)> {
    let kernels = Kernel::available().into_iter();
    let tables = kernels.map(|kernel| (kernel.name(), T::table(kernel)));
    let run = tables.filter(|(_, table)| (table.fixed_runs)());
    run.map(|(name, table)| (name, table.fixed)).collect()
}

/// What one problem is made of: samples of which some are centers, some are
/// far out, and all may lie far from 0.
#[derive(Debug, Clone)]
struct Case {
    columns: usize,
    samples: Vec<f64>,
    centers: Vec<f64>,
    far: usize,
    farther: f64,
    shift: f64,
    reach: f64,
}

fn case() -> impl Strategy<Value = Case> {
    let number = || prop_oneof![3 => -4.0..4.0_f64, 1 => (-3..4_i32).prop_map(f64::from)];
    let shift = prop_oneof![Just(0.0), Just(3.0), Just(1e3), Just(-1e6)];
    let shape = (1..40_usize, 1..130_usize, 1..30_usize);
    let reach = prop_oneof![8 => 0.01..2.0_f64, 1 => Just(1e4), 1 => Just(1e-4)];
    let farther = prop_oneof![Just(1e9), Just(1e25), Just(f64::INFINITY), Just(f64::NAN)];
    let given = (shape, shift, reach, farther);
    given.prop_flat_map(move |((columns, rows, k), shift, reach, farther)| {
        let numbers = (vec(number(), rows * columns), vec(number(), k * columns));
        (numbers, 0..=k.min(rows), 0..rows).prop_map(move |((samples, mut centers), same, far)| {
            centers[..same * columns].copy_from_slice(&samples[..same * columns]);
            Case {
                columns,
                samples,
                centers,
                far,
                farther,
                shift,
                reach,
            }
        })
    })
}

struct Prepared<T> {
    x: Array2<T>,
    centers: Array2<T>,
    frame: Frame<T>,
    reach: f64,
}

fn prepare<T: Scalar>(case: &Case) -> Prepared<T> {
    let shifted = |x: &[f64]| -> Vec<f64> { x.iter().map(|x| x + case.shift).collect() };
    let mut x = array::<T>(&shifted(&case.samples), case.columns);
    let centers = array::<T>(&shifted(&case.centers), case.columns);
    let summary = Summary::of(x.view(), None, &crate::Threads(1)).expect("finite numbers");
    let frame = Frame::new(&summary).expect("small numbers");
    // Farther out than the frame knows of.
    let far = x.row(case.far).mapv(|v| T::near(v.wide() * case.farther));
    x.row_mut(case.far).assign(&far);
    Prepared {
        x,
        centers,
        frame,
        reach: case.reach * 4.0 * (case.columns as f64).sqrt(),
    }
}

/// Index, scores and norm of each row, and which are in doubt.
type Found = (Vec<u32>, [Vec<u64>; 3], Vec<u32>);

fn found<T: Scalar>(rows: &Rows<T>, fixed: &Fixed<T>, scratch: &mut Scratch<T>) -> Found {
    // SAFETY: the tile is one that this processor can run; `fixed` has the
    // columns of the rows.
    unsafe { (fixed.tile.two_nearest)(rows, fixed, scratch) };
    let index = scratch.index[..rows.count].iter().map(|i| i.to_index());
    let numbers = [&scratch.best, &scratch.second, &scratch.norm];
    let numbers = numbers.map(|x| bits(&x[..rows.count]));
    (index.collect(), numbers, scratch.doubts.clone())
}

/// From panels of any width.
fn packed<T: Scalar>(
    centers: ArrayView2<T>,
    frame: &Frame<T>,
    tile: FixedTile<T>,
    reach: f64,
) -> Option<Fixed<T>> {
    let mut panels = Panels::default();
    panels.fill(centers, frame, 6);
    Fixed::new(centers.nrows(), &panels, frame, tile, reach)
}

fn same_on_every_kernel<T: Scalar>(case: &Case) -> Result<(), TestCaseError> {
    let Prepared {
        x,
        centers,
        frame,
        reach,
    } = prepare::<T>(case);
    let wide = ndarray::concatenate![ndarray::Axis(1), x.view(), x.view()];
    let gaps = wide.slice(s![.., ..case.columns]);
    let list: Vec<u32> = (0..x.nrows() as u32).rev().step_by(2).collect();
    let (tight, gaps) = (Data::new(x.view()), Data::new(gaps));
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let all = tight.read(0..x.nrows(), &mut a);
    for rows in [all, gaps.read(0..x.nrows(), &mut b), all.pick(&list)] {
        let mut expected = None;
        for (name, tile) in tiles::<T>() {
            let Some(fixed) = packed(centers.view(), &frame, tile, reach) else {
                continue;
            };
            let found = found(&rows, &fixed, &mut Scratch::default());
            let expected = expected.get_or_insert_with(|| found.clone());
            prop_assert_eq!(&found, expected, "{}", name);
        }
    }
    Ok(())
}

fn right_and_bounded<T: Scalar>(case: &Case) -> Result<(), TestCaseError> {
    let Prepared {
        x,
        centers,
        frame,
        reach,
    } = prepare::<T>(case);
    let data = Data::new(x.view());
    let mut buffer = Vec::new();
    let rows = data.read(0..x.nrows(), &mut buffer);
    let table = T::table(Kernel::Portable);
    let exact_tile = table.tiles[0];
    let mut panels = Panels::default();
    panels.fill(centers.view(), &frame, exact_tile.centers);
    let precision = Precision::new(case.columns, &panels);
    let mut exact = Scratch::default();
    // SAFETY: runs everywhere; rows, frame and panels have the same columns.
    unsafe { (exact_tile.two_nearest)(&rows, &frame.moved, &panels, &mut exact) };
    for (name, tile) in tiles::<T>() {
        let Some(fixed) = packed(centers.view(), &frame, tile, reach) else {
            continue;
        };
        let mut scratch = Scratch::default();
        let (index, _, doubts) = found(&rows, &fixed, &mut scratch);
        let far = x.row(case.far);
        prop_assert!(doubts.contains(&(case.far as u32)) || far.iter().all(|x| x.wide() == 0.0));
        for i in (0..rows.count).filter(|&i| !doubts.contains(&(i as u32))) {
            prop_assert_eq!(index[i], exact.index[i].to_index(), "{}: row {}", name, i);
        }
        // And with the doubts scored.
        let finder = Finder {
            table,
            moved: &frame.moved,
            tile: &exact_tile,
            panels: &panels,
            fixed: Some(&fixed),
        };
        finder.nearest(&rows, &mut scratch, Some(&precision));
        for i in 0..rows.count {
            let index = scratch.index[i].to_index();
            prop_assert_eq!(index, exact.index[i].to_index(), "{}: row {}", name, i);
            if i == case.far {
                continue;
            }
            let distance = |c: usize| {
                let pairs = x.row(i).into_iter().zip(centers.row(c)).enumerate();
                let moved = pairs.map(|(j, (&x, &c))| {
                    frame.moved_center(x, j).wide() - frame.moved_center(c, j).wide()
                });
                moved.map(|d| d * d).sum::<f64>().sqrt()
            };
            let others = (0..centers.nrows()).filter(|&c| c as u32 != index);
            let other = others.map(distance).fold(f64::INFINITY, f64::min);
            let own = distance(index as usize);
            let [upper, near, lower] = [&scratch.upper, &scratch.near, &scratch.lower];
            prop_assert!(f64::from(upper[i]) >= own, "{}: upper of {}", name, i);
            prop_assert!(f64::from(near[i]) <= own, "{}: near of {}", name, i);
            prop_assert!(f64::from(lower[i]) <= other, "{}: lower of {}", name, i);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_kernel_finds_the_same_in_fixed_point(case in case()) {
        same_on_every_kernel::<f32>(&case)?;
        same_on_every_kernel::<f64>(&case)?;
    }

    #[test]
    fn the_nearest_is_right_and_bounds_hold(case in case()) {
        right_and_bounded::<f32>(&case)?;
        right_and_bounded::<f64>(&case)?;
    }
}

/// Most samples of usual data are not in doubt: otherwise the tests above
/// would say nothing.
#[test]
fn few_samples_are_in_doubt() {
    let mut state = 1_u32;
    let mut number = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / f64::from(1 << 24)
    };
    let x = Array2::from_shape_simple_fn((2000, 16), || number() as f32);
    let centers = x.slice(s![..40, ..]);
    let summary = Summary::of(x.view(), None, &crate::Threads(1)).expect("finite numbers");
    let frame = Frame::new(&summary).expect("small numbers");
    let data = Data::new(x.view());
    let reach = crate::fixed::probe(&data, &frame);
    let mut buffer = Vec::new();
    let rows = data.read(0..2000, &mut buffer);
    for (name, tile) in tiles::<f32>() {
        let fixed = packed(centers, &frame, tile, reach).expect("usual centers");
        let (_, _, doubts) = found(&rows, &fixed, &mut Scratch::default());
        assert!(doubts.len() < 60, "{name}: {} of 2000", doubts.len());
        assert!(fixed.pays());
    }
}
