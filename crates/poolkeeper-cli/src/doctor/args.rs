//! The arguments of `doctor`.

use crate::levels::count;
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  poolkeeper doctor -i numpy scipy.linalg sklearn.cluster
  poolkeeper doctor -- train.py --epochs 3   run it, report when it has ended
  poolkeeper doctor -- -m pytest tests       run a module, report when it has ended
  poolkeeper doctor -i numpy --cpus 128      as on a larger machine
  poolkeeper doctor --explain PK101          what a code means
  poolkeeper doctor --strict --json -i numpy    for CI

A program's output and exit code are its own; the report goes to standard error,
or to --output. A note is worth knowing, and usual; --notes shows notes.

Exit codes: 0; 1 a module or library could not be loaded; 2 wrong arguments; 3
with --strict, if there is an error or a warning. With a program, the exit code
is the program's, and 3 only where the program's is 0.";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Python modules to import first
    #[arg(short = 'i', long = "import", value_name = "MODULE", num_args = 1..)]
    pub(crate) modules: Vec<String>,
    /// Shared libraries to load first, by path or by name
    #[arg(short = 'l', long = "library", value_name = "LIBRARY", num_args = 1..)]
    pub(crate) libraries: Vec<PathBuf>,
    /// Judge as on a machine with this number of CPUs, all of them free to use
    #[arg(long, value_name = "N", value_parser = count())]
    cpus: Option<u32>,
    /// Write JSON, with every field
    #[arg(long)]
    pub(crate) json: bool,
    /// Exit with 3 if there is an error or a warning
    #[arg(long)]
    strict: bool,
    /// Show notes too, which are worth knowing, and usual
    #[arg(long)]
    notes: bool,
    /// Write the report to a file
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Print what a code means; `all` for every code
    #[arg(long, value_name = "CODE")]
    pub(crate) explain: Option<String>,
    /// The explanation for the documentation
    #[arg(long, hide = true, requires = "explain")]
    pub(crate) markdown: bool,
    /// A Python program to run and its arguments, or -m and a module, after `--`
    #[arg(value_name = "PROGRAM", last = true)]
    pub(crate) program: Vec<OsString>,
}

impl DoctorArgs {
    pub(super) fn options(&self) -> ReportOptions {
        ReportOptions {
            json: self.json,
            strict: self.strict,
            notes: self.notes,
            cpus: self.cpus,
            output: self.output.clone(),
            unseen: Vec::new(),
        }
    }
}

/// How a report is to be written, and where.
#[derive(Debug, Clone, Default)]
pub struct ReportOptions {
    /// As JSON, with every field.
    pub json: bool,
    /// Whether findings decide the exit code.
    pub strict: bool,
    /// Whether notes are shown as text.
    pub notes: bool,
    /// For a machine with so many CPUs.
    pub cpus: Option<u32>,
    /// The file to write to, in place of a stream.
    pub output: Option<PathBuf>,
    /// What could not be done before looking, a few words each.
    pub unseen: Vec<String>,
}
