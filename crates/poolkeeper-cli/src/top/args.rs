//! The arguments of `top`.

use super::rows::Sort;
use clap::Args;

const EXAMPLES: &str = "Examples:
  poolkeeper top                   your processes, live; q quits, ? has help
  poolkeeper top 4242              one program and what it started, pool by pool
  poolkeeper top --all             everybody's
  poolkeeper top --once            a look of one second as plain text
  poolkeeper top 4242 --json       the same for a program to read

Nothing in the processes is stopped, changed or attached to. Where standard
output is no terminal, there is one look, as with --once.

Exit codes: 0; 1 if there is no such process, or the terminal can't be used;
2 for wrong arguments.";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TopArgs {
    /// Show this process and those that it started
    #[arg(conflicts_with_all = ["user", "all"],
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pid: Option<u32>,
    /// Show the processes of your user: so it is where nothing else is asked for
    #[arg(long, conflicts_with = "all")]
    pub(crate) user: bool,
    /// Show every process
    #[arg(long)]
    pub(crate) all: bool,
    /// Look once, for as long as the interval, and write that as text
    #[arg(long)]
    pub(crate) once: bool,
    /// The same as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Seconds between two looks, 0.1 to 60
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    pub(crate) interval: f64,
    /// What is on top
    #[arg(long, value_enum, default_value_t = Sort::Cpu)]
    pub(crate) sort: Sort,
}

fn interval(text: &str) -> Result<f64, String> {
    let seconds: Option<f64> = text.parse().ok();
    let seconds = seconds.filter(|seconds| (0.1..=60.0).contains(seconds));
    seconds.ok_or_else(|| "it must be a number from 0.1 to 60".to_owned())
}
