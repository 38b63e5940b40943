//! `doctor`: what is wrong with a process, and what its codes mean.

mod args;
mod pages;
mod text;

pub(crate) use args::DoctorArgs;
pub use args::ReportOptions;
pub use text::{Style, doctor_text};

use crate::exit::{EXIT_FAILED, EXIT_FINDINGS, EXIT_OK, EXIT_USAGE};
use crate::host::{Apart, End, Host};
use crate::load::{import_all, load_all};
use crate::look::Look;
use poolkeeper::doctor::{Facts, Report, Room, diagnose};
use poolkeeper::printable;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};

pub(crate) fn doctor(
    arguments: &DoctorArgs,
    look: Look,
    host: &mut dyn Host,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<i32> {
    if let Some(code) = &arguments.explain {
        return pages::explain(code, arguments, look, out, err);
    }
    let mut options = arguments.options();
    if let Some(path) = &options.output {
        // A wrong path is told now, and not after a program of hours.
        let opened = OpenOptions::new().append(true).create(true).open(path);
        opened.map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
    }
    if !arguments.program.is_empty() {
        return run_program(arguments, &options, host, err);
    }
    match Apart::go(
        host,
        !arguments.modules.is_empty() || !arguments.libraries.is_empty(),
    ) {
        Apart::Here => {
            let loaded = load_all(&arguments.libraries, host, err)?;
            let imported = import_all(&arguments.modules, host, err)?;
            options.unseen = [loaded, imported].concat();
        }
        Apart::Done(code) => return Ok(code),
        Apart::Died(end) => options.unseen = told_of(&end)?,
    }
    if host.is_stopped() {
        return Ok(EXIT_FAILED);
    }
    let code = report(host, &options, out)?;
    Ok(if options.unseen.is_empty() {
        code
    } else {
        EXIT_FAILED
    })
}

/// What is known of a process that an import or a library has ended: how, its last
/// words, and the limits that it may have met.
fn told_of(end: &End) -> io::Result<Vec<String>> {
    let system = Facts::gather(Default::default())
        .map_err(io::Error::other)?
        .system;
    let room = |room: &Room| {
        format!(
            "limit {}: {} of {} taken",
            room.place, room.used, room.limit
        )
    };
    let memory = |room: &Room| {
        let megabytes = |bytes: u64| format!("{} MB", bytes >> 20);
        let (used, limit) = (megabytes(room.used), megabytes(room.limit));
        format!("limit {}: {limit}; {used} taken without it", room.place)
    };
    let said = end.said.iter().map(|line| format!("it said: {line}"));
    Ok([end.what.clone()]
        .into_iter()
        .chain(said)
        .chain(system.threads.iter().map(room))
        .chain(system.address_space.iter().map(memory))
        .collect())
}

/// Runs the program in this process; the host reports when it ends.
fn run_program(
    arguments: &DoctorArgs,
    options: &ReportOptions,
    host: &mut dyn Host,
    err: &mut dyn Write,
) -> io::Result<i32> {
    if !arguments.modules.is_empty() || !arguments.libraries.is_empty() {
        writeln!(
            err,
            "poolkeeper: give modules to import or a program to run, not both"
        )?;
        return Ok(EXIT_USAGE);
    }
    match host.run_program(&arguments.program, options) {
        Ok(code) => Ok(code),
        Err(why) => {
            writeln!(err, "poolkeeper: {}", printable(&why))?;
            Ok(EXIT_USAGE)
        }
    }
}

/// Looks at this process and writes the report to `stream`, or where the options
/// say; returns the exit code.
///
/// # Errors
/// What the system says of the stream or the file.
///
/// # Examples
///
/// ```
/// use poolkeeper_cli::{NoPython, ReportOptions, report};
/// let mut text = Vec::new();
/// report(&mut NoPython, &ReportOptions::default(), &mut text)?;
/// assert!(text.starts_with(b"poolkeeper doctor: "));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn report(
    host: &mut dyn Host,
    options: &ReportOptions,
    stream: &mut dyn Write,
) -> io::Result<i32> {
    let mut facts = Facts::gather(host.facts()).map_err(io::Error::other)?;
    facts.unseen.splice(0..0, options.unseen.iter().cloned());
    let facts = match options.cpus {
        Some(cpus) => facts.on_machine(cpus).map_err(io::Error::other)?,
        None => facts,
    };
    let report = diagnose(&facts);
    match &options.output {
        Some(path) => {
            let mut file = File::create(path)?;
            let style = style(options, file.is_terminal());
            write_report(&report, options, style, &mut file)?;
        }
        None => {
            let style = style(options, host.is_terminal());
            write_report(&report, options, style, stream)?;
        }
    }
    let fails = options.strict && !report.is_healthy;
    Ok(if fails { EXIT_FINDINGS } else { EXIT_OK })
}

fn style(options: &ReportOptions, is_terminal: bool) -> Style {
    Style {
        look: Look::of_stream(is_terminal),
        notes: options.notes,
        ..Style::default()
    }
}

fn write_report(
    report: &Report,
    options: &ReportOptions,
    style: Style,
    stream: &mut dyn Write,
) -> io::Result<()> {
    if options.json {
        writeln!(stream, "{}", serde_json::to_string_pretty(report)?)
    } else {
        write!(stream, "{}", doctor_text(report, style))
    }
}
