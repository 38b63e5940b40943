//! Multiplies two matrices with OpenBLAS, without a limit and inside one.
//!
//! The program links OpenBLAS as any other would: poolkeeper finds it among the
//! loaded libraries.

use poolkeeper::{Level, Request};
use std::error::Error;
use std::ffi::c_int;
use std::num::NonZeroU32;

/// Rows and columns of each matrix: enough for OpenBLAS to use its threads.
const N: usize = 512;

/// `enum CBLAS_ORDER` and `enum CBLAS_TRANSPOSE` of OpenBLAS's `cblas.h`.
const CBLAS_ROW_MAJOR: c_int = 101;
const CBLAS_NO_TRANS: c_int = 111;

// SAFETY: the signature is that of `cblas.h` (OpenBLAS 0.3), where `blasint` is
// `int` in every build but those with 64-bit integers (`libopenblas64`), which
// the build script doesn't link.
unsafe extern "C" {
    fn cblas_dgemm(
        order: c_int,
        trans_a: c_int,
        trans_b: c_int,
        m: c_int,
        n: c_int,
        k: c_int,
        alpha: f64,
        a: *const f64,
        lda: c_int,
        b: *const f64,
        ldb: c_int,
        beta: f64,
        c: *mut f64,
        ldc: c_int,
    );
}

fn main() -> Result<(), Box<dyn Error>> {
    let a = matrix(|row, column| ((row * 7 + column) % 13) as f64 / 13.0);
    let b = matrix(|row, column| ((row + column * 5) % 11) as f64 / 11.0);

    println!("before the limit: {}", blas_threads()?);
    let unlimited = multiply(&a, &b);
    let limited = {
        let _scope = poolkeeper::limit(Request::new().blas(1))?;
        println!("inside the limit: {}", blas_threads()?);
        multiply(&a, &b)
    };
    println!("after the limit:  {}", blas_threads()?);

    let difference = largest_difference(&unlimited, &limited);
    if difference > 1e-9 {
        return Err(format!("the two products differ by {difference:e}").into());
    }
    println!("the two products agree");
    Ok(())
}

/// Says how many threads each BLAS of this process uses.
fn blas_threads() -> Result<String, Box<dyn Error>> {
    let pools = poolkeeper::pools()?;
    let lines: Vec<_> = pools
        .iter()
        .filter(|pool| pool.level == Level::Blas)
        .map(|pool| match pool.num_threads {
            Some(NonZeroU32::MIN) => format!("{} 1 thread", pool.name),
            Some(threads) => format!("{} {threads} threads", pool.name),
            None => format!("{} an unknown number of threads", pool.name),
        })
        .collect();
    if lines.is_empty() {
        return Err("no BLAS is loaded".into());
    }
    Ok(lines.join(", "))
}

/// An N x N matrix, row by row.
fn matrix(element: impl Fn(usize, usize) -> f64) -> Vec<f64> {
    (0..N * N).map(|i| element(i / N, i % N)).collect()
}

fn multiply(a: &[f64], b: &[f64]) -> Vec<f64> {
    assert!(a.len() == N * N && b.len() == N * N);
    let mut c = vec![0.0; N * N];
    let n = N as c_int;
    // SAFETY: `cblas.h`: row-major and without transposition, a, b and c are
    // n x n with leading dimension n. Each slice has N * N elements, c is not
    // shared, and beta = 0 means that c is only written.
    unsafe {
        cblas_dgemm(
            CBLAS_ROW_MAJOR,
            CBLAS_NO_TRANS,
            CBLAS_NO_TRANS,
            n,
            n,
            n,
            1.0,
            a.as_ptr(),
            n,
            b.as_ptr(),
            n,
            0.0,
            c.as_mut_ptr(),
            n,
        );
    }
    c
}

fn largest_difference(left: &[f64], right: &[f64]) -> f64 {
    let differences = left.iter().zip(right).map(|(l, r)| (l - r).abs());
    differences.fold(0.0, f64::max)
}
