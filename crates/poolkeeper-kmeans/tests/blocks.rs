//! From blocks as from memory, bit by bit.

mod clouds;
mod common;

use std::fs;
use std::path::PathBuf;

use clouds::clouds;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, array, s};
use poolkeeper_kmeans::{
    Blocks, BlocksFit, Error, InMemory, Init, Npy, Options, Result, Scalar, Take, Threads, fit,
    fit_blocks,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Removes its file in the end.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn file(name: &str, bytes: &[u8]) -> Temporary {
    let path = std::env::temp_dir().join(format!("{}-{name}.npy", std::process::id()));
    fs::write(&path, bytes).unwrap();
    Temporary(path)
}

/// A `.npy` file as numpy writes it.
fn npy(descr: &str, order: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    let header = format!("{header:117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(numbers);
    bytes
}

fn start<T: Scalar>(x: ArrayView2<T>, k: usize) -> Options<T> {
    let init = Init::Centers(x.slice(s![..k, ..]).to_owned());
    Options {
        init,
        max_iter: 12,
        ..Options::new(k)
    }
}

#[test]
fn blocks_of_any_size_give_the_bits_of_the_whole() -> Result<()> {
    let x = clouds::<f32>(1300, 6, 9, 0.8, 3);
    let options = start(x.view(), 9);
    let whole = fit(x.view(), None, options.clone(), &Threads(2))?;
    for rows in [1, 37, 1000, 5000] {
        let found = fit_blocks(&mut InMemory::new(x.view(), rows), &options, &Threads(2))?;
        assert_eq!(found.centers, whole.centers, "{rows}");
        assert_eq!(found.inertia, whole.inertia);
        assert_eq!((found.iterations, found.rows), (whole.iterations, 1300));
    }
    Ok(())
}

/// A matrix with weights, in blocks of so many rows.
struct Weighed<'a> {
    x: ArrayView2<'a, f64>,
    weights: ArrayView1<'a, f64>,
    rows: usize,
}

impl Blocks<f64> for Weighed<'_> {
    fn each(&mut self, take: &mut Take<f64>) -> Result<()> {
        let weights = self.weights.axis_chunks_iter(Axis(0), self.rows);
        let mut blocks = self.x.axis_chunks_iter(Axis(0), self.rows).zip(weights);
        blocks.try_for_each(|(x, weights)| take(x, Some(weights)))
    }
}

/// Weights whose sum is near a power of two, and depends on its order.
#[test]
fn blocks_with_weights_give_the_bits_of_the_whole() -> Result<()> {
    let x = clouds::<f64>(5000, 3, 6, 0.8, 4);
    let options = start(x.view(), 6);
    let uneven = Array1::from_shape_fn(5000, |i| 1.0 + (i * i % 17) as f64);
    let normalised = &uneven / uneven.sum();
    for weights in [Array1::from_elem(5000, 1.0 / 5000.0), normalised, uneven] {
        let weights = weights.view();
        let whole = fit(x.view(), Some(weights), options.clone(), &Threads(2))?;
        for rows in [1, 37, 500, 1000, 1234] {
            let x = x.view();
            let found = fit_blocks(&mut Weighed { x, weights, rows }, &options, &Threads(2))?;
            assert_eq!(found.centers, whole.centers, "{rows}");
            assert_eq!(found.inertia, whole.inertia);
        }
    }
    Ok(())
}

/// The mean is half-way between two numbers that an offset may be.
#[test]
fn a_mean_on_a_border_gives_the_bits_of_the_whole() -> Result<()> {
    let mut numbers = common::Numbers::new(3);
    let mut x = Array2::from_elem((10_000, 2), 1.0 / 512.0);
    for mut pair in x.axis_chunks_iter_mut(Axis(0), 2) {
        let away = Array1::from_shape_simple_fn(2, || 0.3 * numbers.unit());
        pair.row_mut(0).scaled_add(-1.0, &away);
        pair.row_mut(1).scaled_add(1.0, &away);
    }
    let options = start(x.view(), 4);
    let whole = fit(x.view(), None, options.clone(), &Threads(2))?;
    for rows in [100, 1000, 2500] {
        let found = fit_blocks(&mut InMemory::new(x.view(), rows), &options, &Threads(2))?;
        assert_eq!(
            (found.centers, found.inertia),
            (whole.centers.clone(), whole.inertia)
        );
    }
    Ok(())
}

#[test]
fn an_empty_cluster_takes_the_same_sample() -> Result<()> {
    let x = clouds::<f64>(200, 3, 4, 2.0, 8);
    let mut options = start(x.view(), 6);
    if let Init::Centers(centers) = &mut options.init {
        centers.slice_mut(s![4.., ..]).fill(1e3);
    }
    let whole = fit(x.view(), None, options.clone(), &Threads(1))?;
    let found = fit_blocks(&mut InMemory::new(x.view(), 64), &options, &Threads(1))?;
    assert_eq!(
        (found.centers, found.inertia),
        (whole.centers, whole.inertia)
    );
    Ok(())
}

#[test]
fn starts_do_not_depend_on_the_size_of_blocks() -> Result<()> {
    let x = clouds::<f32>(900, 4, 10, 3.0, 4);
    let best = fit(
        x.view(),
        None,
        Options {
            n_init: 5,
            ..Options::new(10)
        },
        &Threads(1),
    )?;
    for init in [Init::Random, Init::Parallel] {
        let options = Options {
            init: init.clone(),
            n_init: 3,
            ..Options::new(10)
        };
        let run = |rows| fit_blocks(&mut InMemory::new(x.view(), rows), &options, &Threads(1));
        let (one, other) = (run(900)?, run(11)?);
        assert_eq!((&one.centers, one.inertia), (&other.centers, other.inertia));
        let limit = if init == Init::Random { 3.0 } else { 1.3 };
        assert!(
            one.inertia < limit * best.inertia,
            "{init:?}: {}",
            one.inertia / best.inertia
        );
    }
    Ok(())
}

#[test]
fn a_file_of_either_order_is_read() -> Result<()> {
    let x = clouds::<f32>(500, 5, 4, 1.0, 6);
    let options = start(x.view(), 4);
    let expected = fit_blocks(&mut InMemory::new(x.view(), 500), &options, &Threads(1))?;
    let rows: Vec<u8> = x.iter().flat_map(|x| x.to_le_bytes()).collect();
    let columns: Vec<u8> = x.t().iter().flat_map(|x| x.to_le_bytes()).collect();
    for (name, order, numbers) in [("rows", "False", rows), ("columns", "True", columns)] {
        let file = file(name, &npy("<f4", order, "(500, 5)", &numbers));
        let mut blocks = Npy::<f32>::open(&file.0, 77)?;
        assert_eq!(blocks.shape(), (500, 5));
        assert_eq!(fit_blocks(&mut blocks, &options, &Threads(1))?, expected);
    }
    Ok(())
}

#[test]
fn a_file_that_is_something_else_is_refused() {
    let numbers = [0; 48];
    let whole = npy("<f8", "False", "(3, 2)", &numbers);
    let cases = [
        (
            "kind",
            npy("<f4", "False", "(3, 2)", &numbers),
            "holds '<f4', not '<f8'",
        ),
        (
            "flat",
            npy("<f8", "False", "(6,)", &numbers),
            "1 dimensions, not 2",
        ),
        ("short", whole[..whole.len() - 1].to_vec(), "ends after"),
        (
            "huge",
            npy("<f8", "False", "(9999999999999, 9999999999999)", &[]),
            "ends after",
        ),
        ("text", b"PK, a zip file".to_vec(), "not a .npy file"),
        ("header", whole[..40].to_vec(), "fill whole buffer"),
    ];
    for (name, bytes, expected) in cases {
        let file = file(name, &bytes);
        let message = Npy::<f64>::open(&file.0, 10).unwrap_err().to_string();
        assert!(message.contains(expected), "{name}: {message}");
    }
}

proptest! {
    /// Whatever a broken file says, the answer is an error or a fit, no panic
    /// and no read past its end.
    #[test]
    fn a_broken_file_is_no_danger(
        changes in vec((0..128_usize, any::<u8>()), 1..4),
        left in 0..=176_usize,
    ) {
        let numbers = [0x3f; 48];
        let mut bytes = npy("<f8", "False", "(3, 2)", &numbers);
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        bytes.truncate(left);
        let file = file("broken", &bytes);
        if let Ok(mut blocks) = Npy::<f64>::open(&file.0, 2) {
            let found = fit_blocks(&mut blocks, &Options::new(1), &Threads(1));
            prop_assert!(found.is_err() || found?.rows > 0);
        }
    }
}

/// Blocks with weights, the last of which fails.
struct Failing(bool);

impl Blocks<f64> for Failing {
    fn each(&mut self, take: &mut Take<f64>) -> Result<()> {
        let x = array![[0.0], [1.0], [5.0], [6.0]];
        take(
            x.view(),
            Some(Array1::from(vec![1.0, 3.0, 1.0, 1.0]).view()),
        )?;
        if self.0 {
            return Err(Error::Blocks {
                why: "the disk is gone".into(),
            });
        }
        take(Array2::zeros((0, 1)).view(), None)
    }
}

#[test]
fn weights_count_and_failures_are_passed_on() -> Result<()> {
    let init = Init::Centers(array![[0.0], [6.0]]);
    let options = Options {
        init,
        ..Options::new(2)
    };
    let run = |fails| -> Result<BlocksFit<f64>> {
        fit_blocks(&mut Failing(fails), &options, &Threads(1))
    };
    assert_eq!(run(false)?.centers, array![[0.75], [5.5]]);
    assert_eq!(run(true).unwrap_err().code(), "blocks");
    Ok(())
}
