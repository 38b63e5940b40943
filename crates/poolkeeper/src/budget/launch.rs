//! The program in this one's place.

use crate::{Error, platform};
use std::ffi::OsString;

/// Replaces this process by a command with these variables set; returns only
/// if that fails. The command ignores the signals that this process was started to
/// ignore. A Python interpreter (`is_python`) ignores SIGPIPE itself, so there the
/// process that started it decides about SIGPIPE.
///
/// # Sources
/// execvp(3).
pub fn exec(command: &[OsString], variables: &[(&'static str, String)], is_python: bool) -> Error {
    let Some((program, arguments)) = command.split_first() else {
        return Error::CannotRun {
            program: OsString::new(),
            why: "no command was given".to_owned(),
            is_missing: true,
        };
    };
    let mut command = std::process::Command::new(program);
    command
        .args(arguments)
        .envs(variables.iter().map(|(name, value)| (name, value)));
    let error = platform::exec(&mut command, is_python);
    Error::CannotRun {
        program: program.clone(),
        why: error.to_string(),
        is_missing: error.kind() == std::io::ErrorKind::NotFound,
    }
}
