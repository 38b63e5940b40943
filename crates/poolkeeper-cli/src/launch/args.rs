//! The arguments of `run` and `env`.

use crate::levels::LevelArgs;
use clap::{Args, ValueEnum};
use std::ffi::OsString;

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
