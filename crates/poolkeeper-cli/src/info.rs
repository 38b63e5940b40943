//! `info`: the pools that modules and libraries bring.

use crate::exit::{EXIT_FAILED, EXIT_OK};
use crate::host::{Apart, Host};
use crate::load::{import_all, load_all, warn};
use crate::look::Look;
use crate::pools::pools_table;
use crate::process::process;
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;

const INFO_EXAMPLES: &str = "Examples:
  poolkeeper info -i numpy scipy.linalg sklearn.cluster
  poolkeeper info -i numpy -c \"import poolkeeper; poolkeeper.set_limit(1)\"
  poolkeeper info -l /usr/lib/x86_64-linux-gnu/libgomp.so.1 --json
  poolkeeper info --pid 4242      a program that runs: nothing in it is stopped

Exit codes: 0 all done; 1 a module could not be imported, a library not loaded,
or the code of -c failed (a warning says which; the pools are shown all the
same), or there is no such process, or its pools can't be seen (a line says why;
the rest is shown); 2 wrong arguments.";

#[derive(Args)]
#[command(after_help = INFO_EXAMPLES)]
pub(crate) struct Info {
    /// Python modules to import first
    #[arg(short = 'i', long = "import", value_name = "MODULE", num_args = 1..,
          conflicts_with = "pid")]
    pub(crate) modules: Vec<String>,
    /// Python code to execute first, after the imports
    #[arg(short = 'c', long, value_name = "CODE", conflicts_with = "pid")]
    pub(crate) command: Option<String>,
    /// Shared libraries to load first, by path or by name
    #[arg(short = 'l', long = "library", value_name = "LIBRARY", num_args = 1..,
          conflicts_with = "pid")]
    pub(crate) libraries: Vec<PathBuf>,
    /// Show another process by its number: its pools, its threads, and the CPUs
    /// that it may use
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) pid: Option<u32>,
    /// Write JSON, with every field
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn info(
    info: &Info,
    look: Look,
    host: &mut dyn Host,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<i32> {
    if let Some(pid) = info.pid {
        return process(pid, info.json, look, out, err);
    }
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
        if let Some(reason) = poolkeeper::unsupported() {
            warn(err, &reason.to_string())?;
        }
        writeln!(out, "{}", serde_json::to_string_pretty(&pools)?)?;
    } else {
        write!(out, "{}", pools_table(&pools, look))?;
    }
    Ok(code)
}
