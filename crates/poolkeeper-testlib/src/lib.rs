//! Poses as an OpenBLAS for 16 threads that starts with 8.
//!
//! The functions and what they do are those of OpenBLAS's `cblas.h`: one value
//! for the process, clamped to what the library was compiled for, where 0 and
//! less mean all.

use std::ffi::{c_char, c_int};
use std::sync::atomic::{AtomicI32, Ordering};

const MAX_THREADS: c_int = 16;

static THREADS: AtomicI32 = AtomicI32::new(8);

/// The number of threads.
// SAFETY: no other object of a test program defines this name.
#[unsafe(no_mangle)]
pub extern "C" fn openblas_get_num_threads() -> c_int {
    THREADS.load(Ordering::SeqCst)
}

/// Sets the number of threads.
// SAFETY: as above.
#[unsafe(no_mangle)]
pub extern "C" fn openblas_set_num_threads(threads: c_int) {
    let threads = if threads <= 0 {
        MAX_THREADS
    } else {
        threads.min(MAX_THREADS)
    };
    THREADS.store(threads, Ordering::SeqCst);
}

/// How it was built.
// SAFETY: as above.
#[unsafe(no_mangle)]
pub extern "C" fn openblas_get_config() -> *const c_char {
    c"OpenBLAS 9.9.9 NO_AFFINITY Posing MAX_THREADS=16".as_ptr()
}

/// 1: with its own threads.
// SAFETY: as above.
#[unsafe(no_mangle)]
pub extern "C" fn openblas_get_parallel() -> c_int {
    1
}

/// The processor kind.
// SAFETY: as above.
#[unsafe(no_mangle)]
pub extern "C" fn openblas_get_corename() -> *const c_char {
    c"Posing".as_ptr()
}
