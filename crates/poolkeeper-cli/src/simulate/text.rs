//! The report as text.

use super::judged::{Judged, Used};
use crate::doctor::{Style, doctor_text};
use crate::look::Look;
use crate::pools::or_unknown;
use crate::table::{self, Kind, Row};
use crate::text::{counted, in_lines, paragraph};
use poolkeeper::printable;
use poolkeeper_simulate::{End, Observation, Process, signal_meaning};

pub(super) fn text(judged: &Judged<'_>, look: Look, notes: bool) -> String {
    let seen = judged.seen;
    let style = Style {
        look,
        notes,
        ..Style::default()
    };
    let mut text = headline(seen, look);
    text += &labelled(look, "ended", &ended(&seen.end));
    for message in &seen.messages {
        text += &labelled(look, "printed", message);
    }
    if !seen.is_shown {
        return text + "\n" + &in_lines(look, NOT_SHOWN) + "\n";
    }
    for remark in &seen.remarks {
        text += &labelled(look, "but", remark);
    }
    text += &threads(seen, look);
    text += &memory(seen, look);
    text += "\n";
    text += &table(judged, look);
    text += "\n";
    text += &match &judged.doctor {
        Some(report) => wrapped(look, &doctor_text(report, style)),
        None => in_lines(look, NOT_JUDGED) + "\n",
    };
    text += "\n";
    text + &in_lines(look, HONEST) + "\n"
}

/// A text whose first line may be too long.
fn wrapped(look: Look, text: &str) -> String {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    format!("{}\n{rest}", in_lines(look, first))
}

const NOT_JUDGED: &str = "poolkeeper doctor: nothing was judged: the program's libraries could not be \
    loaded a second time to ask them what they are.";

const NOT_SHOWN: &str = "The program saw this machine as it is: it could not be shown another one. \
    It is linked statically, has more rights than its user (set-user-ID), or does not start with a \
    library preloaded: what it printed says so then.";

const HONEST: &str = "Times in this run mean nothing: all threads took turns on this machine's own \
    CPUs. Thread counts, memory and capacities are those of the pretended machine. That nothing \
    crashed proves nothing.";

fn headline(seen: &Observation, look: Look) -> String {
    let machine = match (seen.machine.cpus(), seen.machine.sockets()) {
        (cpus, 1) => counted(cpus as usize, "CPU"),
        (cpus, sockets) => format!("{cpus} CPUs in {sockets} sockets"),
    };
    format!("poolkeeper simulate: {machine}\n") + &labelled(look, "ran", &seen.command.join(" "))
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

fn threads(seen: &Observation, look: Look) -> String {
    let with_threads = seen
        .processes
        .iter()
        .filter(|process| process.peak_threads > 0);
    let processes: Vec<&Process> = with_threads.collect();
    let Some(most) = processes.iter().map(|process| process.peak_threads).max() else {
        return labelled(look, "threads", "1: the program started none");
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
    labelled(look, "threads", &line)
}

fn memory(seen: &Observation, look: Look) -> String {
    let most = |field: fn(&Process) -> Option<u64>| seen.processes.iter().filter_map(field).max();
    let resident = most(|process| process.peak_resident);
    let reserved = most(|process| process.peak_reserved);
    let (Some(resident), Some(reserved)) = (resident, reserved) else {
        return labelled(look, "memory", "not seen: the program ended too soon");
    };
    let line = format!(
        "{} in use at most, {} of addresses reserved",
        in_words(resident),
        in_words(reserved)
    );
    labelled(look, "memory", &line)
}

fn in_words(bytes: u64) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    if mebibytes < 1024.0 {
        return format!("{mebibytes:.0} MiB");
    }
    format!("{:.1} GiB", mebibytes / 1024.0)
}

/// A line and the file for each pool, and for what else started threads.
fn table(judged: &Judged<'_>, look: Look) -> String {
    let pools = judged.pools.iter().map(row);
    let others = judged.others.iter().map(|starter| {
        let cells = ["other", "-", "-", &starter.peak.to_string(), "-", "-"];
        Row {
            cells: cells.map(str::to_owned).to_vec(),
            file: Some(starter.path.clone()),
            ..Row::default()
        }
    });
    let rows: Vec<Row> = pools.chain(others).collect();
    if rows.is_empty() {
        return "No thread pool was loaded.\n".to_owned();
    }
    let text = table::table(look, &COLUMNS, &rows);
    text + "begins = threads of a parallel call as the library begins there\n\
            started = the most threads of its own at once, beside the calling one\n\
            capacity = threads that may call it at once after that\n"
}

const COLUMNS: [(&str, Kind); 6] = [
    ("pool", Kind::Text),
    ("level", Kind::Text),
    ("begins", Kind::Number),
    ("started", Kind::Number),
    ("max", Kind::Number),
    ("capacity", Kind::Number),
];

fn row(used: &Used) -> Row {
    let pool = &used.pool;
    let cells = [
        pool.runtime.to_owned(),
        pool.level.to_string(),
        or_unknown(pool.num_threads),
        used.started.to_string(),
        or_unknown(pool.max_threads),
        or_unknown(pool.capacity),
    ];
    Row {
        cells: cells.to_vec(),
        file: Some(pool.filepath.clone()),
        ..Row::default()
    }
}

fn labelled(look: Look, label: &str, text: &str) -> String {
    let first = format!("  {label:<9}");
    paragraph(look, &printable(text), &first, "           ")
}
