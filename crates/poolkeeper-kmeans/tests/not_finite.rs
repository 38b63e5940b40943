//! NaN and infinities are refused, wherever they are.

use ndarray::{Array2, s};
use poolkeeper_kmeans::{Error, Options, Summary, Threads, assign, fit, inertia};

/// So many that they are looked at in several parts.
const ROWS: usize = 20_000;

/// Small whole numbers, with `bad` at a place.
fn with(bad: f64, row: usize, column: usize) -> Array2<f64> {
    let mut x = Array2::from_shape_fn((ROWS, 3), |(i, j)| ((i * 7 + j) % 11) as f64);
    x[[row, column]] = bad;
    x
}

fn place(error: Error) -> (usize, usize) {
    match error {
        Error::NotFinite { row, column, .. } => (row, column),
        other => panic!("{other}"),
    }
}

#[test]
fn a_number_that_is_not_finite_is_refused_and_named() {
    let centers = with(0.0, 0, 0).slice(s![..2, ..]).to_owned();
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for (row, column) in [(0, 0), (1, 2), (ROWS - 1, 1)] {
            let x = with(bad, row, column);
            let (x, centers, one) = (x.view(), centers.view(), Threads(1));
            let found = [
                fit(x, None, Options::new(2), &one).map(drop),
                assign(x, centers, &one).map(drop),
                inertia(x, None, centers, &one).map(drop),
                Summary::of(x, None, &one).map(drop),
            ];
            for result in found {
                assert_eq!(place(result.unwrap_err()), (row, column), "{bad}");
            }
            let single = x.mapv(|x| x as f32);
            let refused = fit(single.view(), None, Options::new(2), &one).unwrap_err();
            assert_eq!(place(refused), (row, column), "{bad}");
        }
    }
}
