//! `cpus` and `split`: the budget, and the budget divided.

use crate::exit::EXIT_OK;
use crate::levels::{LevelArgs, any_number, divide, levels};
use crate::look::Look;
use crate::table::{Kind, Row, table};
use crate::text::{counted, in_lines};
use crate::variables;
use clap::Args;
use poolkeeper::budget::{
    Budget, Levels, Source, SourceKind, SourceStatus, Split, budget, budget_of, written,
};
use poolkeeper::printable;
use std::fmt::Write as _;
use std::io::{self, Write};

const CPUS_EXAMPLES: &str = "Examples:
  poolkeeper cpus                every source, the deciding one marked
  poolkeeper cpus --json | jq .cpus
  poolkeeper cpus --pid 4242     of another process
  poolkeeper cpus --variables    which variables count, and what they mean";

const SPLIT_EXAMPLES: &str = "Examples:
  poolkeeper split                    all of it to OpenMP, one thread per BLAS call
  poolkeeper split --processes 4      four workers; the first have the remainder
  poolkeeper split --openmp 4         BLAS gets what is left
  poolkeeper split --in-turn          OpenMP and BLAS take turns: all to each

In Python: poolkeeper.split(processes=4).";

#[derive(Args)]
#[command(after_help = CPUS_EXAMPLES)]
pub(crate) struct Cpus {
    /// Show the CPUs of another process, by its number
    #[arg(long, value_name = "PID")]
    pub(crate) pid: Option<u32>,
    /// Every variable that counts: who sets it, and what it means
    #[arg(long, conflicts_with = "pid")]
    pub(crate) variables: bool,
    /// Write that table as Markdown
    #[arg(long, requires = "variables", conflicts_with = "json")]
    pub(crate) markdown: bool,
    /// Write JSON, with every field
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
#[command(after_help = SPLIT_EXAMPLES)]
pub(crate) struct SplitArgs {
    #[command(flatten)]
    pub(crate) levels: LevelArgs,
    /// OpenMP and BLAS take turns: each may have the whole share
    #[arg(long)]
    pub(crate) in_turn: bool,
    /// Write JSON
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn cpus(arguments: &Cpus, look: Look, out: &mut dyn Write) -> io::Result<i32> {
    if arguments.variables {
        let text = match arguments {
            Cpus { markdown: true, .. } => variables::markdown(),
            Cpus { json: true, .. } => format!("{:#}\n", variables::as_json()),
            _ => variables::text(look),
        };
        write!(out, "{text}")?;
        return Ok(EXIT_OK);
    }
    let budget = match arguments.pid {
        Some(pid) => budget_of(pid),
        None => budget(),
    };
    let budget = budget.map_err(io::Error::other)?;
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&as_json(&budget)?)?)?;
    } else {
        write!(out, "{}", budget_table(&budget, look))?;
    }
    Ok(EXIT_OK)
}

/// The budget with the note of each source beside its status.
pub(crate) fn as_json(budget: &Budget) -> serde_json::Result<serde_json::Value> {
    let mut value = serde_json::to_value(budget)?;
    let notes = budget.sources.iter().map(Source::note);
    for (index, note) in notes.enumerate() {
        value["sources"][index]["note"] = note.into();
    }
    Ok(value)
}

/// Lays a budget out as text, the deciding source marked.
///
/// # Examples
///
/// ```
/// let budget = poolkeeper::budget::budget()?;
/// assert!(poolkeeper_cli::budget_table(&budget, Default::default()).contains("* "));
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn budget_table(budget: &Budget, look: Look) -> String {
    let mut text = in_lines(look, &sentence(budget));
    let rows: Vec<Row> = budget.sources.iter().map(row).collect();
    text += "\n\n";
    text += &table(look, &SOURCES, &rows);
    text += "* decides\n";
    for source in budget.unknown() {
        text += &in_lines(look, &not_known(source));
        text.push('\n');
    }
    if let Some(cores) = budget.physical_cores {
        let _ = write!(text, "physical cores: {cores}");
        if let Some(fast) = budget.performance_cores {
            let _ = write!(text, ", {fast} of them performance cores");
        }
        text.push('\n');
    }
    text
}

/// "2 CPUs, says the affinity mask: ...".
pub(crate) fn sentence(budget: &Budget) -> String {
    let deciding = budget.deciding();
    format!("{}, says the {}", amount(budget), reader(deciding))
}

/// "2 CPUs" or "1 CPU (1.50, rounded down)".
fn amount(budget: &Budget) -> String {
    let whole = counted(budget.cpus as usize, "CPU");
    if budget.exact == f64::from(budget.cpus) {
        return whole;
    }
    let how = if budget.exact < 1.0 {
        "at least one"
    } else {
        "rounded down"
    };
    format!("{whole} ({}, {how})", written(budget.exact))
}

/// Who says it, and where.
pub(crate) fn reader(source: &Source) -> String {
    format!("{}: {}", described(source), printable(&source.place))
}

fn described(source: &Source) -> &'static str {
    match source.kind {
        SourceKind::Worker => "worker's share",
        SourceKind::Override | SourceKind::User => "user",
        SourceKind::Scheduler => "batch scheduler",
        SourceKind::Platform => "platform",
        SourceKind::Launcher => "launcher",
        SourceKind::Quota => "container's (cgroup's) quota",
        SourceKind::Cpuset => "container's (cgroup's) set of CPUs",
        SourceKind::Affinity => "affinity mask",
        _ => "machine",
    }
}

const SOURCES: [(&str, Kind); 5] = [
    ("", Kind::Text),
    ("source", Kind::Text),
    ("CPUs", Kind::Number),
    ("read from", Kind::Path),
    ("value", Kind::Text),
];

/// What a source that could not be seen leaves open.
pub(crate) fn not_known(source: &Source) -> String {
    let note = printable(source.note().unwrap_or_default());
    format!(
        "the CPUs may be fewer: {}: {note}.",
        printable(&source.place)
    )
}

fn row(source: &Source) -> Row {
    let decides = matches!(source.status, SourceStatus::Decides);
    let mark = if decides { "*" } else { "" };
    let cpus = source.cpus.map_or_else(|| "-".to_owned(), written);
    let value = match source.note() {
        Some(note) if source.value.is_empty() => format!("({note})"),
        Some(note) => format!("{} ({note})", source.value),
        None => source.value.clone(),
    };
    let place = source.place.clone();
    let cells = [mark.to_owned(), source.kind.to_string(), cpus, place, value];
    Row {
        cells: cells.map(|cell| printable(&cell).into_owned()).to_vec(),
        is_marked: decides,
        ..Row::default()
    }
}

pub(crate) fn split(arguments: &SplitArgs, look: Look, out: &mut dyn Write) -> io::Result<i32> {
    let levels = Levels {
        nested: !arguments.in_turn,
        ..levels(&arguments.levels)
    };
    let split = divide(any_number(arguments.levels.cpus)?, &levels)?;
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&split)?)?;
    } else {
        write!(out, "{}", split_table(&split, look))?;
    }
    Ok(EXIT_OK)
}

const WORKERS: [(&str, Kind); 4] = [
    ("worker", Kind::Text),
    ("CPUs", Kind::Number),
    ("openmp", Kind::Number),
    ("blas", Kind::Number),
];

/// Lays a split out as a sentence and a table of workers.
///
/// # Examples
///
/// ```
/// use poolkeeper::budget::{Levels, Split};
/// let levels = Levels { processes: Some(3), ..Levels::default() };
/// let table = poolkeeper_cli::split_table(&Split::new(8, &levels, &[])?, Default::default());
/// assert!(table.contains("0-1"));
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn split_table(split: &Split, look: Look) -> String {
    let mut rows: Vec<Row> = Vec::new();
    let mut first = 0;
    for group in split.workers.chunk_by(|a, b| a == b) {
        let last = first + group.len() - 1;
        let workers = if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        };
        let share = group[0];
        let counts = [share.cpus, share.openmp, share.blas].map(|count| count.to_string());
        rows.push([vec![workers], counts.to_vec()].concat().into());
        first = last + 1;
    }
    let sentence = in_lines(look, &split.to_string());
    let table = table(look, &WORKERS, &rows);
    format!("{sentence}\n\n{table}")
}
