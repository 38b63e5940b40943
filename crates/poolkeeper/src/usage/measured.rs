//! What a stretch of a program used.

use super::owner::Owner;
use super::timeline::Moment;
use std::path::PathBuf;
use std::time::Duration;

/// A thread has worked when it ran for this long; one that ran for less woke
/// up, found nothing to do and went back to sleep.
pub const WORKED: Duration = Duration::from_millis(5);

/// What was used between [`Sampler::start`](super::Sampler::start) and [`Sampler::stop`](super::Sampler::stop).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Usage {
    /// Time on the clock.
    pub wall: Duration,
    /// CPU time of all threads but the sampler's.
    pub cpu: Duration,
    /// Times that a thread gave its CPU up to wait for something.
    pub voluntary_switches: u64,
    /// Times that the kernel took a thread's CPU for another one.
    pub involuntary_switches: u64,
    /// How the kernel stopped this process's group for its CPU quota; `None`
    /// where that is not known.
    pub throttling: Option<Throttling>,
    /// Samples by the number of runnable threads in them: `samples[3]` had three.
    pub samples: Vec<u64>,
    /// The threads by owner, those with the most CPU time first.
    pub groups: Vec<Group>,
    /// Samples in order, at most a few hundred: of each stretch of time the one
    /// with the most runnable threads.
    pub moments: Vec<Moment>,
}

/// The threads of one owner.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Group {
    /// The owner of the threads.
    pub owner: Owner,
    /// Threads that ran for [`WORKED`] or longer.
    pub worked: u32,
    /// The most of these threads that were runnable in one sample.
    pub peak: u32,
    /// Their CPU time. A thread that ends loses what it ran since the last sample.
    pub cpu: Duration,
}

/// How a group was stopped for its CPU quota. The group's other processes count too.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Throttling {
    /// The group's folder: of the process's own and those above it, the one
    /// that was stopped longest.
    pub group: PathBuf,
    /// Periods of the quota in which the group ran.
    pub periods: u64,
    /// Those of them in which it was stopped.
    pub throttled: u64,
    /// Time for which its CPUs were stopped, the sum over CPUs.
    pub time: Duration,
}
