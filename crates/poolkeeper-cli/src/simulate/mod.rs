//! `simulate`: a program on a machine that isn't here, and what it did there.
//!
//! The program runs to its end, watched from outside, so that one that dies is
//! told of as well. Then a helper, this same command on the same pretended
//! machine, loads the libraries that the program had, asks them what they are
//! and judges: a library whose constructor fails can't take the report with it.

mod args;
mod judge;
mod text;

pub(crate) use args::{JudgeArgs, SimulateArgs};
pub(crate) use judge::judge;

use crate::{EXIT_FAILED, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_USAGE, Host};
use poolkeeper::runtimes;
use poolkeeper_simulate::{Error, Machine, Observation, Stage};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

/// The helper's name on the command line.
pub(crate) const JUDGE: &str = "judge-simulation";

pub(crate) fn simulate(
    arguments: &SimulateArgs,
    host: &mut dyn Host,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<i32> {
    out.flush()?;
    let seen = match stage(arguments) {
        Ok(stage) => {
            if let Some(path) = &arguments.output {
                // A wrong path is told now, and not after a program of hours.
                OpenOptions::new().append(true).create(true).open(path)?;
            }
            stage
                .run(&arguments.command, &may_be_a_pool)
                .map(|seen| (stage, seen))
        }
        Err(error) => Err(error),
    };
    let (stage, seen) = match seen {
        Ok(seen) => seen,
        Err(error) => {
            writeln!(err, "poolkeeper: {error}")?;
            return Ok(exit_code(&error));
        }
    };
    let report = report(arguments, &stage, &seen, host)?;
    match &arguments.output {
        Some(path) => std::fs::write(path, report)?,
        None => err.write_all(report.as_bytes())?,
    }
    Ok(match seen.end.code() {
        0 if !seen.is_shown => EXIT_FAILED,
        code => code,
    })
}

fn stage(arguments: &SimulateArgs) -> Result<Stage, Error> {
    Stage::new(Machine::new(arguments.cpus, arguments.sockets)?)
}

fn exit_code(error: &Error) -> i32 {
    match error {
        Error::Cpus { .. } | Error::Sockets { .. } => EXIT_USAGE,
        Error::CannotRun { why, .. } if why.kind() == io::ErrorKind::NotFound => EXIT_NOT_FOUND,
        Error::CannotRun { .. } => EXIT_NOT_EXECUTABLE,
        _ => EXIT_FAILED,
    }
}

/// Whether a file has the name of a known runtime's library. One inside another
/// library is not known by its name: its threads are seen all the same.
fn may_be_a_pool(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut prefixes = runtimes::all().flat_map(|card| card.file_prefixes);
    name.contains(".so") && prefixes.any(|prefix| name.starts_with(prefix))
}

/// What the helper writes, or if it can't, what is known without it.
fn report(
    arguments: &SimulateArgs,
    stage: &Stage,
    seen: &Observation,
    host: &mut dyn Host,
) -> io::Result<String> {
    let mut helper = host.command();
    helper.push(JUDGE.into());
    if arguments.json {
        helper.push("--json".into());
    }
    let answer = stage.ask(&helper, &seen.folders, &serde_json::to_vec(seen)?);
    if let Ok(answer) = answer
        && answer.status.success()
        && let Ok(report) = String::from_utf8(answer.stdout)
    {
        return Ok(report);
    }
    judge::without_pools(seen, arguments.json)
}
