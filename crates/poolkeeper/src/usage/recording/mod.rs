//! A program over time: what its threads ran, how long they waited for a CPU, and
//! what they had.
//!
//! `lanes.rs` adds up; `surroundings.rs` reads what is around the program;
//! `recorder.rs` looks; `recorded.rs` is what comes out, and `verdict.rs` what that
//! means.

mod lanes;
mod recorded;
mod recorder;
mod surroundings;
mod verdict;

pub use recorded::{BudgetStep, Lane, OwnerUse, ProcessUse, Recording};
pub use recorder::Recorder;
pub use verdict::{Alone, Cause, Crowd, Verdict};

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod verdict_tests;
