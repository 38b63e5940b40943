//! Arrays in `.npy` files.

#![no_main]

use poolkeeper_kmeans::{Blocks, Npy};
use std::path::PathBuf;
use std::sync::LazyLock;

static FILE: LazyLock<PathBuf> = LazyLock::new(|| poolkeeper_fuzz::folder().join("array.npy"));

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    std::fs::write(&*FILE, data).expect("the fuzzer's own folder");
    read::<f32>();
    read::<f64>();
});

fn read<T: poolkeeper_kmeans::Scalar>() {
    let Ok(mut array) = Npy::<T>::open(&*FILE, 3) else {
        return;
    };
    let (rows, columns) = array.shape();
    let mut seen = 0;
    let read = array.each(&mut |block, _| {
        assert_eq!(block.ncols(), columns);
        seen += block.nrows();
        // Every number is looked at: the sanitizer sees what isn't there.
        for number in block {
            std::hint::black_box(*number);
        }
        Ok(())
    });
    // An array without columns has no block to look at.
    assert!(read.is_err() || columns == 0 || seen == rows);
}
