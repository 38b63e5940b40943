//! The table of pools: two lines a pool.

use crate::look::Look;
use crate::table::{Kind, Row, table};
use poolkeeper::Pool;
use std::fmt::Display;

const UNKNOWN: &str = "?";
const COLUMNS: [(&str, Kind); 8] = [
    ("pool", Kind::Text),
    ("level", Kind::Text),
    ("threads", Kind::Number),
    ("max", Kind::Number),
    ("capacity", Kind::Number),
    ("reach", Kind::Text),
    ("version", Kind::Text),
    ("layer", Kind::Text),
];

/// Lays pools out as a table: a line of facts and a line with the file for each.
/// What is not known is written `?`.
///
/// # Examples
///
/// ```
/// let table = poolkeeper_cli::pools_table(&[], Default::default());
/// assert!(table.starts_with("No native thread pools"));
/// ```
pub fn pools_table(pools: &[Pool], look: Look) -> String {
    if let Some(reason) = poolkeeper::unsupported() {
        return format!("No native thread pools: {reason}.\n");
    }
    if pools.is_empty() {
        return "No native thread pools are loaded. Import (or load) the libraries first.\n"
            .to_owned();
    }
    let rows: Vec<Row> = pools.iter().map(row).collect();
    let mut text = table(look, &COLUMNS, &rows);
    let mut cells = rows.iter().flat_map(|row| &row.cells);
    if cells.any(|cell| cell == UNKNOWN) {
        text += &format!("{UNKNOWN} = not known\n");
    }
    text
}

fn row(pool: &Pool) -> Row {
    let cells = [
        pool.runtime.to_owned(),
        pool.level.to_string(),
        or_unknown(pool.num_threads),
        or_unknown(pool.max_threads),
        or_unknown(pool.capacity),
        pool.reach.to_string(),
        or_unknown(pool.version.as_deref()),
        or_unknown(pool.threading_layer.as_deref()),
    ];
    Row {
        cells: cells.to_vec(),
        file: Some(pool.filepath.clone()),
        is_marked: false,
    }
}

/// A value, or that it isn't known.
pub(crate) fn or_unknown(value: Option<impl Display>) -> String {
    value.map_or_else(
        || UNKNOWN.to_owned(),
        |value| poolkeeper::printable(&value.to_string()).into_owned(),
    )
}
