//! Sums in `f64` along rows, in a fixed number of lanes.

use ndarray::ArrayView1;

use crate::Scalar;

/// Lanes of a sum, so that the next number need not wait for the last.
pub(crate) const LANES: usize = 8;

/// The sum of `f` of the numbers of two rows.
pub(crate) fn sum<T: Scalar>(
    a: ArrayView1<T>,
    b: ArrayView1<T>,
    f: impl Fn(f64, f64) -> f64,
) -> f64 {
    let (a, b) = (a.as_standard_layout(), b.as_standard_layout());
    let (a, a_rest) = a.as_slice().unwrap_or_default().as_chunks::<LANES>();
    let (b, b_rest) = b.as_slice().unwrap_or_default().as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += f(a[lane].wide(), b[lane].wide());
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += f(a.wide(), b.wide());
    }
    lanes.iter().sum()
}
