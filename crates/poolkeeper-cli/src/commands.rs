//! What each command does.

use crate::args::{Info, command};
use crate::{EXIT_FAILED, EXIT_OK, Host, pools_table};
use clap_complete::Shell;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

pub(crate) fn info(
    info: &Info,
    host: &mut dyn Host,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<i32> {
    let mut code = EXIT_OK;
    let mut warn = |what: String| {
        code = EXIT_FAILED;
        writeln!(err, "poolkeeper: warning: {what}")
    };
    for library in &info.libraries {
        if let Err(why) = load(library) {
            warn(format!("could not load {}: {why}", library.display()))?;
        }
    }
    for module in &info.modules {
        let imported = host.import(module);
        if host.is_stopped() {
            return Ok(EXIT_FAILED);
        }
        if let Err(why) = imported {
            warn(format!("could not import {module}: {why}"))?;
        }
    }
    if let Some(code) = &info.command {
        let executed = host.execute(code);
        if host.is_stopped() {
            return Ok(EXIT_FAILED);
        }
        if let Err(why) = executed {
            warn(format!("the code of --command failed: {why}"))?;
        }
    }
    let pools = poolkeeper::pools().map_err(io::Error::other)?;
    if info.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&pools)?)?;
    } else {
        write!(out, "{}", pools_table(&pools))?;
    }
    Ok(code)
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
            writeln!(err, "poolkeeper: {why}")?;
            Ok(EXIT_FAILED)
        }
    }
}

pub(crate) fn completions(shell: Shell, out: &mut dyn Write) -> io::Result<i32> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "poolkeeper", &mut script);
    out.write_all(&script)?;
    Ok(EXIT_OK)
}
