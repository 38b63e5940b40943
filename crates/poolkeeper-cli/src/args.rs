//! The command line.

use crate::budget::{Cpus, SplitArgs};
use crate::doctor::DoctorArgs;
use crate::info::Info;
use crate::launch::{EnvArgs, RunArgs};
use crate::record::RecordArgs;
use crate::runtimes::Runtimes;
use crate::simulate::{JUDGE, JudgeArgs, SimulateArgs};
use crate::top::TopArgs;
use crate::without_python::without_python;
use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

const EXAMPLES: &str = "Examples:
  poolkeeper info -i numpy scipy.linalg     which pools do these modules bring?
  poolkeeper info -i numpy --json           the same for a program to read
  poolkeeper info -l libopenblas.so.0       a library without Python
  poolkeeper info --pid 4242                those of a program that runs
  poolkeeper cpus                           which CPUs may I use, and who says so?
  poolkeeper run -- python script.py        run it with every pool within them
  poolkeeper doctor -i sklearn.cluster      is anything wrong? what to type then
  poolkeeper record -- python script.py     why is it slow? one picture says so
  poolkeeper top                            what works, and what waits, just now
  poolkeeper simulate --cpus 128 -- python script.py    as on that machine
  poolkeeper demo                           see limits at work on a photograph

Exit codes: 0 all done; 1 something could not be imported, loaded or run (the
rest is shown all the same); 2 wrong arguments. `run`, `record` and `simulate`
have the command's own.";

/// See and limit the native thread pools inside a process.
#[derive(Parser)]
#[command(name = "poolkeeper", version, after_help = EXAMPLES, max_term_width = 80)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the pools that are loaded after importing modules or libraries
    Info(Info),
    /// Show the runtimes that poolkeeper knows, and their environment variables
    Runtimes(Runtimes),
    /// Show the CPUs that this process may use, and who says so
    Cpus(Cpus),
    /// Divide the budget over processes, OpenMP and BLAS
    Split(SplitArgs),
    /// Run a command with every pool within the budget
    Run(RunArgs),
    /// Print the variables that keep the budget, for a shell or a file
    Env(EnvArgs),
    /// Say what is wrong with the pools of modules or of a program, and the fix
    Doctor(DoctorArgs),
    /// Record a program's threads over time, and say why they waited
    Record(RecordArgs),
    /// Show processes and their pools, live
    Top(TopArgs),
    /// Run a command as if the machine had more CPUs, and report what it did there
    Simulate(SimulateArgs),
    /// Quantize a photograph with KMeans, without and with limits
    #[command(disable_help_flag = true)]
    Demo {
        /// Passed on to the demonstration; try --help
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    #[command(name = JUDGE, hide = true)]
    Judge(JudgeArgs),
    /// Keep limits in a notebook, or install a kernel that keeps the budget
    #[command(disable_help_flag = true)]
    Notebook {
        /// Passed on to Python; try --help
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Print a completion script for a shell
    #[command(
        after_help = "Example:\n  poolkeeper completions bash > ~/.local/share/bash-completion/completions/poolkeeper"
    )]
    Completions {
        /// The shell to complete for
        shell: Shell,
    },
}

/// The whole command line, for documentation.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// The command line of a host, in so many columns: without Python, help and
/// completions say nothing of what needs it.
pub(crate) fn command_for(has_python: bool, width: usize) -> clap::Command {
    let command = command().term_width(width.min(80));
    if has_python {
        command
    } else {
        without_python(command)
    }
}
