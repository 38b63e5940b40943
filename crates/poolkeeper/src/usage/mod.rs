//! What a program really used: a sampler that looks at every thread of this process,
//! and says to which pool each belongs; a recorder that follows any process.
//!
//! ```
//! use poolkeeper::usage::Sampler;
//!
//! let sampler = Sampler::start()?;
//! let sum: u64 = (0..1_000_000).sum();
//! let usage = sampler.stop();
//! println!("{sum}: {:?} of CPU time in {:?}", usage.cpu, usage.wall);
//! # Ok::<(), poolkeeper::Error>(())
//! ```
//!
//! A thread belongs to the library whose function it began in: OpenBLAS's
//! workers begin in OpenBLAS, those of OpenMP in libgomp or libomp. A thread
//! that *calls* a pool works for it too, but is counted where it began: the main
//! thread as the main thread. A `std::thread` of C++ begins in libstdc++, and
//! belongs to the library that made it. Where the C library keeps no account of
//! its threads (musl) the owner is [`Owner::Unknown`]. The sampler does not
//! count child processes; the [`Recorder`] does.

mod accounts;
mod live;
mod measured;
mod owner;
mod process;
mod recording;
mod sampler;
mod seen;
mod throttled;
mod timeline;

pub use live::{Live, LiveOwner, LiveProcess, View, Watched};
pub use measured::{Group, Throttling, Usage, WORKED};
pub use owner::Owner;
pub use recording::{
    Alone, BudgetStep, Cause, Crowd, Lane, OwnerUse, ProcessUse, Recorder, Recording, Verdict,
};
pub use sampler::Sampler;
pub use seen::{Seen, SeenThreads, see};
pub use timeline::Moment;
