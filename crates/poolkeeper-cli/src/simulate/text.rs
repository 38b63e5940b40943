//! The report as text of 80 columns.

use super::judge::{Judged, Used};
use crate::budget::in_lines;
use crate::doctor::{Style, doctor_text};
use crate::table::{columns, printable, shorten};
use poolkeeper_simulate::{End, Observation, Process, signal_meaning};
use std::fmt::Display;

const WIDTH: usize = 80;
const UNKNOWN: &str = "?";

pub(super) fn text(judged: &Judged<'_>, notes: bool) -> String {
    let seen = judged.seen;
    let style = Style {
        notes,
        ..Style::default()
    };
    let mut text = headline(seen);
    text += &labelled("ended", &ended(&seen.end));
    for message in &seen.messages {
        text += &labelled("printed", message);
    }
    if !seen.is_shown {
        return text + "\n" + &in_lines(NOT_SHOWN) + "\n";
    }
    for remark in &seen.remarks {
        text += &labelled("but", remark);
    }
    text += &threads(seen);
    text += &memory(seen);
    text += "\n";
    text += &table(judged);
    text += "\n";
    text += &match &judged.doctor {
        Some(report) => wrapped(&doctor_text(report, style)),
        None => in_lines(NOT_JUDGED) + "\n",
    };
    text += "\n";
    text + &in_lines(HONEST) + "\n"
}

/// A text whose first line may be longer than 80 columns.
fn wrapped(text: &str) -> String {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    format!("{}\n{rest}", in_lines(first))
}

const NOT_JUDGED: &str = "The doctor could not judge this run: the program's libraries could not be \
    loaded a second time to ask them what they are.";

const NOT_SHOWN: &str = "The program saw this machine as it is: it could not be shown another one. \
    It is linked statically, or has more rights than its user (set-user-ID), and nothing can be \
    preloaded into it.";

const HONEST: &str = "Times in this run mean nothing: all threads took turns on this machine's own \
    CPUs. Thread counts, memory and capacities are those of the pretended machine. That nothing \
    crashed proves nothing.";

fn headline(seen: &Observation) -> String {
    let machine = match (seen.machine.cpus(), seen.machine.sockets()) {
        (1, _) => "1 CPU".to_owned(),
        (cpus, 1) => format!("{cpus} CPUs"),
        (cpus, sockets) => format!("{cpus} CPUs in {sockets} sockets"),
    };
    format!("poolkeeper simulate: {machine}\n") + &labelled("ran", &seen.command.join(" "))
}

fn ended(end: &End) -> String {
    match end {
        End::Exited { code: 0 } => "by itself, exit code 0".to_owned(),
        End::Exited { code } => format!("by itself, exit code {code}"),
        End::Killed { signal, name } => {
            format!("killed by {name} ({})", signal_meaning(*signal))
        }
    }
}

fn threads(seen: &Observation) -> String {
    let with_threads = seen
        .processes
        .iter()
        .filter(|process| process.peak_threads > 0);
    let processes: Vec<&Process> = with_threads.collect();
    let Some(most) = processes.iter().map(|process| process.peak_threads).max() else {
        return labelled("threads", "1: the program started none");
    };
    let mut line = format!("{} at once at most", u64::from(most) + 1);
    if processes.len() > 1 {
        line += &format!(" in one of {} processes with several", processes.len());
    }
    let refused: u32 = processes
        .iter()
        .map(|process| process.refused_threads)
        .sum();
    if refused > 0 {
        line += &format!("; the system refused to start {refused}");
    }
    labelled("threads", &line)
}

fn memory(seen: &Observation) -> String {
    let most = |field: fn(&Process) -> Option<u64>| seen.processes.iter().filter_map(field).max();
    let resident = most(|process| process.peak_resident);
    let reserved = most(|process| process.peak_reserved);
    let (Some(resident), Some(reserved)) = (resident, reserved) else {
        return labelled("memory", "not seen: the program ended too soon");
    };
    let line = format!(
        "{} in use at most, {} of addresses reserved",
        in_words(resident),
        in_words(reserved)
    );
    labelled("memory", &line)
}

fn in_words(bytes: u64) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    if mebibytes < 1024.0 {
        return format!("{mebibytes:.0} MiB");
    }
    format!("{:.1} GiB", mebibytes / 1024.0)
}

/// A line and the file for each pool, and for what else started threads.
fn table(judged: &Judged<'_>) -> String {
    let pools = judged
        .pools
        .iter()
        .map(|used| (row(used), &used.pool.filepath));
    let others = judged.others.iter().map(|starter| {
        let cells = ["other", "-", "-", &starter.peak.to_string(), "-", "-"];
        (cells.map(str::to_owned).to_vec(), &starter.path)
    });
    let (rows, files): (Vec<_>, Vec<_>) = pools.chain(others).unzip();
    if rows.is_empty() {
        return "No thread pool was loaded.\n".to_owned();
    }
    let lines = columns(&HEADINGS, &rows, &[2, 3, 4, 5]);
    let mut lines = lines.lines();
    let mut text = format!("{}\n", lines.next().unwrap_or_default());
    for (line, file) in lines.zip(files) {
        text += &format!("{line}\n  {}\n", shorten(file, WIDTH - 2));
    }
    text + "begins = threads of a parallel call as the library begins there\n\
            started = the most threads of its own at once, beside the calling one\n\
            capacity = threads that may call it at once after that\n"
}

const HEADINGS: [&str; 6] = ["pool", "level", "begins", "started", "max", "capacity"];

fn row(used: &Used) -> Vec<String> {
    let pool = &used.pool;
    vec![
        pool.runtime.to_owned(),
        pool.level.to_string(),
        or_unknown(pool.num_threads),
        used.started.to_string(),
        or_unknown(pool.max_threads),
        or_unknown(pool.capacity),
    ]
}

fn or_unknown(value: Option<impl Display>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| value.to_string())
}

fn labelled(label: &str, text: &str) -> String {
    let first = format!("  {label:<9}");
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(&first)
        .subsequent_indent("           ")
        .break_words(false);
    textwrap::fill(&printable(text), options) + "\n"
}
