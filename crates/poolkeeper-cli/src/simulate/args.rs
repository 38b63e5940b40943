//! The arguments of `simulate`.

use crate::look::Look;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  poolkeeper simulate --cpus 128 -- python train.py    what would happen there?
  poolkeeper simulate --cpus 64 --sockets 2 --json --output seen.json -- ./solver
  poolkeeper simulate --cpus 16 -- nproc               16

The program runs on this machine's CPUs, but every question that it asks about
CPUs is answered as the pretended machine would. The output and the exit code
are the program's; the report goes to standard error, or to --output. Times mean
nothing.

Exit codes: the program's; 128 and the signal's number if a signal ended it; 1
if it could not be shown the machine (a static program, for one); 126 if it
can't be executed, 127 if there is none of that name; 2 for wrong arguments.";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SimulateArgs {
    /// CPUs of the pretended machine, 1 to 1024
    #[arg(long, value_name = "N")]
    pub(crate) cpus: u32,
    /// Sockets of that machine, which share its CPUs evenly
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) sockets: u32,
    /// Write the report as JSON, with every field
    #[arg(long)]
    pub(crate) json: bool,
    /// Show notes too, which are worth knowing, and usual
    #[arg(long)]
    pub(crate) notes: bool,
    /// Write the report to a file
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,
    /// The command and its arguments, after `--`
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) command: Vec<OsString>,
}

/// `simulate`'s own helper, which is shown the same machine.
#[derive(Args)]
pub(crate) struct JudgeArgs {
    /// Where the report goes
    #[arg(long, value_name = "PATH")]
    pub(crate) report: PathBuf,
    #[arg(long)]
    width: usize,
    #[arg(long)]
    colour: bool,
    #[arg(long)]
    pub(crate) json: bool,
    #[arg(long)]
    pub(crate) notes: bool,
}

impl JudgeArgs {
    /// How the report is to look where it goes, which the helper can't see.
    pub(super) fn look(&self) -> Look {
        Look {
            width: self.width,
            is_coloured: self.colour,
        }
    }
}
