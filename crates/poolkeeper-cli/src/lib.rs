//! The poolkeeper command, as a function: the Rust binary and the Python
//! package run the same code, each with its own [`Host`].

mod args;
mod budget;
mod completions;
mod doctor;
mod exit;
mod hints;
mod host;
mod info;
mod launch;
mod levels;
mod load;
mod look;
mod pools;
mod process;
mod record;
mod runtimes;
mod simulate;
mod table;
mod text;
mod top;
mod variables;
mod without_python;
mod words;

pub use args::command;
pub use budget::{budget_table, split_table};
pub use doctor::{ReportOptions, Style, doctor_text, report};
pub use exit::{
    EXIT_FAILED, EXIT_FINDINGS, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_OK, EXIT_USAGE,
};
pub use host::{Apart, End, Host, NoPython};
pub use look::Look;
pub use pools::pools_table;

use args::{Arguments, Command};
use clap::FromArgMatches;
use clap::error::ErrorKind;
use std::ffi::OsString;
use std::io::{self, Write};

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
        Command::Info(arguments) => info::info(arguments, look, host, out, err),
        Command::Runtimes(arguments) => runtimes::runtimes(arguments, look, out),
        Command::Cpus(arguments) => budget::cpus(arguments, look, out),
        Command::Split(arguments) => budget::split(arguments, look, out),
        Command::Run(arguments) => launch::run(arguments, host.has_python(), out, err),
        Command::Record(arguments) => record::record(arguments, host.has_python(), look, out, err),
        Command::Top(arguments) => {
            let is_terminal = host.is_terminal();
            top::top(arguments, look, is_terminal, out, err)
        }
        Command::Env(arguments) => launch::env(arguments, out),
        Command::Demo { arguments } => told(host.demo(arguments), err),
        Command::Notebook { arguments } => told(host.notebook(arguments), err),
        Command::Doctor(arguments) => doctor::doctor(arguments, look, host, out, err),
        Command::Simulate(arguments) => simulate::simulate(arguments, host, out, err),
        Command::Judge(arguments) => simulate::judge(arguments),
        Command::Completions { shell } => {
            // A fresh one: clap has added its own help to that which it parsed with.
            let command = args::command_for(host.has_python(), look.width);
            completions::completions(*shell, &command, out)
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

/// What a command in Python ended with.
fn told(ended: Result<i32, String>, err: &mut dyn Write) -> io::Result<i32> {
    match ended {
        Ok(code) => Ok(code),
        Err(why) => {
            writeln!(err, "poolkeeper: {}", poolkeeper::printable(&why))?;
            Ok(EXIT_FAILED)
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
