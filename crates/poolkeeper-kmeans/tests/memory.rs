//! What a fit allocates beyond the samples: at most 16 bytes for each, and
//! 8 k d bytes a thread (no more than the centers and one sum where these are large), whatever
//! the shape is stored as.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::Numbers;
use ndarray::{Array1, Array2, ShapeBuilder, s};
use poolkeeper_kmeans::{Algorithm, Fit, Init, Options, Scalar, Threads, fit};

/// Counts what is allocated now, and the most that ever was.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator, counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        MOST.fetch_max(now, Ordering::Relaxed);
        // SAFETY: the caller's promises are the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Buffers whose size depends on neither the samples nor the centers, for each thread.
const BUFFERS: usize = 1 << 19;
const ROWS: usize = 500_000;
const COLUMNS: usize = 6;
const THREADS: usize = 3;

/// The most bytes that `work` had allocated at once, beyond those before it.
fn most_during<R>(work: impl FnOnce() -> R) -> (usize, R) {
    let before = NOW.load(Ordering::SeqCst);
    MOST.store(before, Ordering::SeqCst);
    let result = work();
    (MOST.load(Ordering::SeqCst) - before, result)
}

fn check<T: Scalar>(what: &str, x: ndarray::ArrayView2<T>, options: &Options<T>) {
    let (rows, columns) = x.dim();
    let weights = Array1::from_elem(rows, T::near(2.0));
    for weights in [None, Some(weights.view())] {
        let (most, found) = most_during(|| fit(x, weights, options.clone(), &Threads(THREADS)));
        assert_eq!(found.expect("a fit").labels.len(), rows);
        let allowed = 16 * rows + THREADS * (8 * options.n_clusters * columns + BUFFERS);
        assert!(most <= allowed, "{what}: {most} bytes of {allowed} allowed");
    }
}

fn check_all<T: Scalar>() {
    let mut numbers = Numbers::new(7);
    let rows = Array2::from_shape_simple_fn((ROWS, COLUMNS), || T::near(numbers.normal()));
    let mut columns = Array2::from_elem((ROWS, COLUMNS).f(), T::default());
    columns.assign(&rows);
    let every_other = rows.slice(s![.., ..;2]);
    for algorithm in [Algorithm::Auto, Algorithm::Brute, Algorithm::Pruned] {
        for init in [
            Init::PlusPlus { local_trials: None },
            Init::Parallel,
            Init::Random,
        ] {
            let what = format!("{algorithm:?}, {init:?}");
            let mut options = Options::new(12);
            options.algorithm = algorithm;
            options.init = init;
            options.max_iter = 4;
            check(&format!("row by row, {what}"), rows.view(), &options);
            check(
                &format!("column by column, {what}"),
                columns.view(),
                &options,
            );
            check(
                &format!("every other column, {what}"),
                every_other,
                &options,
            );
        }
    }
    // The labels of the best start are there during the next.
    let mut options = Options::new(12);
    (options.n_init, options.max_iter) = (2, 2);
    check("two starts", rows.view(), &options);
    // Centers that nothing is near have to be moved to samples.
    let mut centers = Array2::from_elem((3, COLUMNS), T::near(100.0));
    centers.row_mut(0).fill(T::default());
    let mut options = Options::new(3);
    options.init = Init::Centers(centers);
    options.max_iter = 4;
    check("empty clusters", rows.view(), &options);
}

/// Centers as large as the samples: no thread has sums of its own, and there are never more
/// than the centers, sums of 8 bytes for each of their numbers, and what one scores with.
fn check_large<T: Scalar>() {
    let (k, columns) = (100, 30_000);
    let mut numbers = Numbers::new(3);
    let x = Array2::from_shape_simple_fn((k * 3 / 2, columns), || T::near(numbers.normal()));
    let plain = fit_of(&x, k, 1, None);
    for weighted in [false, true] {
        let weights =
            weighted.then(|| Array1::from_shape_fn(k * 3 / 2, |i| T::near(1.0 + (i % 3) as f64)));
        for threads in [1, 2, 8] {
            let (most, found) = most_during(|| fit_of(&x, k, threads, weights.as_ref()));
            let sums = if weighted { 16 } else { 8 };
            // Sums take the place of what centers are scored with: in both precisions.
            let most_of_both = sums.max(size_of::<T>() + size_of::<i16>());
            let allowed = k * columns * (most_of_both + size_of::<T>()) * 11 / 10;
            assert!(
                most <= allowed,
                "{threads}: {most} bytes of {allowed} allowed"
            );
            if !weighted {
                assert_eq!(
                    (found.centers, found.labels),
                    (plain.centers.clone(), plain.labels.clone())
                );
            }
        }
    }
}

/// From the first samples, which are moved where they are.
fn fit_of<T: Scalar>(
    x: &Array2<T>,
    k: usize,
    threads: usize,
    weights: Option<&Array1<T>>,
) -> Fit<T> {
    let mut options = Options::new(k);
    (options.max_iter, options.tol) = (4, 0.0);
    options.init = Init::Centers(x.slice(s![..k, ..]).to_owned());
    let weights = weights.map(|weights| weights.view());
    fit(x.view(), weights, options, &Threads(threads)).expect("a fit")
}

// One test: the allocator counts for the process.
#[test]
fn a_fit_stays_within_its_memory() {
    check_all::<f32>();
    check_all::<f64>();
    check_large::<f32>();
    check_large::<f64>();
}
