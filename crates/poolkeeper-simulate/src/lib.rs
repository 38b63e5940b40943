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
mod machine;
mod observation;
mod preloaded;

#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod files;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod interrupt;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod messages;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod needed;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod read;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
#[doc(hidden)]
pub mod shim;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod stage;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod watch;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
pub use self::{
    interrupt::{Deaf, pass_signals_on, signal_meaning, was_told},
    needed::Loaded,
    stage::Stage,
    watch::end_of,
};

#[cfg(any(not(target_os = "linux"), poolkeeper_unsupported))]
mod unsupported;
#[cfg(any(not(target_os = "linux"), poolkeeper_unsupported))]
pub use unsupported::{Deaf, Loaded, Stage, end_of, pass_signals_on, signal_meaning, was_told};

#[cfg(all(fuzzing, target_os = "linux"))]
#[doc(hidden)]
pub mod fuzzing;

pub use error::Error;
pub use machine::Machine;
pub use observation::{End, Observation, Process, Starter};
pub use preloaded::{MOST_CPUS, SHIM};
