//! The runtimes that poolkeeper knows: one file each, one line in the registry.
//!
//! A runtime's file holds its [`Card`] (names, environment variables, quirks,
//! sources: what the docs show; and its behaviour: what the doctor judges by) beside
//! the code that recognises it by its symbols and calls its functions. Nobody else
//! knows a runtime by its name.

mod arrow;
mod behaviour;
mod blis;
mod card;
mod companions;
mod control;
mod duckdb;
mod env_only;
mod ffmpeg;
mod flexiblas;
mod highs;
mod jax;
pub(crate) mod kmeans;
mod libgomp;
mod lightgbm;
mod llvm_openmp;
mod mkl;
mod numba;
mod numba_workqueue;
mod numexpr;
mod onnx_runtime;
mod openblas;
mod opencv;
mod openmp;
mod own_number;
mod polars;
mod reference_blas;
mod registry;
mod tbb;
mod tensorflow;
mod tokenizers;
mod vips;

pub(crate) use behaviour::{AfterFork, Begins, Behaviour, Layer, Workers};
pub(crate) use card::Reading;
pub use card::{Card, Counts, Variable};
pub(crate) use companions::{COMPANIONS, Companion};
pub(crate) use control::{Bound, Control, Elsewhere, Facts, Fixed, Runtime, Saved, count};
pub use env_only::{Listener, listeners};
pub(crate) use openblas::COMPILED_FOR_USUALLY;
pub(crate) use openmp::THREADS as OMP_NUM_THREADS;
#[cfg(test)]
pub(crate) use registry::RUNTIMES;
pub use registry::all;
pub(crate) use registry::{find, recognising};
