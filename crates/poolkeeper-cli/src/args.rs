//! The command line.

use crate::without_python::without_python;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::ffi::OsString;
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  poolkeeper info -i numpy scipy.linalg     which pools do these modules bring?
  poolkeeper info -i numpy --json           the same for a program to read
  poolkeeper info -l libopenblas.so.0       a library without Python
  poolkeeper cpus                           which CPUs may I use, and who says so?
  poolkeeper run -- python script.py        run it with every pool within them
  poolkeeper doctor -i sklearn.cluster      is anything wrong? what to type then
  poolkeeper simulate --cpus 128 -- python script.py    as on that machine
  poolkeeper demo                           see limits at work on a photograph

Exit codes: 0 all done; 1 something could not be imported, loaded or run (the
rest is shown all the same); 2 wrong arguments. `run` and `simulate` have the
command's own.";

const CPUS_EXAMPLES: &str = "Examples:
  poolkeeper cpus                every source, the deciding one marked
  poolkeeper cpus --json | jq .cpus
  poolkeeper cpus --pid 4242     of another process
  poolkeeper cpus --variables    which variables count, and what they mean";

const SPLIT_EXAMPLES: &str = "Examples:
  poolkeeper split                    all of it to OpenMP, one thread per BLAS call
  poolkeeper split --processes 4      four workers; the first have the remainder
  poolkeeper split --openmp 4         BLAS gets what is left
  poolkeeper split --in-turn          OpenMP and BLAS take turns: all to each

In Python: poolkeeper.split(processes=4).";

const RUN_EXAMPLES: &str = "Examples:
  poolkeeper run -- python train.py                   every pool within the budget
  poolkeeper run --cpus 8 --pin -- python train.py    on 8 CPUs, physical cores first
  poolkeeper run --processes 4 -- python search.py    four workers share the budget
  poolkeeper run --openmp 4 --blas 2 -- ./solver      2 BLAS threads inside each of 4
  eval \"$(poolkeeper run --dry-run)\"                the same for this shell

Without --openmp and --blas the two levels take turns: each may use the whole
share. With one of them, or --nested, their product fits the share.

Variables that you set yourself stay (a line on stderr says so) unless you give
--force. poolkeeper replaces itself by the command: signals, terminal and exit
code are the command's own.

Exit codes: the command's; 126 if it can't be executed, 127 if there is none of
that name, 2 for wrong arguments.";

const ENV_EXAMPLES: &str = "Examples:
  eval \"$(poolkeeper env)\"                        for this shell
  poolkeeper env --cpus 4 --format docker           for a Dockerfile
  poolkeeper env --cpus 8 --format slurm            for a batch script
  poolkeeper env --cpus 2 --format jupyter          for a kernel.json

The values are for this machine's budget, or for --cpus of it.";

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
    /// Show the CPUs that this process may use, and who says so
    Cpus(Cpus),
    /// Divide the budget over processes, OpenMP and BLAS
    Split(SplitArgs),
    /// Run a command with every pool within the budget
    Run(RunArgs),
    /// Print the variables that keep the budget, for a shell or a file
    Env(EnvArgs),
    /// Say what is wrong with the pools of modules or of a program, and the fix
    Doctor(crate::doctor::DoctorArgs),
    /// Run a command as if the machine had more CPUs, and report what it did there
    Simulate(crate::simulate::SimulateArgs),
    /// Quantize a photograph with KMeans, without and with limits
    #[command(disable_help_flag = true)]
    Demo {
        /// Passed on to the demonstration; try --help
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    #[command(name = crate::simulate::JUDGE, hide = true)]
    Judge(crate::simulate::JudgeArgs),
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
    /// Write JSON, as --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

#[derive(Args)]
#[command(after_help = CPUS_EXAMPLES)]
pub(crate) struct Cpus {
    /// Show the CPUs of another process, by its number
    #[arg(long, value_name = "PID")]
    pub(crate) pid: Option<u32>,
    /// Every variable that counts: who sets it, and what it means
    #[arg(long, conflicts_with = "pid")]
    pub(crate) variables: bool,
    /// Write that table as Markdown
    #[arg(long, requires = "variables", conflicts_with = "json")]
    pub(crate) markdown: bool,
    /// Write JSON, with every field
    #[arg(long)]
    pub(crate) json: bool,
}

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

#[derive(Args)]
#[command(after_help = SPLIT_EXAMPLES)]
pub(crate) struct SplitArgs {
    #[command(flatten)]
    pub(crate) levels: LevelArgs,
    /// OpenMP and BLAS take turns: each may have the whole share
    #[arg(long)]
    pub(crate) in_turn: bool,
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) levels: LevelArgs,
    /// BLAS calls come from inside OpenMP regions: their product must fit
    #[arg(long)]
    pub(crate) nested: bool,
    /// Bind the command to the CPUs, physical cores first; this also holds
    /// libraries that read no variable
    #[arg(long)]
    pub(crate) pin: bool,
    /// Replace variables that you have set yourself
    #[arg(long)]
    pub(crate) force: bool,
    /// Don't say which variables were kept
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Print the variables as lines for a shell, and run nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// With --dry-run: write JSON, with the split and what was kept
    #[arg(long, requires = "dry_run")]
    pub(crate) json: bool,
    /// The command and its arguments, after `--`
    #[arg(
        value_name = "COMMAND",
        required_unless_present = "dry_run",
        trailing_var_arg = true
    )]
    pub(crate) command: Vec<OsString>,
}

#[derive(Args)]
#[command(after_help = ENV_EXAMPLES)]
pub(crate) struct EnvArgs {
    #[command(flatten)]
    pub(crate) levels: LevelArgs,
    /// BLAS calls come from inside OpenMP regions: their product must fit
    #[arg(long)]
    pub(crate) nested: bool,
    /// What to write them for
    #[arg(long, value_enum, default_value_t = EnvFormat::Sh)]
    pub(crate) format: EnvFormat,
    /// Write JSON, as --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EnvFormat {
    /// `export` lines for a shell
    Sh,
    /// `ENV` lines for a Dockerfile
    Docker,
    /// `NAME=value` lines for `docker run --env-file` or systemd
    EnvFile,
    /// Lines for a Slurm batch script, which follow what the job is given
    Slurm,
    /// The `env` of a Jupyter kernel's kernel.json
    Jupyter,
    /// An object, for programs
    Json,
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
