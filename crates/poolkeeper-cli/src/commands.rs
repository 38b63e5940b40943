//! What each command does.

use crate::apart::Apart;
use crate::args::Info;
use crate::{EXIT_FAILED, EXIT_OK, Host, Look, pools_table};
use clap::Command;
use clap_complete::Shell;
use poolkeeper::printable;
use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(crate) fn info(
    info: &Info,
    look: Look,
    host: &mut dyn Host,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<i32> {
    let needs_child = info.command.is_some();
    let needs_child = needs_child || !(info.modules.is_empty() && info.libraries.is_empty());
    let failed = match Apart::go(host, needs_child) {
        Apart::Here => {
            let loaded = load_all(&info.libraries, host, err)?;
            [loaded, import_all(&info.modules, host, err)?].concat()
        }
        Apart::Done(code) => return Ok(code),
        Apart::Died(end) => {
            warn(err, &end.what)?;
            return Ok(EXIT_FAILED);
        }
    };
    if host.is_stopped() {
        return Ok(EXIT_FAILED);
    }
    let mut code = if failed.is_empty() {
        EXIT_OK
    } else {
        EXIT_FAILED
    };
    if let Some(command) = &info.command {
        host.doing("the code of --command");
        let executed = host.execute(command);
        if host.is_stopped() {
            return Ok(EXIT_FAILED);
        }
        if let Err(why) = executed {
            warn(err, &format!("the code of --command failed: {why}"))?;
            code = EXIT_FAILED;
        }
    }
    let pools = poolkeeper::pools().map_err(io::Error::other)?;
    if info.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&pools)?)?;
    } else {
        write!(out, "{}", pools_table(&pools, look))?;
    }
    Ok(code)
}

fn warn(err: &mut dyn Write, what: &str) -> io::Result<()> {
    writeln!(err, "poolkeeper: warning: {}", printable(what))
}

/// Loads libraries, with a warning for each that doesn't load; says which didn't,
/// and why.
pub(crate) fn load_all(
    libraries: &[PathBuf],
    host: &mut dyn Host,
    err: &mut dyn Write,
) -> io::Result<Vec<String>> {
    let mut failed = Vec::new();
    for library in libraries {
        host.doing(&format!("loading {}", library.display()));
        if let Err(why) = load(library) {
            let what = format!("could not load {}: {why}", library.display());
            warn(err, &what)?;
            failed.push(what);
        }
    }
    Ok(failed)
}

/// Imports modules, with a warning for each that can't be imported, until the
/// user interrupts; says which can't, and why.
pub(crate) fn import_all(
    modules: &[String],
    host: &mut dyn Host,
    err: &mut dyn Write,
) -> io::Result<Vec<String>> {
    let mut failed = Vec::new();
    for module in modules {
        host.doing(&format!("importing {module}"));
        let imported = host.import(module);
        if host.is_stopped() {
            break;
        }
        if let Err(why) = imported {
            let what = format!("could not import {module}: {why}");
            warn(err, &what)?;
            failed.push(what);
        }
    }
    Ok(failed)
}

/// Loads a library for good: unloading a runtime with live threads is unsafe.
fn load(library: &Path) -> Result<(), String> {
    // SAFETY: the user asked for this library's constructors to run.
    match unsafe { libloading::Library::new(library) } {
        Ok(library) => {
            std::mem::forget(library);
            Ok(())
        }
        Err(error) => Err(error
            .source()
            .map_or_else(|| error.to_string(), ToString::to_string)),
    }
}

/// What a command in Python ended with.
pub(crate) fn told(ended: Result<i32, String>, err: &mut dyn Write) -> io::Result<i32> {
    match ended {
        Ok(code) => Ok(code),
        Err(why) => {
            writeln!(err, "poolkeeper: {}", printable(&why))?;
            Ok(EXIT_FAILED)
        }
    }
}

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
