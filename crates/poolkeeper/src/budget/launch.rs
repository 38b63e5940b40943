//! The program in this one's place, or as its child.

use crate::{Error, Result, platform};
use std::ffi::OsString;
use std::io;
use std::process::{Child, Command};

/// Replaces this process by a command with these variables set; returns only
/// if that fails. The command ignores the signals that this process was started to
/// ignore. A Python interpreter (`is_python`) ignores SIGPIPE itself, so there the
/// process that started it decides about SIGPIPE.
///
/// # Sources
/// execvp(3).
pub fn exec(command: &[OsString], variables: &[(&'static str, String)], is_python: bool) -> Error {
    let mut command = match with_arguments(command) {
        Ok(command) => command,
        Err(error) => return error,
    };
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    let error = platform::exec(&mut command, is_python);
    cannot_run(&command, &error)
}

/// Starts a command as a child, with the signals that [`exec`] would give it.
///
/// # Errors
/// [`Error::CannotRun`].
pub fn spawn(command: &[OsString], is_python: bool) -> Result<Child> {
    let mut command = with_arguments(command)?;
    platform::spawn(&mut command, is_python).map_err(|error| cannot_run(&command, &error))
}

/// Waits until a child has ended, and leaves it there to be looked at until the
/// child's own `wait` lets it go.
///
/// # Errors
/// Those of waitid(2).
pub fn until_ended(child: u32) -> io::Result<()> {
    platform::until_ended(child)
}

fn with_arguments(words: &[OsString]) -> Result<Command> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(Error::CannotRun {
            program: OsString::new(),
            why: "no command was given".to_owned(),
            is_missing: true,
        });
    };
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

fn cannot_run(command: &Command, error: &io::Error) -> Error {
    Error::CannotRun {
        program: command.get_program().to_owned(),
        why: error.to_string(),
        is_missing: error.kind() == io::ErrorKind::NotFound,
    }
}
