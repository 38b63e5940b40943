//! What candidates leave, sample by sample: the same bits on every kernel, and
//! what the scores of a tile give.

use ndarray::{Array2, s};
use proptest::prelude::*;

use super::Table;
use super::across::{Known, WIDTH};
use super::scan::Scratch;
use super::tests::{Shape, array, bits, others, portable, shape};
use crate::Scalar;
use crate::frame::{Frame, Summary};
use crate::panels::Panels;
use crate::rows::{Data, Rows};

fn compare_across<T: Scalar>(shape: &Shape) -> Result<(), TestCaseError> {
    let (x, centers) = (
        array::<T>(&shape.samples, shape.columns),
        array::<T>(&shape.centers, shape.columns),
    );
    let summary = Summary::of(x.view(), None, &crate::Threads(1)).expect("finite numbers");
    let frame = Frame::<T>::new(&summary).expect("small numbers");
    // The same rows: one after another, backward in memory with a gap after
    // each, and as a list says.
    let n = x.nrows();
    let mut gaps = Array2::from_elem((n, shape.columns + 3), T::near(7.0));
    gaps.slice_mut(s![..;-1, ..shape.columns]).assign(&x);
    let data = [x.view(), gaps.slice(s![..;-1, ..shape.columns])].map(Data::new);
    let mut buffers = [Vec::new(), Vec::new()];
    let [rows, apart] = {
        let [a, b] = &mut buffers;
        [data[0].read(0..n, a), data[1].read(0..n, b)]
    };
    let list: Vec<u32> = (0..n as u32).collect();
    let listed = rows.pick(&list);
    let k = centers.nrows();
    let weights: Vec<T> = (0..n).map(|i| T::near((i % 3) as f64)).collect();
    // The squared distances, by the tile's scores, and `|x|²`.
    let tile = &portable::<T>().tiles[0];
    let stride = n.next_multiple_of(tile.samples);
    let mut panels = Panels::default();
    panels.fill(centers.view(), &frame, tile.centers);
    let mut scores = vec![T::default(); panels.centers() * stride];
    let mut scratch = Scratch::default();
    // SAFETY: the portable table runs everywhere; `scores` has room.
    unsafe {
        let to = scores.as_mut_ptr();
        (tile.scores)(&rows, &frame.moved, &panels, &mut scratch, to, stride);
    }
    let norm = scratch.norm[..n].to_vec();
    let far = |c: usize, i: usize| (norm[i].wide() + scores[c * stride + i].wide()).max(0.0);
    panels.fill(centers.view(), &frame, WIDTH);
    let before: Vec<T> = (0..n).map(|i| T::near((i % 5) as f64 * 3.0)).collect();
    for weights in [None, Some(&weights[..])] {
        let run = |table: &Table<T>, rows: &Rows<T>| {
            let mut near = before.clone();
            let mut sums = vec![0.0; panels.count() * WIDTH];
            let mut known = Known {
                near: &mut near,
                norm: &norm,
                weights,
            };
            // SAFETY: a table that this processor can run; all have `n` rows.
            unsafe {
                let scratch = &mut Scratch::default();
                (table.potentials)(rows, &frame.moved, &panels, scratch, &mut known, &mut sums);
            }
            (near, sums)
        };
        let (near, sums) = run(portable(), &rows);
        for (name, table) in others::<T>() {
            for rows in [&rows, &apart, &listed] {
                let (a, b) = run(table, rows);
                prop_assert_eq!((bits(&a), bits(&b)), (bits(&near), bits(&sums)), "{}", name);
            }
        }
        for i in 0..n {
            prop_assert_eq!(near[i], T::near(before[i].wide().min(far(0, i))));
        }
        for (c, &sum) in sums.iter().enumerate().take(k) {
            let left = |i: usize| near[i].wide().min(far(c, i));
            let weight = |i: usize| weights.map_or(1.0, |weights| weights[i].wide());
            let expected: f64 = (0..n).map(|i| left(i) * weight(i)).sum();
            prop_assert!((sum - expected).abs() <= 1e-12 * expected, "{}", c);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_candidates_leave_sample_by_sample(shape in shape(1..40)) {
        compare_across::<f32>(&shape)?;
        compare_across::<f64>(&shape)?;
    }
}
