//! The arguments of `record`.

use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  poolkeeper record -- python train.py       why is it slow? one page says so
  poolkeeper record -o train.html -- python train.py
  poolkeeper record -o train.json -- ./solver    for a program to read
  poolkeeper record --pid 4242               one that runs; Ctrl-C ends it
  poolkeeper record --pid 4242 --seconds 10
  poolkeeper record --strict -- pytest       for CI
  poolkeeper record --compare a.json b.json  two recordings side by side

The program runs as without poolkeeper: its output and its exit code are its
own. The verdict goes to standard error, and with the picture to a page that
needs no network.

Exit codes: the program's; 128 and the signal's number if a signal ended it;
126 if it can't be executed, 127 if there is none of that name; 1 if the page
can't be written or the process can't be looked at; 2 for wrong arguments.
With --pid and --compare, 0. With --strict, 3 where it would be 0 and the verdict
found what slowed the program down.";

/// Looks a second where nothing else is asked for.
const USUAL_RATE: u32 = 20;

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RecordArgs {
    /// Where to write the page: a file that ends in .html, in .svg for the picture alone,
    /// or in .json for the numbers
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "recording.html",
        default_value_if("json", "true", "recording.json")
    )]
    pub(crate) output: PathBuf,
    /// Write the numbers as JSON, to recording.json unless -o names a file
    #[arg(long)]
    pub(crate) json: bool,
    /// Looks a second, 1 to 1000; what threads used is counted exactly at any rate
    #[arg(long, value_name = "N", default_value_t = USUAL_RATE,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) hz: u32,
    /// Record a program that runs already, by its process's number, until it or
    /// Ctrl-C ends the recording
    #[arg(long, conflicts_with = "command",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pid: Option<u32>,
    /// End the recording after so many seconds
    #[arg(long, value_name = "N", conflicts_with = "command",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) seconds: Option<u64>,
    /// Exit with 3 if the program ended with 0 and the verdict found what slowed it down
    #[arg(long)]
    pub(crate) strict: bool,
    /// Compare two recordings that were written as JSON, and write that to standard output
    #[arg(long, num_args = 2, value_names = ["A", "B"],
          conflicts_with_all = ["command", "pid", "seconds", "strict", "output", "hz"])]
    pub(crate) compare: Option<Vec<PathBuf>>,
    /// The command and its arguments, after `--`
    #[arg(
        value_name = "COMMAND",
        required_unless_present_any = ["pid", "compare"],
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) command: Vec<OsString>,
}
