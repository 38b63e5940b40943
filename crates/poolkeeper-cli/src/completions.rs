//! `completions`: a script for a shell.

use crate::exit::EXIT_OK;
use clap::Command;
use clap_complete::Shell;
use std::io::{self, Write};

pub(crate) fn completions(shell: Shell, command: &Command, out: &mut dyn Write) -> io::Result<i32> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut visible(command), "poolkeeper", &mut script);
    out.write_all(&script)?;
    Ok(EXIT_OK)
}

/// The command with what its help lists: completions would offer the rest as well.
fn visible(command: &Command) -> Command {
    let shown = Command::new(command.get_name().to_owned());
    let about = command.get_about().cloned().unwrap_or_default();
    let arguments = command.get_arguments().filter(|one| !one.is_hide_set());
    let subcommands = command.get_subcommands().filter(|one| !one.is_hide_set());
    let shown = match command.get_version() {
        Some(version) => shown.version(version.to_owned()),
        None => shown,
    };
    shown
        .disable_help_flag(command.is_disable_help_flag_set())
        .about(about)
        .args(arguments.cloned().collect::<Vec<_>>())
        .subcommands(subcommands.map(visible).collect::<Vec<_>>())
}
