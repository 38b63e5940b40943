//! Loads libraries and imports modules, with a warning for each that fails.

use crate::host::Host;
use poolkeeper::printable;
use std::error::Error;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Says what went wrong, and goes on.
pub(crate) fn warn(err: &mut dyn Write, what: &str) -> io::Result<()> {
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
