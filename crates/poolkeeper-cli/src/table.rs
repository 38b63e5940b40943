//! The table of pools: 80 columns wide, two lines a pool.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Row, Table, Width};
use poolkeeper::Pool;
use std::fmt::{Display, Write};
use std::path::Path;

const WIDTH: usize = 80;
const UNKNOWN: &str = "?";
const HEADINGS: [&str; 8] = [
    "pool", "level", "threads", "max", "capacity", "reach", "version", "layer",
];
/// Columns that hold numbers.
const NUMBERS: [usize; 3] = [2, 3, 4];

/// Lays pools out as a table that fits 80 columns: a line of facts and a line
/// with the file for each. What is not known is written `?`.
///
/// # Examples
///
/// ```
/// let table = poolkeeper_cli::pools_table(&[]);
/// assert!(table.starts_with("No native thread pools"));
/// ```
pub fn pools_table(pools: &[Pool]) -> String {
    if pools.is_empty() {
        return "No native thread pools are loaded. Import (or load) the libraries first.\n"
            .to_owned();
    }
    let rows = facts(pools);
    let mut lines = rows.lines();
    let mut text = String::new();
    let _ = writeln!(text, "{}", lines.next().unwrap_or_default().trim_end());
    for (line, pool) in lines.zip(pools) {
        let _ = writeln!(text, "{}", line.trim_end());
        let _ = writeln!(text, "  {}", shorten(&pool.filepath, WIDTH - 2));
    }
    if rows.contains(UNKNOWN) {
        let _ = writeln!(text, "{UNKNOWN} = not known");
    }
    text
}

/// The lines of facts alone, a line each.
fn facts(pools: &[Pool]) -> String {
    let rows = pools.iter().map(|pool| {
        let mut row = Row::from(cells(pool));
        row.max_height(1);
        row
    });
    lay_out(&HEADINGS, rows, &NUMBERS)
}

/// Columns two blanks apart in at most 80 columns; those in `numbers` are
/// aligned to the right.
pub(crate) fn columns(headings: &[&str], rows: &[Vec<String>], numbers: &[usize]) -> String {
    let text = lay_out(headings, rows.iter().map(Row::from), numbers);
    let lines = text.lines().map(|line| line.trim_end().to_owned() + "\n");
    lines.collect()
}

fn lay_out(headings: &[&str], rows: impl Iterator<Item = Row>, numbers: &[usize]) -> String {
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH as u16);
    table.set_header(headings).set_truncation_indicator("~");
    table.add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if index + 1 < headings.len() { 2 } else { 0 }));
        if numbers.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let least = headings[index].len() as u16 + 2;
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(least)));
    }
    table.to_string()
}

fn cells(pool: &Pool) -> [String; 8] {
    [
        pool.runtime.to_owned(),
        pool.level.to_string(),
        or_unknown(pool.num_threads),
        or_unknown(pool.max_threads),
        or_unknown(pool.capacity),
        pool.reach.to_string(),
        or_unknown(pool.version.as_deref()),
        or_unknown(pool.threading_layer.as_deref()),
    ]
}

fn or_unknown(value: Option<impl Display>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |value| value.to_string())
}

/// The end of a path says most: cuts at its beginning. ASCII, for terminals in
/// any encoding.
pub(crate) fn shorten(path: &Path, width: usize) -> String {
    let text = printable(&path.display().to_string());
    let length = text.chars().count();
    if length <= width {
        return text;
    }
    let tail: String = text.chars().skip(length - (width - 3)).collect();
    format!(
        "...{}",
        tail.find('/').map_or(tail.as_str(), |slash| &tail[slash..])
    )
}

/// Text on one line that can't steer a terminal.
pub(crate) fn printable(line: &str) -> String {
    let mut text = String::new();
    for character in line.chars() {
        if character.is_control() {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_keeps_its_end() {
        let path = format!(
            "/{}/numpy.libs/libscipy_openblas64_-32a4b2a6.so",
            "x".repeat(80)
        );
        let short = shorten(Path::new(&path), 60);
        assert_eq!(short, ".../numpy.libs/libscipy_openblas64_-32a4b2a6.so");
        assert_eq!(shorten(Path::new("/a/b"), 60), "/a/b");
    }
}
