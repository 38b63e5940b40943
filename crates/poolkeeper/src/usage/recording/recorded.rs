//! What was recorded of a program.

use crate::usage::measured::Throttling;
use crate::usage::owner::Owner;
use std::time::Duration;

/// A program over time, as plain data.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Recording {
    /// The program's process.
    pub pid: u32,
    /// Its command and arguments; empty where they can't be read.
    pub command: Vec<String>,
    /// Time on the clock.
    pub wall: Duration,
    /// Time between two looks.
    pub interval: Duration,
    /// Looks that were taken.
    pub looks: u64,
    /// The CPUs that it was given: what they were at first, and each change.
    pub budget: Vec<BudgetStep>,
    /// Its threads by owner, those that wanted most first.
    pub owners: Vec<OwnerUse>,
    /// The processes, the program's own first; at most 200, and the rest as one.
    pub processes: Vec<ProcessUse>,
    /// The width of a stretch of time.
    pub width: Duration,
    /// Each process's threads of one owner over time.
    pub lanes: Vec<Lane>,
    /// For each stretch, the time for which its CPUs worked for other programs, the
    /// sum over CPUs; `None` where that can't be read.
    pub others: Option<Vec<Duration>>,
    /// How the kernel stopped its group for a CPU quota; `None` where that isn't known.
    pub throttling: Option<Throttling>,
    /// Whether the kernel tells how long threads waited for a CPU.
    pub tells_waits: bool,
    /// CPU time of threads and processes that came and went between two looks: it is
    /// in no lane.
    pub unseen_cpu: Duration,
    /// What could not be read, a sentence each.
    pub unseen: Vec<String>,
    /// Variables by which the user asked for more threads than it has CPUs, as
    /// `NAME=value`: `poolkeeper run` leaves them as they are.
    pub set: Vec<String>,
    /// Whether poolkeeper had set the variables of threads for it.
    pub is_launched: bool,
}

/// CPUs from one time on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BudgetStep {
    /// Since when, from the beginning of the recording.
    pub at: Duration,
    /// CPUs with their fraction.
    pub exact: f64,
    /// Whole CPUs, at least 1.
    pub cpus: u32,
    /// Who says it.
    pub source: String,
}

/// The threads of one owner.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OwnerUse {
    /// Whose they are.
    pub owner: Owner,
    /// Threads that ran for [`WORKED`](crate::usage::WORKED) or longer.
    pub threads: usize,
    /// Time on a CPU.
    pub ran: Duration,
    /// Time for which they were ready and had none.
    pub waited: Duration,
}

/// One process; in the last place it may be all that are not told apart.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProcessUse {
    /// Its number; `None` for the rest.
    pub pid: Option<u32>,
    /// Its name, as the kernel has it.
    pub name: String,
    /// Its command and arguments; empty where they can't be read.
    pub command: Vec<String>,
    /// When it was there.
    pub began: Duration,
    /// `None` if it was still there at the end.
    pub ended: Option<Duration>,
    /// The most threads that were seen at once.
    pub peak_threads: usize,
    /// Time on a CPU.
    pub ran: Duration,
    /// Time for which its threads were ready and had none.
    pub waited: Duration,
}

/// One process's threads of one owner, over time.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Lane {
    /// Its place in [`Recording::processes`].
    pub process: usize,
    /// Its place in [`Recording::owners`].
    pub owner: usize,
    /// Time on a CPU in each stretch; later stretches have none.
    pub ran: Vec<Duration>,
    /// Time without one in each stretch; later stretches have none.
    pub waited: Vec<Duration>,
}

impl Recording {
    /// Stretches that it has; the last one may be shorter than the others.
    #[must_use]
    pub fn stretches(&self) -> usize {
        let width = self.width.as_nanos().max(1);
        self.wall.as_nanos().div_ceil(width).max(1) as usize
    }

    /// How long a stretch is: the last one may have less than [`Recording::width`].
    #[must_use]
    pub fn length(&self, stretch: usize) -> Duration {
        let width = self.width.as_nanos() as u64;
        let begun = Duration::from_nanos(width.saturating_mul(stretch as u64));
        self.wall.saturating_sub(begun).min(self.width)
    }

    /// CPUs that it had in a stretch, with their fraction, on average.
    #[must_use]
    pub fn cpus(&self, stretch: usize) -> f64 {
        let width = self.width.as_secs_f64();
        let begin = width * stretch as f64;
        let end = begin + self.length(stretch).as_secs_f64().max(1e-9);
        let mut sum = 0.0;
        for (index, step) in self.budget.iter().enumerate() {
            let since = if index == 0 {
                0.0
            } else {
                step.at.as_secs_f64()
            };
            let next = self.budget.get(index + 1);
            let until = next.map_or(f64::INFINITY, |next| next.at.as_secs_f64());
            sum += step.exact * (until.min(end) - since.max(begin)).max(0.0);
        }
        sum / (end - begin)
    }

    /// Time on a CPU of all threads that were seen.
    #[must_use]
    pub fn ran(&self) -> Duration {
        self.owners.iter().map(|one| one.ran).sum()
    }

    /// Time for which threads were ready and had no CPU.
    #[must_use]
    pub fn waited(&self) -> Duration {
        self.owners.iter().map(|one| one.waited).sum()
    }
}
