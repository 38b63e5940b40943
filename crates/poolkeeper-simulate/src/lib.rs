//! Shows a program a machine with more CPUs, and watches what it does.
//!
//! [`Stage::run`] runs a command with a library preloaded ([`SHIM`]) that answers
//! every question about CPUs with the pretended [`Machine`], and returns an
//! [`Observation`]: which library started how many threads, what the runtimes
//! printed, how the program ended. It judges nothing.
//!
//! ```
//! use poolkeeper_simulate::{Machine, Stage};
//! let stage = Stage::new(Machine::new(128, 2)?)?;
//! let seen = stage.run(&["nproc".into()], &|_| false)?;
//! assert_eq!(seen.end.code(), 0);
//! # Ok::<(), poolkeeper_simulate::Error>(())
//! ```

mod error;
mod interrupt;
mod machine;
mod messages;
mod observation;
mod read;
#[doc(hidden)]
pub mod shim;
mod stage;
mod watch;

pub use error::Error;
pub use interrupt::signal_meaning;
pub use machine::Machine;
pub use observation::{End, Observation, Process, Starter};
pub use stage::{ROOT, Stage};

/// The library to preload; empty where there is none.
pub static SHIM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libpoolkeeper_simulate.so"));
