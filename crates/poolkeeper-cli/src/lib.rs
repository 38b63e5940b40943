//! The poolkeeper command, as a function: the Rust binary and the Python
//! package run the same code, each with its own [`Host`].

mod apart;
mod args;
mod budget;
mod commands;
mod doctor;
mod hints;
mod launch;
mod look;
mod pools;
mod runtimes;
mod simulate;
mod table;
mod text;
mod variables;
mod without_python;

pub use apart::{Apart, End};
pub use args::command;
pub use budget::{budget_table, split_table};
pub use doctor::{ReportOptions, Style, doctor_text, report};
pub use look::Look;
pub use pools::pools_table;

use args::{Arguments, Command};
use clap::FromArgMatches;
use clap::error::ErrorKind;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

/// Everything worked.
pub const EXIT_OK: i32 = 0;
/// Something that was asked for could not be imported, loaded or run.
pub const EXIT_FAILED: i32 = 1;
/// The command line is wrong.
pub const EXIT_USAGE: i32 = 2;

/// With `doctor --strict`: there is an error or a warning.
pub const EXIT_FINDINGS: i32 = 3;

/// The command of `run` can't be executed.
pub const EXIT_NOT_EXECUTABLE: i32 = 126;
/// There is no command of that name for `run`.
pub const EXIT_NOT_FOUND: i32 = 127;

/// What the command can't do by itself: run Python.
pub trait Host {
    /// Imports a Python module.
    ///
    /// # Errors
    /// Why it could not be imported, in one line.
    fn import(&mut self, module: &str) -> Result<(), String>;

    /// Executes Python code as `__main__`.
    ///
    /// # Errors
    /// Why it failed, in one line.
    fn execute(&mut self, code: &str) -> Result<(), String>;

    /// Goes on in a child of this process, if it can: an import may end the process
    /// that does it. Answers in the child that it is the one, and in the parent when
    /// the child has ended.
    fn apart(&mut self) -> Apart {
        Apart::Here
    }

    /// Notes what is about to be done, for the parent to tell if it ends the child.
    fn doing(&mut self, _what: &str) {}

    /// Whether the user interrupted an import or code, and so the command.
    fn is_stopped(&self) -> bool {
        false
    }

    /// Runs the demonstration with these arguments; its exit code.
    ///
    /// # Errors
    /// Why it can't be run here, in one line.
    fn demo(&mut self, arguments: &[String]) -> Result<i32, String>;

    /// Does what these arguments say to notebooks and kernels; the exit code.
    ///
    /// # Errors
    /// Why it can't be done here, in one line.
    fn notebook(&mut self, arguments: &[String]) -> Result<i32, String>;

    /// Runs a Python program (a file or `-m` and a module, and its arguments) to
    /// its end, and has [`report`] write to standard error then; the exit code.
    ///
    /// # Errors
    /// Why there is nothing to run, in one line.
    fn run_program(&mut self, program: &[OsString], options: &ReportOptions)
    -> Result<i32, String>;

    /// What only the host's language can tell the doctor.
    fn facts(&mut self) -> poolkeeper::doctor::Host {
        poolkeeper::doctor::Host::default()
    }

    /// Whether there is a Python here, to import and run what it can.
    fn has_python(&self) -> bool {
        true
    }

    /// Whether the stream that reports go to is a terminal.
    fn is_terminal(&mut self) -> bool {
        false
    }

    /// How a process with this same command is started: the program and its
    /// first arguments.
    fn command(&self) -> Vec<OsString> {
        let program = std::env::current_exe();
        program.map_or_else(|_| vec!["poolkeeper".into()], |path| vec![path.into()])
    }
}

/// The host of the plain binary: there is no Python here.
pub struct NoPython;

impl NoPython {
    fn refuse<T>(what: &str) -> Result<T, String> {
        Err(format!(
            "{what} needs Python, which this binary does not contain: \
             use the Python package's command, `python -m poolkeeper`"
        ))
    }
}

impl Host for NoPython {
    fn has_python(&self) -> bool {
        false
    }

    fn import(&mut self, _module: &str) -> Result<(), String> {
        Self::refuse("--import")
    }

    fn execute(&mut self, _code: &str) -> Result<(), String> {
        Self::refuse("--command")
    }

    fn demo(&mut self, _arguments: &[String]) -> Result<i32, String> {
        Self::refuse("demo")
    }

    fn notebook(&mut self, _arguments: &[String]) -> Result<i32, String> {
        Self::refuse("notebook")
    }

    fn run_program(
        &mut self,
        _program: &[OsString],
        _options: &ReportOptions,
    ) -> Result<i32, String> {
        Self::refuse("running a program")
    }

    fn is_terminal(&mut self) -> bool {
        io::stdout().is_terminal()
    }
}

/// Runs the command with these arguments (the first is the program's name),
/// and returns its exit code.
///
/// # Examples
///
/// ```
/// let mut out = Vec::new();
/// let code = poolkeeper_cli::run(
///     ["poolkeeper", "info", "--json"],
///     &mut poolkeeper_cli::NoPython,
///     &mut out,
///     &mut std::io::stderr(),
/// );
/// assert_eq!(code, poolkeeper_cli::EXIT_OK);
/// assert!(out.starts_with(b"["));
/// ```
pub fn run<A>(
    arguments: impl IntoIterator<Item = A>,
    host: &mut dyn Host,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> i32
where
    A: Into<std::ffi::OsString> + Clone,
{
    let words: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let look = Look::of_stream(host.is_terminal());
    let mut command = args::command_for(host.has_python(), look.width);
    let parsed = command.try_get_matches_from_mut(&words);
    let parsed = parsed.and_then(|matches| Arguments::from_arg_matches(&matches));
    let arguments = match parsed {
        Ok(arguments) => arguments,
        Err(error) => return explain(&error, &words, look, out, err),
    };
    let result = match &arguments.command {
        Command::Info(info) => commands::info(info, look, host, out, err),
        Command::Runtimes(arguments) => runtimes::runtimes(arguments, look, out),
        Command::Cpus(arguments) => budget::cpus(arguments, look, out),
        Command::Split(arguments) => budget::split(arguments, look, out),
        Command::Run(arguments) => launch::run(arguments, host.has_python(), out, err),
        Command::Env(arguments) => launch::env(arguments, out),
        Command::Demo { arguments } => commands::told(host.demo(arguments), err),
        Command::Notebook { arguments } => commands::told(host.notebook(arguments), err),
        Command::Doctor(arguments) => doctor::doctor(arguments, look, host, out, err),
        Command::Simulate(arguments) => simulate::simulate(arguments, host, out, err),
        Command::Judge(arguments) => simulate::judge(arguments),
        Command::Completions { shell } => {
            // A fresh one: clap has added its own help to that which it parsed with.
            let command = args::command_for(host.has_python(), look.width);
            commands::completions(*shell, &command, out)
        }
    };
    match result {
        Ok(code) => code,
        // A reader that stopped reading (`| head`) is no failure of ours.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => EXIT_OK,
        Err(error) => {
            let _ = writeln!(
                err,
                "poolkeeper: {}",
                poolkeeper::printable(&error.to_string())
            );
            EXIT_FAILED
        }
    }
}

/// Prints what clap has to say: help to `out`, errors to `err`.
fn explain(
    error: &clap::Error,
    words: &[OsString],
    look: Look,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> i32 {
    let asked_for = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    if asked_for {
        // As Ansi only for a terminal: the stream may be a buffer.
        let _ = match look.is_coloured {
            true => write!(out, "{}", error.render().ansi()),
            false => write!(out, "{}", error.render()),
        };
        return EXIT_OK;
    }
    let text = error.render().to_string();
    let is_unknown = matches!(
        error.kind(),
        ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand
    );
    let hint = hints::right_form(words).filter(|_| is_unknown);
    let text = match hint {
        Some(hint) => text.replacen("\nUsage:", &format!("\n  tip: type {hint}\n\nUsage:"), 1),
        None => text,
    };
    // Line by line: what was typed may hold anything.
    for line in text.lines() {
        let _ = writeln!(err, "{}", poolkeeper::printable(line));
    }
    EXIT_USAGE
}
