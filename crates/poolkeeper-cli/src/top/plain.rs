//! One look as text or as JSON.

use super::rows::{Row, Sort, chosen, measured, of_owners, of_process};
use crate::look::Look;
use crate::table::{Kind, table};
use crate::text::{counted, in_lines};
use crate::words;
use poolkeeper::usage::{LiveOwner, LiveProcess, View};
use serde_json::{Value, json};

const COLUMNS: [(&str, Kind); 7] = [
    ("PID", Kind::Number),
    ("program", Kind::Path),
    ("limit", Kind::Number),
    ("threads", Kind::Number),
    ("working", Kind::Number),
    ("waiting", Kind::Number),
    ("CPUs", Kind::Number),
];
/// Columns of a program's name.
const NAME: usize = 32;
/// What wants less than this did nothing.
const LEAST: f64 = 0.005;

/// The processes that did something, or all of them, and what is in each.
pub(super) fn text(view: &View, sort: Sort, shows_all: bool, look: Look) -> String {
    let mut rows: Vec<crate::table::Row> = Vec::new();
    let mut quiet = 0;
    for process in chosen(&view.processes, sort, false, "") {
        if !shows_all && process.ran + process.waited < LEAST {
            quiet += 1;
            continue;
        }
        rows.push(cells(of_process(process, view.cpus)));
        let owners = of_owners(process, view.cpus).into_iter();
        rows.extend(owners.map(|row| {
            let what = format!("  {}", row.what);
            cells(Row { what, ..row })
        }));
    }
    let mut text = in_lines(look, &machine(view)) + "\n\n";
    if !rows.is_empty() {
        text += &table(look, &COLUMNS, &rows);
    }
    if quiet > 0 {
        let processes = if quiet == 1 { "process" } else { "processes" };
        text += &format!("{quiet} {processes} did nothing\n");
    }
    text
}

/// "2 CPUs, 1.9 of them busy".
pub(super) fn machine(view: &View) -> String {
    let cpus = counted(view.cpus as usize, "CPU");
    match view.busy {
        Some(busy) => format!("{cpus}, {} busy", measured(busy)),
        None => cpus,
    }
}

fn cells(row: Row) -> crate::table::Row {
    let mut what = row.what;
    if what.chars().count() > NAME {
        what = what.chars().take(NAME - 3).chain("...".chars()).collect();
    }
    vec![
        row.pid,
        what,
        row.limit,
        row.threads.to_string(),
        row.working.to_string(),
        measured(row.waited),
        measured(row.ran),
    ]
    .into()
}

/// Every number of a look.
pub(super) fn json(view: &View, sort: Sort) -> Value {
    let processes = chosen(&view.processes, sort, false, "").into_iter();
    json!({
        "seconds": view.time.as_secs_f64(),
        "machine": { "cpus": view.cpus, "busy": view.busy },
        "processes": processes.map(process).collect::<Vec<_>>(),
    })
}

fn process(process: &LiveProcess) -> Value {
    json!({
        "pid": process.pid,
        "name": process.name,
        "command": process.command,
        "budget": process.budget,
        "threads": process.threads,
        "working": process.working,
        "ran": process.ran,
        "waited": process.waited,
        "owners": process.owners.iter().map(owner).collect::<Vec<_>>(),
        "unseen": process.unseen,
    })
}

fn owner(owner: &LiveOwner) -> Value {
    let mut value = words::owner_as_json(&owner.owner);
    value["limit"] = owner.limit.map(std::num::NonZeroU32::get).into();
    value["threads"] = owner.threads.into();
    value["working"] = owner.working.into();
    value["ran"] = owner.ran.into();
    value["waited"] = owner.waited.into();
    value
}
