//! `simulate`: a program on a machine that isn't here, and what it did there.
//!
//! The program runs to its end, watched from outside, so that one that dies is
//! told of as well. Then a helper, this same command on the same pretended
//! machine, loads the libraries that the program had, asks them what they are
//! and judges: a library whose constructor fails can't take the report with it.

mod args;
mod judge;
mod judged;
mod text;

pub(crate) use args::{JudgeArgs, SimulateArgs};
pub(crate) use judge::judge;

use crate::exit::{EXIT_FAILED, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_USAGE};
use crate::host::Host;
use crate::look::Look;
use poolkeeper::budget::{self, Budget, SourceKind};
use poolkeeper::{printable, runtimes};
use poolkeeper_simulate::{Error, Machine, Observation, Stage};
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
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
    let (stage, mut seen) = match seen {
        Ok(seen) => seen,
        Err(error) => {
            writeln!(err, "poolkeeper: {}", printable(&error.to_string()))?;
            return Ok(exit_code(&error));
        }
    };
    let budget = budget::budget();
    // The helper can't read what this process can't.
    let unset: &[&str] = if budget.is_err() {
        &[budget::OVERRIDE]
    } else {
        &[]
    };
    seen.remarks.extend(match budget {
        Ok(budget) => remark(&budget, arguments.cpus),
        Err(error) => Some(format!("judged without {}: {error}", budget::OVERRIDE)),
    });
    let report = report(arguments, &stage, &seen, unset, host);
    deliver(&report, arguments.output.as_deref(), err);
    Ok(match seen.end.code() {
        0 if !seen.is_shown => EXIT_FAILED,
        code => code,
    })
}

/// Writes the report where it is wanted, or where it can be read all the same. The
/// program has run, and its exit code is what counts.
fn deliver(report: &str, output: Option<&Path>, err: &mut dyn Write) {
    let written = output.map(|path| (path, std::fs::write(path, report)));
    if let Some((path, Err(error))) = &written {
        let path = path.display();
        let _ = writeln!(
            err,
            "poolkeeper: could not write the report to {path}: {error}"
        );
    }
    if !matches!(written, Some((_, Ok(())))) {
        let _ = err.write_all(report.as_bytes());
    }
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
    let limited = runtimes::all().filter(|card| card.call.is_none());
    let mut prefixes = limited.flat_map(|card| card.file_prefixes);
    name.contains(".so") && prefixes.any(|prefix| name.starts_with(prefix))
}

/// What programs still see that read their group's quota in its files.
fn remark(budget: &Budget, cpus: u32) -> Option<String> {
    let quotas = budget
        .sources
        .iter()
        .filter(|source| source.kind == SourceKind::Quota);
    let smaller = quotas.filter_map(|source| Some((source.cpus?, source)));
    let (own, source) = smaller
        .filter(|(own, _)| *own < f64::from(cpus))
        .min_by(|one, other| one.0.total_cmp(&other.0))?;
    let unit = if own == 1.0 { "CPU" } else { "CPUs" };
    Some(format!(
        "what reads this process's group itself still sees {own} {unit}, as joblib and Rust's \
         available_parallelism do: {}",
        source.place
    ))
}

/// What the helper writes, or if it can't, what is known without it.
fn report(
    arguments: &SimulateArgs,
    stage: &Stage,
    seen: &Observation,
    unset: &[&str],
    host: &mut dyn Host,
) -> String {
    let look = look(arguments);
    let mut helper = host.command();
    helper.push(JUDGE.into());
    helper.push(format!("--width={}", look.width).into());
    for (is_wanted, option) in [
        (look.is_coloured, "--colour"),
        (arguments.json, "--json"),
        (arguments.notes, "--notes"),
    ] {
        if is_wanted {
            helper.push(option.into());
        }
    }
    let asked = serde_json::to_vec(&seen.clone().escaped()).map_err(io::Error::from);
    let answer = asked.and_then(|seen| stage.ask(&helper, &seen, unset));
    let report = answer.ok().and_then(|text| String::from_utf8(text).ok());
    report.unwrap_or_else(|| judge::without_pools(seen, look, arguments.json))
}

/// How the report looks where it goes.
fn look(arguments: &SimulateArgs) -> Look {
    Look::of_stream(arguments.output.is_none() && io::stderr().is_terminal())
}

#[cfg(test)]
mod tests {
    use super::*;
    use poolkeeper::budget::Observed;
    use std::path::PathBuf;

    fn remark_under(tree: &str, cpus: u32) -> Option<String> {
        let trees = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../poolkeeper/tests/budget");
        let mask: Vec<u32> = (0..8).collect();
        let observed = Observed::under(trees.join(tree), &[], &mask);
        remark(&Budget::read(&observed).expect("a good tree"), cpus)
    }

    #[test]
    fn a_quota_that_programs_may_read_is_told() {
        let told = remark_under("docker_v2", 128).expect("a quota");
        assert!(
            told.contains("still sees 2 CPUs") && told.contains("cpu.max"),
            "{told}"
        );
        assert_eq!(remark_under("docker_v2", 2), None);
        assert_eq!(remark_under("arm_big_little", 4), None);
    }

    #[test]
    fn pools_are_known_by_their_files() {
        for name in [
            "libgomp-e985bcbb.so.1.0.0",
            "libscipy_openblas64_-32a4b2a6.so",
            "libmkl_rt.so.2",
        ] {
            assert!(may_be_a_pool(&Path::new("/x").join(name)), "{name}");
        }
        for name in ["libc.so.6", "libgomp.txt", "python3.11", ""] {
            assert!(!may_be_a_pool(Path::new(name)), "{name}");
        }
    }
}
