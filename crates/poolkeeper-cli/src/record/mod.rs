//! `record`: a program over time, and why it waited.
//!
//! `follow.rs` runs and looks; `words.rs` says what the recording means;
//! `compare.rs` puts two recordings side by side;
//! `page.rs` with `chart.rs` and `colours.rs` draws it, `svg.rs` the picture alone,
//! `json.rs` writes its numbers and `text.rs` what goes to standard error.

mod args;
mod chart;
mod colours;
mod compare;
mod follow;
mod html;
mod json;
mod page;
mod svg;
mod text;
mod words;

pub(crate) use args::RecordArgs;

use crate::exit::{
    EXIT_FAILED, EXIT_FINDINGS, EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_OK, EXIT_USAGE,
};
use crate::look::Look;
use poolkeeper::usage::{Cause, Recording, Verdict};
use poolkeeper::{Error, printable};
use poolkeeper_simulate::{End, end_of};
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

/// What a file holds, by its name's end.
#[derive(Clone, Copy)]
enum Format {
    Html,
    Svg,
    Json,
}

pub(crate) fn record(
    arguments: &RecordArgs,
    is_python: bool,
    look: Look,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<i32> {
    if let Some(files) = &arguments.compare {
        return compare::compare(files, arguments.json, look, out, err);
    }
    let format = match format(&arguments.output, arguments.json) {
        Ok(format) => format,
        Err(why) => {
            writeln!(err, "poolkeeper: {}", printable(&why))?;
            return Ok(EXIT_USAGE);
        }
    };
    let output = Output::new(&arguments.output)?;
    // What was printed before is to stand before what the program prints.
    out.flush()?;
    err.flush()?;
    let interval = Duration::from_secs(1) / arguments.hz;
    let recorded = match arguments.pid {
        Some(pid) => {
            let most = arguments.seconds.map(Duration::from_secs);
            follow::process(pid, interval, most).map(|recording| (recording, None))
        }
        None => follow::command(&arguments.command, interval, is_python)
            .map(|(recording, status)| (recording, Some(end_of(status)))),
    };
    let (mut recording, end) = match recorded {
        Ok(recorded) => recorded,
        Err(error) => {
            output.leave_nothing();
            writeln!(err, "poolkeeper: {}", printable(&error.to_string()))?;
            return Ok(exit_code(&error));
        }
    };
    if !arguments.command.is_empty() {
        // As it was typed, whatever the process became.
        let words = arguments.command.iter();
        let words = words.map(|word| word.to_string_lossy().into_owned());
        recording.command = words.collect();
    }
    let verdict = Verdict::of(&recording);
    let is_written = deliver(&recording, &verdict, end.as_ref(), &output, format, err);
    let code = match end {
        Some(end) => end.code(),
        None if is_written => EXIT_OK,
        None => EXIT_FAILED,
    };
    if !arguments.strict || code != EXIT_OK || verdict.causes.is_empty() {
        return Ok(code);
    }
    let codes: Vec<&str> = verdict.causes.iter().map(Cause::code).collect();
    let found = codes.join(", ");
    writeln!(
        err,
        "poolkeeper: --strict: {found}: exit code {EXIT_FINDINGS}"
    )?;
    Ok(EXIT_FINDINGS)
}

/// What is to be written to a file of this name.
fn format(path: &Path, as_json: bool) -> Result<Format, String> {
    let shown = path.display();
    if path.as_os_str() == "-" {
        return Err("standard output is the program's own: -o names a file".to_owned());
    }
    if path == Path::new("/dev/null") {
        return Ok(Format::Html);
    }
    let end = path.extension().unwrap_or_default().to_ascii_lowercase();
    match end.to_str() {
        Some("json") => Ok(Format::Json),
        Some("html" | "htm" | "svg") if as_json => Err(format!(
            "--json writes numbers, and {shown} is the name of a page or a picture: -o names a \
             file that ends in .json"
        )),
        Some("html" | "htm") => Ok(Format::Html),
        Some("svg") => Ok(Format::Svg),
        _ => Err(format!(
            "{shown} must end in .html for a page, in .svg for the picture, or in .json for the \
             numbers"
        )),
    }
}

/// The file to write, which is tried before a program of hours.
struct Output<'a> {
    path: &'a Path,
    was_there: bool,
}

impl<'a> Output<'a> {
    fn new(path: &'a Path) -> io::Result<Self> {
        let was_there = path.exists();
        let opened = OpenOptions::new().append(true).create(true).open(path);
        opened.map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("can't write {}: {error}", path.display()),
            )
        })?;
        Ok(Output { path, was_there })
    }

    /// There was nothing to record: what is empty is not left behind.
    fn leave_nothing(&self) {
        if !self.was_there {
            let _ = std::fs::remove_file(self.path);
        }
    }
}

/// Writes the recording, and says what it means; whether the file is there. The
/// program has run, and its exit code is what counts.
fn deliver(
    recording: &Recording,
    verdict: &Verdict,
    end: Option<&End>,
    output: &Output<'_>,
    format: Format,
    err: &mut dyn Write,
) -> bool {
    let said = end.and_then(words::end);
    let written = match format {
        Format::Html => page::page(recording, verdict, said.as_deref()),
        Format::Svg => svg::picture(recording, verdict, said.as_deref()),
        Format::Json => format!("{:#}\n", json::json(recording, verdict, end)),
    };
    let written = std::fs::write(output.path, written);
    let look = Look::of_stream(io::stderr().is_terminal());
    let mut text = text::summary(recording, verdict, said.as_deref(), look);
    text += &text::file(output.path, &written);
    let _ = err.write_all(text.as_bytes());
    written.is_ok()
}

fn exit_code(error: &Error) -> i32 {
    match error {
        Error::CannotRun {
            is_missing: true, ..
        } => EXIT_NOT_FOUND,
        Error::CannotRun { .. } => EXIT_NOT_EXECUTABLE,
        _ => EXIT_FAILED,
    }
}
