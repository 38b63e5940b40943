//! Batches end near what the whole gives.

mod clouds;
mod common;

use clouds::clouds;
use ndarray::{Array1, Array2, array, s};
use poolkeeper_kmeans::{MiniBatch, Result, Threads, inertia, plus_plus};

#[test]
fn a_stream_of_batches_finds_the_clouds() -> Result<()> {
    let x = clouds::<f32>(6000, 5, 8, 4.0, 3);
    let (start, _) = plus_plus(x.slice(s![..500, ..]), None, 8, None, 1, &Threads(1))?;
    let score = |centers: &Array2<f32>| inertia(x.view(), None, centers.view(), &Threads(1));
    let before = score(&start)?;
    let mut model = MiniBatch::new(start)?;
    for batch in x.axis_chunks_iter(ndarray::Axis(0), 256) {
        model.partial_fit(batch, None, &Threads(2))?;
    }
    let after = score(&model.centers)?;
    // Each cloud has the variance 1 in each of the 5 columns.
    assert!(after < 1.1 * 5.0 * 6000.0 && after < before, "{before} {after}");
    assert_eq!(model.counts.iter().sum::<f64>(), 6000.0);
    Ok(())
}

#[test]
fn a_weight_is_as_good_as_a_repeated_sample() -> Result<()> {
    let start = array![[0.0_f64], [10.0]];
    let (mut weighted, mut repeated) = (MiniBatch::new(start.clone())?, MiniBatch::new(start)?);
    let weights = Array1::from(vec![2.0, 1.0]);
    weighted.partial_fit(array![[1.0], [8.0]].view(), Some(weights.view()), &Threads(1))?;
    repeated.partial_fit(array![[1.0], [1.0], [8.0]].view(), None, &Threads(1))?;
    assert_eq!(weighted, repeated);
    Ok(())
}

#[test]
fn a_batch_that_fails_moves_nothing() -> Result<()> {
    let mut model = MiniBatch::new(array![[0.0_f32], [10.0]])?;
    let before = model.clone();
    for bad in [array![[f32::NAN]], array![[f32::INFINITY]]] {
        let failed = model.partial_fit(bad.view(), None, &Threads(1));
        assert_eq!(failed.unwrap_err().code(), "not-finite");
    }
    let failed = model.partial_fit(array![[1.0, 2.0]].view(), None, &Threads(1));
    assert_eq!(failed.unwrap_err().code(), "shape");
    assert_eq!(model, before);
    Ok(())
}
