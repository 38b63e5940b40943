//! Who reads the text: how wide it may be, and whether it has colours.

use std::env;

/// Columns where nobody says how many there are: a file, a pipe, a notebook.
const USUAL_WIDTH: usize = 80;
/// No terminal is taken to be narrower: a table needs some room.
const LEAST_WIDTH: usize = 40;
/// Sentences are read best in lines that are no longer, however wide the
/// terminal is; tables and paths use all of it.
const LONGEST_LINE: usize = 80;

/// How text is laid out for who reads it.
///
/// # Examples
///
/// ```
/// use poolkeeper_cli::Look;
/// assert_eq!(Look::default().width, 80);
/// assert!(!Look::of_stream(false).is_coloured);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Columns that a table may take.
    pub width: usize,
    /// Whether headings and severities have colours.
    pub is_coloured: bool,
}

impl Default for Look {
    fn default() -> Self {
        Look {
            width: USUAL_WIDTH,
            is_coloured: false,
        }
    }
}

impl Look {
    /// For a stream that is a terminal, or isn't one: the width is what `COLUMNS`
    /// says, or the terminal, or 80. Colours are for a terminal whose user has
    /// nothing against them (no-color.org).
    pub fn of_stream(is_terminal: bool) -> Look {
        let columns = env::var("COLUMNS").ok();
        let told = columns.and_then(|value| value.trim().parse().ok());
        let width = told.filter(|width| *width > 0).or_else(|| {
            let (width, _) = is_terminal.then(terminal_size::terminal_size)??;
            Some(usize::from(width.0)).filter(|width| *width > 0)
        });
        Look {
            width: width.unwrap_or(USUAL_WIDTH).max(LEAST_WIDTH),
            is_coloured: is_terminal && !is_unwanted(),
        }
    }

    /// Columns that a sentence may take.
    pub(crate) fn line(self) -> usize {
        self.width.min(LONGEST_LINE)
    }

    /// A heading, or what counts most in a table.
    pub(crate) fn bold(self, text: &str) -> String {
        self.styled("1", text)
    }

    /// Text in a style (ECMA-48, SGR): `"1;31"` is bold and red.
    pub(crate) fn styled(self, style: &str, text: &str) -> String {
        if !self.is_coloured || text.is_empty() {
            return text.to_owned();
        }
        format!("\x1b[{style}m{text}\x1b[0m")
    }
}

/// Whether the user said that colours are unwanted, or has a terminal without.
fn is_unwanted() -> bool {
    env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || env::var_os("TERM").is_some_and(|value| value == "dumb")
}
