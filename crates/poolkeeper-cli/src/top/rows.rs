//! Processes and their pools as rows: which are shown, in which order, and what
//! stands in them.

use crate::words;
use clap::ValueEnum;
use poolkeeper::printable;
use poolkeeper::usage::{LiveOwner, LiveProcess};
use std::cmp::Reverse;

/// A program wants too much where it wants so much more than its budget: a quarter more,
/// and half a CPU.
const BEYOND: (f64, f64) = (0.25, 0.5);

/// What is on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// What uses most CPUs
    Cpu,
    /// What waits most for a CPU
    Waiting,
    /// What has most threads
    Threads,
    /// The lowest number of a process
    Pid,
    /// The first in the alphabet
    Name,
}

impl Sort {
    pub(super) const ALL: [Sort; 5] = [
        Sort::Cpu,
        Sort::Waiting,
        Sort::Threads,
        Sort::Pid,
        Sort::Name,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Sort::Cpu => "CPU",
            Sort::Waiting => "waiting",
            Sort::Threads => "threads",
            Sort::Pid => "PID",
            Sort::Name => "name",
        }
    }
}

/// What tells a row from others: a process, or a pool or other owner in it.
pub(super) type Key = (u32, Option<String>);

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) key: Key,
    /// The number of a process; nothing for what is in it.
    pub(super) pid: String,
    pub(super) what: String,
    /// CPUs that a process may use, or threads of a pool.
    pub(super) limit: String,
    pub(super) threads: usize,
    pub(super) working: usize,
    pub(super) waited: f64,
    pub(super) ran: f64,
    /// The CPUs that its history is drawn against.
    pub(super) most: f64,
    /// Whether it wants more CPUs than it may use.
    pub(super) is_crowded: bool,
}

/// The processes that are shown, in their order. A filter is a part of the command, of
/// the number, or of the name of a pool.
pub(super) fn chosen<'a>(
    processes: &'a [LiveProcess],
    sort: Sort,
    is_reversed: bool,
    filter: &str,
) -> Vec<&'a LiveProcess> {
    let wanted = filter.to_lowercase();
    let is_chosen = |one: &&LiveProcess| wanted.is_empty() || holds(one, &wanted);
    let mut those: Vec<&LiveProcess> = processes.iter().filter(is_chosen).collect();
    // Hundredths, so that what does next to nothing does not change places.
    let hundredths = |value: f64| Reverse((value * 100.0).round() as i64);
    match sort {
        Sort::Cpu => {
            those.sort_by_key(|one| (hundredths(one.ran), hundredths(one.waited), one.pid))
        }
        Sort::Waiting => {
            those.sort_by_key(|one| (hundredths(one.waited), hundredths(one.ran), one.pid));
        }
        Sort::Threads => those.sort_by_key(|one| (Reverse(one.threads), one.pid)),
        Sort::Pid => those.sort_by_key(|one| one.pid),
        Sort::Name => those.sort_by_cached_key(|one| (title(one).to_lowercase(), one.pid)),
    }
    if is_reversed {
        those.reverse();
    }
    those
}

fn holds(process: &LiveProcess, wanted: &str) -> bool {
    let names = process.owners.iter().map(|owner| words::name(&owner.owner));
    title(process).to_lowercase().contains(wanted)
        || process.pid.to_string().contains(wanted)
        || names
            .into_iter()
            .any(|name| name.to_lowercase().contains(wanted))
}

/// The command of a process; its name where that can't be read.
pub(super) fn title(process: &LiveProcess) -> String {
    if process.command.is_empty() {
        return printable(&process.name).into_owned();
    }
    // The folder of a program says little, and takes the room of its arguments.
    let mut command = process.command.clone();
    if let Some(name) = command[0]
        .rsplit('/')
        .next()
        .filter(|name| !name.is_empty())
    {
        command[0] = name.to_owned();
    }
    printable(&command.join(" ")).into_owned()
}

/// The row of a process. `cpus` are those of the machine.
pub(super) fn of_process(process: &LiveProcess, cpus: u32) -> Row {
    let most = process.budget.unwrap_or(f64::from(cpus)).max(0.01);
    Row {
        key: (process.pid, None),
        pid: process.pid.to_string(),
        what: title(process),
        limit: process.budget.map_or_else(String::new, number),
        threads: process.threads,
        working: process.working,
        waited: process.waited,
        ran: process.ran,
        most,
        is_crowded: process.ran + process.waited > most + (BEYOND.0 * most).max(BEYOND.1),
    }
}

/// The rows of what is in a process, those that want most first.
pub(super) fn of_owners(process: &LiveProcess, cpus: u32) -> Vec<Row> {
    let whole = of_process(process, cpus);
    let mut owners: Vec<(usize, &LiveOwner)> = process.owners.iter().enumerate().collect();
    let wanted = |owner: &LiveOwner| ((owner.ran + owner.waited) * 100.0).round() as i64;
    owners.sort_by_key(|(place, owner)| (Reverse(wanted(owner)), Reverse(owner.threads), *place));
    let row = |(place, owner): (usize, &LiveOwner)| {
        let name = words::name(&owner.owner);
        Row {
            // Two copies of one library have one name.
            key: (process.pid, Some(format!("{name} {place}"))),
            pid: String::new(),
            limit: owner
                .limit
                .map_or_else(String::new, |limit| limit.to_string()),
            threads: owner.threads,
            working: owner.working,
            waited: owner.waited,
            ran: owner.ran,
            most: whole.most,
            is_crowded: whole.is_crowded && owner.waited >= BEYOND.1,
            what: name,
        }
    };
    owners.into_iter().map(row).collect()
}

/// "2", "1.5".
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// CPUs or threads that were measured: "0", "0.03", "1.9", "12".
pub(super) fn measured(value: f64) -> String {
    match value {
        value if value < 0.005 => "0".to_owned(),
        value if value < 0.995 => format!("{value:.2}"),
        value if value < 99.95 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}
