//! The levels that a budget is divided by, as arguments.

use clap::Args;
use poolkeeper::budget::{Levels, Split, budget};
use std::io;

/// What the budget is divided by.
#[derive(Args)]
pub(crate) struct LevelArgs {
    /// CPUs to use instead of the whole budget
    #[arg(long, value_name = "N", value_parser = count())]
    pub(crate) cpus: Option<u32>,
    /// Processes that work at the same time
    #[arg(long, value_name = "N", value_parser = count())]
    pub(crate) processes: Option<u32>,
    /// OpenMP (and other outer) threads in each process
    #[arg(long, value_name = "N", value_parser = count())]
    pub(crate) openmp: Option<u32>,
    /// Threads of each BLAS call
    #[arg(long, value_name = "N", value_parser = count())]
    pub(crate) blas: Option<u32>,
}

pub(crate) fn count() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(poolkeeper::MAX_LIMIT))
}

/// The levels that options ask for.
pub(crate) fn levels(arguments: &LevelArgs) -> Levels {
    Levels {
        processes: arguments.processes,
        openmp: arguments.openmp,
        blas: arguments.blas,
        nested: true,
    }
}

/// The budget, unless a number is given: numbers may be for another machine.
pub(crate) fn any_number(cpus: Option<u32>) -> io::Result<u32> {
    match cpus {
        Some(cpus) => Ok(cpus),
        None => Ok(budget().map_err(io::Error::other)?.cpus),
    }
}

/// Divides for a command, in which no pool is loaded yet.
pub(crate) fn divide(cpus: u32, levels: &Levels) -> io::Result<Split> {
    Split::new(cpus, levels, &[]).map_err(io::Error::other)
}
