//! Every known runtime, one line each. The docs' tables come from this list.

use super::{
    Runtime, blis, flexiblas, kmeans, libgomp, lightgbm, llvm_openmp, mkl, numba, openblas,
    reference_blas,
};

pub(crate) static RUNTIMES: &[&dyn Runtime] = &[
    &openblas::OpenBlas,
    &mkl::Mkl,
    &blis::Blis,
    &flexiblas::FlexiBlas,
    &libgomp::Libgomp,
    &llvm_openmp::LlvmOpenMp,
    &lightgbm::LightGbm,
    &numba::Numba,
    &reference_blas::ReferenceBlas,
    &kmeans::Kmeans,
];
