//! Every known runtime, one line each. The docs' tables come from this list.

use super::{Runtime, blis, flexiblas, kmeans, libgomp, llvm_openmp, mkl, openblas};

pub(crate) static RUNTIMES: &[&dyn Runtime] = &[
    &openblas::OpenBlas,
    &mkl::Mkl,
    &blis::Blis,
    &flexiblas::FlexiBlas,
    &libgomp::Libgomp,
    &llvm_openmp::LlvmOpenMp,
    &kmeans::Kmeans,
];
