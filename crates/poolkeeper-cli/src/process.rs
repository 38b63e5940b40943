//! `info --pid`: another process, its pools, its threads and its budget.

use crate::budget::{as_json, sentence};
use crate::exit::{EXIT_FAILED, EXIT_OK};
use crate::load::warn;
use crate::look::Look;
use crate::pools::pools_table;
use crate::table::{Kind, Row, table};
use crate::text::in_lines;
use crate::words;
use poolkeeper::printable;
use poolkeeper::usage::{Owner, Seen, SeenThreads, see};
use serde_json::{Value, json};
use std::io::{self, Write};

const COLUMNS: [(&str, Kind); 4] = [
    ("threads of", Kind::Text),
    ("threads", Kind::Number),
    ("runnable", Kind::Number),
    ("file", Kind::Path),
];

/// Shows a process; what can't be seen of it is said, and the rest is shown.
pub(crate) fn process(
    pid: u32,
    as_json: bool,
    look: Look,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<i32> {
    let seen = match see(pid) {
        Ok(seen) => seen,
        Err(error) => {
            writeln!(err, "poolkeeper: {}", printable(&error.to_string()))?;
            return Ok(EXIT_FAILED);
        }
    };
    if as_json {
        writeln!(out, "{:#}", json(&seen)?)?;
    } else {
        write!(out, "{}", text(&seen, look))?;
    }
    for what in &seen.unseen {
        warn(err, &format!("not seen: {}", printable(what)))?;
    }
    Ok(if seen.unseen.is_empty() {
        EXIT_OK
    } else {
        EXIT_FAILED
    })
}

fn text(seen: &Seen, look: Look) -> String {
    let command = match seen.command.as_slice() {
        [] => printable(&seen.name).into_owned(),
        words => words::command(words),
    };
    let title = format!("process {}: {command}", seen.pid);
    let mut text = look.bold(&in_lines(look, &title)) + "\n";
    if let Some(budget) = &seen.budget {
        text += &in_lines(look, &sentence(budget));
        text.push('\n');
    }
    text.push('\n');
    if !seen.pools.is_empty() {
        text += &pools_table(&seen.pools, look);
        text.push('\n');
    } else if seen.unseen.is_empty() {
        text += "It has loaded no native thread pools.\n\n";
    }
    let rows: Vec<Row> = seen.threads.iter().map(row).collect();
    text + &table(look, &COLUMNS, &rows)
}

fn row(threads: &SeenThreads) -> Row {
    let file = match &threads.owner {
        Owner::Pool { filepath, .. } => filepath.to_string_lossy().into_owned(),
        Owner::Library(file) => file.to_string_lossy().into_owned(),
        _ => String::new(),
    };
    vec![
        words::name(&threads.owner),
        threads.count.to_string(),
        threads.runnable.to_string(),
        file,
    ]
    .into()
}

fn json(seen: &Seen) -> serde_json::Result<Value> {
    let threads = seen.threads.iter().map(|threads| {
        let mut value = words::owner_as_json(&threads.owner);
        value["threads"] = threads.count.into();
        value["runnable"] = threads.runnable.into();
        value
    });
    Ok(json!({
        "pid": seen.pid,
        "name": seen.name,
        "command": seen.command,
        "budget": seen.budget.as_ref().map(as_json).transpose()?,
        "pools": serde_json::to_value(&seen.pools)?,
        "threads": threads.collect::<Vec<_>>(),
        "unseen": seen.unseen,
    }))
}
