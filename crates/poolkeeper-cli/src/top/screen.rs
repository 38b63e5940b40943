//! Draws the live screen.

use super::plain::machine;
use super::rows::{Row, measured};
use super::state::State;
use crate::text::counted;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Row as TableRow, Table, TableState};

/// Columns of the history: on a narrow screen, and at most.
const HISTORY: (u16, u16) = (12, 60);
/// Columns of a screen beyond which the history grows.
const USUAL: u16 = 80;

const HELP: [(&str, &str); 10] = [
    (
        "up, down, j, k",
        "choose a row (also PgUp, PgDn, Home, End)",
    ),
    ("Enter, space", "fold or unfold the chosen process"),
    ("e", "fold or unfold every process"),
    ("s", "sort by CPU, waiting, threads, PID, name"),
    ("r", "the other way round"),
    ("/", "show only what has this text; Esc shows all"),
    ("p", "pause, and go on"),
    ("?", "this help"),
    ("q, Esc", "quit"),
    ("", ""),
];
const WORDS: [&str; 6] = [
    "limit    CPUs that a process may use; threads of a pool",
    "threads  that there are",
    "working  threads that ran for 1 % of the time or longer",
    "waiting  threads that were ready and had no CPU, on average",
    "CPUs     that were used, on average",
    "A process that wants more CPUs than it may use is red.",
];

/// How the screen looks: with colours or without, with blocks or in ASCII.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    pub(super) is_coloured: bool,
    pub(super) has_blocks: bool,
}

pub(super) fn draw(frame: &mut Frame<'_>, state: &State, place: &mut TableState, paint: Paint) {
    let [top, middle, bottom] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let rows = state.rows();
    frame.render_widget(head(state, top.width, paint), top);
    place.select((!rows.is_empty()).then_some(state.selected));
    let widths = widths(middle.width);
    let history = widths.last().map_or(0, |width| match width {
        Constraint::Length(width) => usize::from(*width),
        _ => 0,
    });
    let names = [
        "PID", "PROGRAM", "LIMIT", "THREADS", "WORKING", "WAITING", "CPUS", "HISTORY",
    ];
    let lines = rows
        .iter()
        .map(|(row, used)| line(row, used, history, paint));
    let table = Table::new(lines, widths)
        .header(aligned(names.map(str::to_owned)).style(Style::new().add_modifier(Modifier::BOLD)))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    frame.render_stateful_widget(table, middle, place);
    if rows.is_empty() {
        let why = nothing(state);
        let below = Rect {
            y: middle.y + 1.min(middle.height.saturating_sub(1)),
            height: 1.min(middle.height),
            ..middle
        };
        frame.render_widget(Paragraph::new(why), below);
    }
    frame.render_widget(foot(state, rows.len()), bottom);
    if state.is_helping {
        help(frame, paint);
    }
}

fn nothing(state: &State) -> &'static str {
    match &state.view {
        None => "looking ...",
        Some(view) if view.processes.is_empty() => "The process has ended. q quits.",
        Some(_) => "Nothing has this text. Esc shows all.",
    }
}

fn head(state: &State, width: u16, paint: Paint) -> Paragraph<'static> {
    let title = Span::styled("poolkeeper top", Style::new().add_modifier(Modifier::BOLD));
    let Some(view) = &state.view else {
        return Paragraph::new(Line::from(vec![title]));
    };
    let processes = match view.processes.len() {
        1 => "1 process".to_owned(),
        many => format!("{many} processes"),
    };
    let threads = view.processes.iter().map(|one| one.threads).sum();
    let threads = counted(threads, "thread");
    let text = format!("  {}  {processes}, {threads}  ", machine(view));
    let room = usize::from(width).saturating_sub(14 + text.len());
    let history = usize::from(HISTORY.0).min(room);
    let used: Vec<f64> = state.machine.iter().copied().collect();
    let drawn = sparkline(&used, f64::from(view.cpus), history, paint);
    Paragraph::new(Line::from(vec![title, Span::raw(text), Span::raw(drawn)]))
}

fn foot(state: &State, rows: usize) -> Paragraph<'static> {
    if state.is_typing {
        return Paragraph::new(format!(
            "/{}_   Enter keeps it, Esc shows all",
            state.filter
        ));
    }
    let mut text = format!(
        "q quit  ? help  Enter fold  / filter  s sort: {}{}",
        state.sort.name(),
        if state.is_reversed { " (reversed)" } else { "" }
    );
    if !state.filter.is_empty() {
        text += &format!("  filter: {}", state.filter);
    }
    if state.is_paused {
        text += "  paused: p goes on";
    }
    if rows > 0 {
        text += &format!("  {}/{rows}", state.selected + 1);
    }
    Paragraph::new(text).style(Style::new().add_modifier(Modifier::DIM))
}

/// The columns' widths: the program has what is left.
fn widths(width: u16) -> Vec<Constraint> {
    let more = width.saturating_sub(USUAL) / 2;
    let history = (HISTORY.0 + more).min(HISTORY.1);
    // A screen that is narrower has no history.
    let history = if width < USUAL { 0 } else { history };
    vec![
        Constraint::Length(7),
        Constraint::Min(10),
        Constraint::Length(5),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(5),
        Constraint::Length(history),
    ]
}

/// Cells, the numbers to the right.
fn aligned(cells: [String; 8]) -> TableRow<'static> {
    let cells = cells.into_iter().enumerate().map(|(column, cell)| {
        let line = Line::from(cell);
        if matches!(column, 1 | 7) {
            line
        } else {
            line.right_aligned()
        }
    });
    TableRow::new(cells)
}

fn line(row: &Row, used: &[f64], history: usize, paint: Paint) -> TableRow<'static> {
    let cells = aligned([
        row.pid.clone(),
        row.what.clone(),
        row.limit.clone(),
        row.threads.to_string(),
        row.working.to_string(),
        measured(row.waited),
        measured(row.ran),
        sparkline(used, row.most, history, paint),
    ]);
    let mut style = Style::new();
    if row.is_crowded {
        style = style.add_modifier(Modifier::BOLD);
        if paint.is_coloured {
            style = style.fg(Color::Red);
        }
    } else if paint.is_coloured && row.key.1.is_some() {
        style = style.fg(Color::Cyan);
    }
    cells.style(style)
}

/// The last values, a character each, against the most that there can be.
pub(super) fn sparkline(values: &[f64], most: f64, width: usize, paint: Paint) -> String {
    const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const ASCII: [char; 9] = [' ', '.', '.', ':', '-', '=', '+', '*', '#'];
    let characters = if paint.has_blocks { BLOCKS } else { ASCII };
    let drawn = |value: &f64| {
        let part = (value / most.max(1e-9)).clamp(0.0, 1.0);
        // What is there at all is seen.
        let least = if part > 0.005 { 1.0 } else { 0.0 };
        characters[(part * 8.0).round().max(least) as usize]
    };
    let shown = &values[values.len().saturating_sub(width)..];
    let blank = std::iter::repeat_n(' ', width - shown.len());
    blank.chain(shown.iter().map(drawn)).collect()
}

fn help(frame: &mut Frame<'_>, paint: Paint) {
    let keys = HELP.iter().map(|(key, what)| format!(" {key:15} {what}"));
    let words = WORDS.iter().map(|what| format!(" {what}"));
    let lines: Vec<Line<'_>> = keys.chain(words).map(Line::from).collect();
    let area = frame.area();
    let height = (lines.len() as u16 + 2).min(area.height);
    let width = 66.min(area.width);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let mut block = Block::bordered().title(" poolkeeper top: any key goes back ");
    if !paint.has_blocks {
        block = block.border_set(ratatui::symbols::border::Set {
            top_left: "+",
            top_right: "+",
            bottom_left: "+",
            bottom_right: "+",
            vertical_left: "|",
            vertical_right: "|",
            horizontal_top: "-",
            horizontal_bottom: "-",
        });
    }
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(block), place);
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
