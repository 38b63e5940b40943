//! The live screen on a terminal, which is put back as it was at the end.

use super::screen::{Paint, draw};
use super::state::{Press, State};
use poolkeeper::usage::Live;
use poolkeeper_simulate::{Deaf, was_told};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::widgets::TableState;
use std::io;
use std::time::{Duration, Instant};

/// How long at most a signal is not seen.
const PATIENCE: Duration = Duration::from_millis(250);

/// Shows processes until `q`, or a signal.
pub(super) fn show(
    mut live: Live,
    mut state: State,
    interval: Duration,
    paint: Paint,
) -> io::Result<()> {
    let _deaf = Deaf::listening();
    // It hangs a hook before the one for panics, which puts the terminal back.
    let mut terminal = ratatui::try_init()?;
    let _back = Back;
    let mut place = TableState::new();
    let mut next = Instant::now() + interval.min(PATIENCE);
    terminal.draw(|frame| draw(frame, &state, &mut place, paint))?;
    loop {
        let rest = next.saturating_duration_since(Instant::now());
        let mut is_changed = false;
        if event::poll(rest.min(PATIENCE))? {
            match happened(&event::read()?) {
                What::Quit => return Ok(()),
                What::Pressed(press) if state.press(press) => return Ok(()),
                What::Pressed(_) | What::Resized => is_changed = true,
                What::Nothing => {}
            }
        }
        if was_told() {
            return Ok(());
        }
        if next <= Instant::now() {
            state.update(live.look());
            // What is late is not made up for.
            next = Instant::now() + interval;
            is_changed = true;
        }
        if is_changed {
            terminal.draw(|frame| draw(frame, &state, &mut place, paint))?;
        }
    }
}

/// Puts the terminal back.
struct Back;

impl Drop for Back {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

enum What {
    Quit,
    Pressed(Press),
    Resized,
    Nothing,
}

fn happened(event: &Event) -> What {
    match event {
        Event::Resize(..) => What::Resized,
        Event::Key(key) if key.kind != KeyEventKind::Release => of_key(*key),
        _ => What::Nothing,
    }
}

fn of_key(key: KeyEvent) -> What {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    let press = match key.code {
        KeyCode::Char('c') if is_control => return What::Quit,
        KeyCode::Char(_) if is_control => return What::Nothing,
        KeyCode::Char(character) => Press::Character(character),
        KeyCode::Enter => Press::Enter,
        KeyCode::Esc => Press::Escape,
        KeyCode::Backspace => Press::Backspace,
        KeyCode::Up => Press::Up,
        KeyCode::Down => Press::Down,
        KeyCode::PageUp => Press::PageUp,
        KeyCode::PageDown => Press::PageDown,
        KeyCode::Home => Press::Home,
        KeyCode::End => Press::End,
        _ => return What::Nothing,
    };
    What::Pressed(press)
}
