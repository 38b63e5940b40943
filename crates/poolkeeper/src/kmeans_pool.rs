//! The pool of poolkeeper's own k-means: how many threads a call may use now.
//!
//! This module starts no threads. The calls start their own, and before each step
//! ask a [`Caller`] how many they may use. What the pool's C functions read and set is
//! beside its card, in `runtimes/kmeans.rs`. All state is in atomics, so that a `fork`
//! in the middle of a call leaves nothing locked.

use crate::Result;
use crate::budget::{Budget, Observed};
use crate::runtimes::{OMP_NUM_THREADS, Reading, kmeans};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// The budget when last read; 0 before.
static BUDGET: AtomicU32 = AtomicU32::new(0);
/// One bit for each call that runs now, in the process of that number.
static CALLERS: AtomicU64 = AtomicU64::new(0);
static PROCESS: AtomicU32 = AtomicU32::new(0);

/// How many threads a call asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// The live limit; without one the budget, or `OMP_NUM_THREADS` where that is
    /// smaller.
    Usual,
    /// The whole budget, whatever `OMP_NUM_THREADS` says.
    Budget,
    /// This number of threads.
    Exactly(NonZeroU32),
}

/// Lists the pool from now on, and reads the budget.
///
/// # Errors
/// As [`crate::budget::budget`].
pub fn announce() -> Result<()> {
    read_budget()?;
    if kmeans::announce() {
        crate::limit::look_again();
    }
    Ok(())
}

/// Reads the budget again, which calls that have no number of their own share.
/// It also reads the environment, which no other thread may write meanwhile.
///
/// # Errors
/// As [`crate::budget::budget`].
pub fn read_budget() -> Result<()> {
    let observed = Observed::this_process()?;
    let budget = Budget::read(&observed)?.cpus;
    let usual = observed
        .variable(OMP_NUM_THREADS)
        .and_then(|value| Reading::Whole.read(value))
        .map_or(budget, |threads| threads.min(budget));
    BUDGET.store(budget, Relaxed);
    kmeans::set_usual(usual);
    Ok(())
}

/// A call that runs: it shares the threads with the others until it is dropped.
///
/// # Examples
///
/// ```
/// use poolkeeper::kmeans_pool::{Caller, Want};
///
/// let caller = Caller::begin(Want::Exactly(3.try_into()?));
/// assert_eq!(caller.threads(), 3);
/// # Ok::<(), std::num::TryFromIntError>(())
/// ```
#[derive(Debug)]
pub struct Caller {
    want: Want,
    /// Its bit in `CALLERS`; none where all are taken.
    bit: u64,
    process: u32,
}

impl Caller {
    /// Takes part in the sharing.
    pub fn begin(want: Want) -> Caller {
        let process = std::process::id();
        if PROCESS.swap(process, Relaxed) != process {
            // After a fork: the others run in the parent.
            CALLERS.store(0, Relaxed);
        }
        let mut bit = 0;
        // Never fails: the closure always returns a value.
        let _ = CALLERS.fetch_update(Relaxed, Relaxed, |callers| {
            bit = !callers & callers.wrapping_add(1);
            Some(callers | bit)
        });
        Caller { want, bit, process }
    }

    /// How many threads the call may use now, its own included: at least 1. The
    /// number changes while other calls come and go, and with the live limit.
    pub fn threads(&self) -> u32 {
        let limit = NonZeroU32::new(kmeans::limit()).map(NonZeroU32::get);
        let threads = match (self.want, limit) {
            (Want::Exactly(wanted), None) => wanted.get(),
            (Want::Exactly(wanted), Some(limit)) => self.share_of(limit).min(wanted.get()),
            (Want::Usual, _) => self.share_of(kmeans::threads()),
            (Want::Budget, limit) => {
                let budget = BUDGET.load(Relaxed).max(1);
                self.share_of(limit.map_or(budget, |limit| limit.min(budget)))
            }
        };
        threads.max(1)
    }

    /// An even part of the threads; the first callers get the remainder.
    fn share_of(&self, threads: u32) -> u32 {
        let callers = CALLERS.load(Relaxed) | self.bit;
        if self.bit == 0 {
            return 1;
        }
        let before = (callers & (self.bit - 1)).count_ones();
        let all = callers.count_ones();
        threads / all + u32::from(before < threads % all)
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        // A copy in a forked child has nothing to give back there.
        if self.process == PROCESS.load(Relaxed) && self.process == std::process::id() {
            CALLERS.fetch_and(!self.bit, Relaxed);
        }
    }
}

#[cfg(test)]
#[path = "kmeans_pool_tests.rs"]
mod tests;
