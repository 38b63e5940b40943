//! The command line.

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  poolkeeper info -i numpy scipy.linalg     which pools do these modules bring?
  poolkeeper info -i numpy --json           the same for a program to read
  poolkeeper info -l libopenblas.so.0       a library without Python
  poolkeeper demo                           see limits at work on a photograph

Exit codes: 0 all done; 1 something could not be imported, loaded or run (the
rest is shown all the same); 2 wrong arguments.";

const INFO_EXAMPLES: &str = "Examples:
  poolkeeper info -i numpy scipy.linalg sklearn.cluster
  poolkeeper info -i numpy -c \"import poolkeeper; poolkeeper.set_limit(1)\"
  poolkeeper info -l /usr/lib/x86_64-linux-gnu/libgomp.so.1 --json

Exit codes: 0 all done; 1 a module could not be imported, a library not loaded,
or the code of -c failed (a warning says which; the pools are shown all the
same); 2 wrong arguments.";

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
    /// Quantize a photograph with KMeans, without and with limits
    #[command(disable_help_flag = true)]
    Demo {
        /// Passed on to the demonstration; try --help
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

#[derive(Args)]
#[command(after_help = INFO_EXAMPLES)]
pub(crate) struct Info {
    /// Python modules to import first
    #[arg(short = 'i', long = "import", value_name = "MODULE", num_args = 1..)]
    pub(crate) modules: Vec<String>,
    /// Python code to execute first, after the imports
    #[arg(short = 'c', long, value_name = "CODE")]
    pub(crate) command: Option<String>,
    /// Shared libraries to load first, by path or by name
    #[arg(short = 'l', long = "library", value_name = "LIBRARY", num_args = 1..)]
    pub(crate) libraries: Vec<PathBuf>,
    /// Write JSON, with every field
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Runtimes {
    /// How to write them
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// For the documentation
    Markdown,
}

/// The whole command line, for completion scripts and documentation.
pub fn command() -> clap::Command {
    Arguments::command()
}
