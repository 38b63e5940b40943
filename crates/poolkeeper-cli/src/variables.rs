//! `cpus --variables`: the table of what schedulers, launchers, platforms and
//! users set.

use crate::look::Look;
use crate::table::{Kind, Row, table};
use poolkeeper::budget::{Entry, entries};
use serde_json::{Value, json};

const COLUMNS: [(&str, Kind); 4] = [
    ("source", Kind::Text),
    ("variable", Kind::Text),
    ("counts", Kind::Text),
    ("means", Kind::Text),
];

/// For a terminal: the variables of each entry under its name.
pub(crate) fn text(look: Look) -> String {
    let row = |entry: &Entry| {
        let kind = entry.kind;
        let variables = entry.variables.iter();
        variables.map(move |variable| {
            let cells = [kind.name(), variable.name, variable.counts, variable.means];
            Row::from(cells.map(|cell| cell.replace('`', "")).to_vec())
        })
    };
    let rows: Vec<Row> = entries().flat_map(row).collect();
    table(look, &COLUMNS, &rows)
}

/// The table of `docs/guide/budget.md`, word for word.
pub(crate) fn markdown() -> String {
    let mut text = String::from(
        "| set by | source | variable | counts | what it means here | documented in |\n\
         | --- | --- | --- | --- | --- | --- |\n",
    );
    for entry in entries() {
        let mut named = (entry.name, entry.kind.name(), entry.documented);
        for variable in entry.variables {
            let (name, kind, documented) = std::mem::take(&mut named);
            let kind = match kind {
                "" => String::new(),
                kind => format!("`{kind}`"),
            };
            text += &format!(
                "| {name} | {kind} | `{}` | {} | {} | {documented} |\n",
                variable.name, variable.counts, variable.means
            );
        }
    }
    text
}

/// For programs.
pub(crate) fn as_json() -> Value {
    let entry = |entry: &Entry| {
        let variables = entry.variables.iter().map(|variable| {
            json!({
                "name": variable.name,
                "counts": variable.counts,
                "means": variable.means,
            })
        });
        json!({
            "name": entry.name,
            "kind": entry.kind,
            "variables": variables.collect::<Vec<_>>(),
            "beside": entry.beside,
            "documented": entry.documented,
        })
    };
    entries().map(entry).collect()
}
