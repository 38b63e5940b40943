//! What a look at many processes shows.

use crate::usage::owner::Owner;
use std::num::NonZeroU32;
use std::time::Duration;

/// Processes between two looks.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct View {
    /// Time since the look before.
    pub time: Duration,
    /// CPUs of the machine.
    pub cpus: u32,
    /// How many of them worked, for anybody; `None` where that isn't told.
    pub busy: Option<f64>,
    /// The processes by their numbers, the one that was asked for first.
    pub processes: Vec<LiveProcess>,
}

/// One process between two looks.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct LiveProcess {
    /// Its number.
    pub pid: u32,
    /// Its name, as the kernel has it.
    pub name: String,
    /// Its command and arguments; empty where they can't be read.
    pub command: Vec<String>,
    /// CPUs that it may use, with their fraction; `None` where that isn't known, or
    /// not yet: it is read once the process has worked.
    pub budget: Option<f64>,
    /// Threads that it has.
    pub threads: usize,
    /// Threads that ran for a hundredth of the time, or longer.
    pub working: usize,
    /// CPUs that it used.
    pub ran: f64,
    /// Threads that were ready and had no CPU, on average.
    pub waited: f64,
    /// The same by owner.
    pub owners: Vec<LiveOwner>,
    /// What can't be seen of it, in words.
    pub unseen: Option<String>,
}

/// The threads of one owner in one process, or a pool that has none.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct LiveOwner {
    /// Whose they are.
    pub owner: Owner,
    /// Threads that a parallel call from the main thread would use now, if they are a
    /// pool's and that is told.
    pub limit: Option<NonZeroU32>,
    /// Threads that there are.
    pub threads: usize,
    /// Threads that ran for a hundredth of the time, or longer.
    pub working: usize,
    /// CPUs that they used.
    pub ran: f64,
    /// Threads that were ready and had no CPU, on average.
    pub waited: f64,
}
