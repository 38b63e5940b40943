//! Every known runtime, one line each. The docs' tables come from this list.

use super::card::Card;
use super::control::Runtime;
use super::{
    arrow, blis, duckdb, ffmpeg, flexiblas, highs, jax, kmeans, libgomp, lightgbm, llvm_openmp,
    mkl, numba, numba_workqueue, numexpr, onnx_runtime, openblas, opencv, polars, reference_blas,
    tbb, tensorflow, tokenizers, vips,
};
use crate::model::Pool;
use crate::platform::SymbolTable;

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
    &vips::Vips,
    &arrow::Arrow,
    &arrow::ArrowIo,
    &tbb::Tbb,
    &kmeans::Kmeans,
    &numba_workqueue::NUMBA_WORKQUEUE,
    &numexpr::NUMEXPR,
    &opencv::OpenCv,
    &polars::POLARS,
    &duckdb::DUCKDB,
    &onnx_runtime::ONNX_RUNTIME,
    &jax::JAX,
    &tensorflow::TENSORFLOW,
    &tokenizers::TOKENIZERS,
    &highs::HIGHS,
    &ffmpeg::Ffmpeg,
];

/// The runtimes in an object with these symbols. Runs under the loader's lock.
pub(crate) fn recognising(symbols: &SymbolTable<'_>) -> impl Iterator<Item = &'static dyn Runtime> {
    let those = RUNTIMES
        .iter()
        .filter(|runtime| runtime.recognises(symbols));
    let those: Vec<&dyn Runtime> = those.copied().collect();
    let is_alone = those.len() == 1;
    let stays = move |runtime: &&dyn Runtime| is_alone || !runtime.yields();
    those.into_iter().filter(stays)
}

/// The cards of every known runtime, in the order of detection.
///
/// # Examples
///
/// ```
/// let ids: Vec<_> = poolkeeper::runtimes::all().map(|card| card.id).collect();
/// assert!(ids.contains(&"openblas"));
/// ```
pub fn all() -> impl Iterator<Item = &'static Card> {
    RUNTIMES.iter().map(|runtime| runtime.card())
}

/// The card of that id.
pub(crate) fn find(id: &str) -> Option<&'static Card> {
    all().find(|card| card.id == id)
}

impl Pool {
    /// The simultaneous callers that the pool would survive, had it ever started so
    /// many workers: each keeps one of its buffers, and the library one more. `None`
    /// where its capacity isn't known.
    pub fn capacity_beside(&self, workers: u32) -> Option<u32> {
        let compiled_for = self.capacity.and(self.max_threads)?;
        let buffers = find(self.runtime)?.behaviour.buffers?;
        Some(buffers.left(compiled_for.get(), workers + 1))
    }
}
