//! Tables in the width that there is.
//!
//! Columns stand two blanks apart. Where a row does not fit, its texts go on in
//! the next line, between words; a path is cut at its beginning; and where even
//! that is too wide, the last columns go below the row, each with its name. A
//! word is never broken.

use crate::look::Look;
use crate::text::{paragraph, shorten};
use std::path::{Path, PathBuf};
use textwrap::core::display_width;
use textwrap::{Options, WordSplitter};

/// Blanks between two columns.
const GAP: usize = 2;
/// A path in a column is not cut to less.
const LEAST_PATH: usize = 24;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Words, on several lines if need be.
    Text,
    /// A number, aligned to the right.
    Number,
    /// A path, whole if there is room.
    Path,
}

/// A row, and what stands in a line of its own under it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) cells: Vec<String>,
    /// The file that the row is about.
    pub(crate) file: Option<PathBuf>,
    /// Whether the row counts most.
    pub(crate) is_marked: bool,
}

impl From<Vec<String>> for Row {
    fn from(cells: Vec<String>) -> Self {
        Row {
            cells,
            ..Row::default()
        }
    }
}

/// Lays out rows under their headings.
pub(crate) fn table(look: Look, columns: &[(&str, Kind)], rows: &[Row]) -> String {
    let layout = Layout::new(look.width, columns, rows);
    let headings: Vec<&str> = columns.iter().map(|(heading, _)| *heading).collect();
    let mut text = String::new();
    for line in layout.lines(&headings) {
        text += &look.bold(&line);
        text.push('\n');
    }
    for row in rows {
        let cells: Vec<&str> = row.cells.iter().map(String::as_str).collect();
        for line in layout.lines(&cells) {
            text += &if row.is_marked {
                look.bold(&line)
            } else {
                line
            };
            text.push('\n');
        }
        text += &layout.below(look, &cells);
        if let Some(file) = &row.file {
            text += &format!("  {}\n", shorten(file, look.width - 2));
        }
    }
    text
}

/// Which columns stand side by side, and how wide each is.
struct Layout<'a> {
    columns: &'a [(&'a str, Kind)],
    widths: Vec<usize>,
}

impl<'a> Layout<'a> {
    fn new(width: usize, columns: &'a [(&'a str, Kind)], rows: &[Row]) -> Self {
        let natural = measure(columns, rows, display_width);
        let longest_word = |cell: &str| cell.split(' ').map(display_width).max().unwrap_or(0);
        let words = measure(columns, rows, longest_word);
        let least: Vec<usize> = std::iter::zip(columns, std::iter::zip(&natural, &words))
            .map(|((_, kind), (natural, word))| match kind {
                Kind::Text => *word,
                Kind::Number => *natural,
                Kind::Path => (*natural).min(LEAST_PATH),
            })
            .collect();
        let mut side_by_side = columns.len();
        while side_by_side > 1 && with_gaps(&least[..side_by_side]) > width {
            side_by_side -= 1;
        }
        Layout {
            columns,
            widths: shared(&natural[..side_by_side], &least[..side_by_side], width),
        }
    }

    /// The lines of a row's columns that stand side by side.
    fn lines(&self, cells: &[&str]) -> Vec<String> {
        let columns = std::iter::zip(self.columns, &self.widths);
        let wrapped: Vec<Vec<String>> = std::iter::zip(cells, columns)
            .map(|(cell, ((_, kind), width))| in_column(cell, *kind, *width))
            .collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        (0..height).map(|line| self.line(&wrapped, line)).collect()
    }

    fn line(&self, wrapped: &[Vec<String>], line: usize) -> String {
        let mut text = String::new();
        for (index, (cell, width)) in std::iter::zip(wrapped, &self.widths).enumerate() {
            let cell = cell.get(line).map_or("", String::as_str);
            let blanks = " ".repeat(width.saturating_sub(display_width(cell)));
            text += &match self.columns[index].1 {
                Kind::Number => blanks + cell,
                Kind::Text | Kind::Path => cell.to_owned() + &blanks,
            };
            text += &" ".repeat(GAP);
        }
        text.trim_end().to_owned()
    }

    /// The columns that don't stand side by side with the others.
    fn below(&self, look: Look, cells: &[&str]) -> String {
        let side_by_side = self.widths.len();
        let columns = self.columns.iter().zip(cells).skip(side_by_side);
        let cells = columns.filter(|(_, cell)| !cell.is_empty());
        let lines = cells.map(|((heading, kind), cell)| match kind {
            Kind::Path => {
                let room = look.width - 6 - display_width(heading);
                format!("    {heading}: {}\n", shorten(Path::new(cell), room))
            }
            _ => paragraph(look, cell, &format!("    {heading}: "), "      "),
        });
        lines.collect()
    }
}

/// For each column the largest of what a function says of its heading and cells.
fn measure(columns: &[(&str, Kind)], rows: &[Row], of: impl Fn(&str) -> usize) -> Vec<usize> {
    let column = |(index, (heading, _)): (usize, &(&str, Kind))| {
        let cells = rows.iter().filter_map(|row| row.cells.get(index));
        let largest = cells.map(|cell| of(cell)).max().unwrap_or(0);
        largest.max(of(heading))
    };
    columns.iter().enumerate().map(column).collect()
}

fn with_gaps(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

/// The width of each column: what it wants, but those that want most give way.
fn shared(natural: &[usize], least: &[usize], width: usize) -> Vec<usize> {
    let capped = |cap: usize| -> Vec<usize> {
        let pairs = std::iter::zip(natural, least);
        pairs
            .map(|(natural, least)| (*natural).min(cap.max(*least)))
            .collect()
    };
    let fits = |cap: &usize| with_gaps(&capped(*cap)) <= width;
    let most = natural.iter().copied().max().unwrap_or(0);
    capped((0..=most).rev().find(fits).unwrap_or(0))
}

/// A cell in lines of a column's width.
fn in_column(cell: &str, kind: Kind, width: usize) -> Vec<String> {
    if kind == Kind::Path {
        return vec![shorten(Path::new(cell), width)];
    }
    let options = Options::new(width)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation);
    let lines = textwrap::wrap(cell, options).into_iter();
    lines.map(|line| line.into_owned()).collect()
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
