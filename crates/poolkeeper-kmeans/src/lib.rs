//! Exact, deterministic and fast k-means (Lloyd's algorithm) on the threads
//! that it is given.
//!
//! [`fit`] clusters the rows of a matrix; [`assign`], [`nearest`], [`inertia`] and
//! [`transform`] compare rows with given centers; [`plus_plus`] only finds first
//! centers. [`Summary`], [`Frame`] and [`partial`] do one iteration on data that is
//! in several places, with the result that one place would give.
//!
//! ```
//! use ndarray::array;
//! use poolkeeper_kmeans::{Init, Options, Threads, fit};
//!
//! let x = array![[0.0_f32, 0.0], [0.0, 1.0], [5.0, 5.0], [5.0, 6.0]];
//! let centers = array![[0.0, 0.0], [5.0, 5.0]];
//! let options = Options { init: Init::Centers(centers), ..Options::new(2) };
//! let fit = fit(x.view(), None, options, &Threads(2))?;
//! assert_eq!(fit.labels, [0, 0, 1, 1]);
//! assert_eq!(fit.centers, array![[0.0, 0.5], [5.0, 5.5]]);
//! # Ok::<(), poolkeeper_kmeans::Error>(())
//! ```
//!
//! # The same bits
//!
//! Labels, centers and inertia have the same bits with any number of threads and any
//! kernel, for `f32` and for `f64`: in every kernel, scores (`|c|² - 2 x·c`) are one
//! chain of fused operations, sums are integers, and ties go to the first center.
//! Sums of `f64` data round each number to 2^-50 of the farthest of its column
//! (2^-61 times the number of samples, if that is more), where plain summing would
//! round each sum to 2^-53. Where weights differ, a second sum with finer quanta
//! keeps what the first one rounds off, and very different weights are summed apart,
//! so that each sample is as exact as it is without weights. Sparse rows, whose mean
//! is not taken off, are summed in this way, too.
//!
//! Squared distances are summed without any error ([`Exact`]). The labels of a
//! fit are those that its centers give ([`assign_moved`]), and its inertia is
//! that of these labels, also where a center without samples moved last.
//!
//! Where the processor multiplies more 16-bit numbers at a time, samples and centers
//! are first compared by such numbers. The scores decide where these leave a doubt.
//!
//! # Memory
//!
//! The data is read where it lies. At most a chunk of it is copied, where the
//! numbers of a row don't lie side by side.
//!
//! # Threads
//!
//! [`Control`] says before each iteration how many threads to use, and can stop a
//! fit. The threads end before a call returns. Small problems run on the calling
//! thread.

mod blocks;
mod check;
mod control;
mod error;
mod exact;
mod finder;
mod fixed;
mod frame;
mod inertia;
mod kernels;
mod lanes;
mod lloyd;
mod mini_batch;
mod options;
mod own;
mod panels;
mod parallel;
mod partial;
mod predict;
mod problem;
mod prune;
mod random;
mod rows;
mod scalar;
mod sparse;
mod start;
mod update;
mod weighing;

pub use blocks::{Blocks, BlocksFit, InMemory, Npy, Take, fit_blocks};
pub use control::{Control, Progress, Threads};
pub use error::{Error, Result};
pub use exact::Exact;
pub use frame::{Frame, Summary};
pub use kernels::dispatch::Kernel;
pub use lloyd::{Fit, fit};
pub use mini_batch::{Batch, MiniBatch};
pub use options::{Algorithm, Init, Options};
pub use partial::{Partial, Step, farthest, partial};
pub use predict::{assign, assign_moved, inertia, nearest, transform};
pub use rows::Moved;
pub use scalar::Scalar;
pub use sparse::{Csr, Index, assign_csr, fit_csr, nearest_csr, plus_plus_csr, transform_csr};
pub use start::oversample::{draw_candidates, lower_distances};
pub use start::plus_plus;
pub use weighing::WeightRange;
