//! The live screen on a terminal, which is put back as it was at the end.

use super::screen::{Paint, draw};
use super::state::{Press, State};
use poolkeeper::usage::Live;
use poolkeeper_simulate::{Deaf, was_told};
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::widgets::TableState;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::File;
use std::io::{self, IsTerminal};
use std::mem::ManuallyDrop;
use std::os::fd::AsFd;
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
    // Its own end would tell standard error, which may be gone as well, and panic there.
    let mut terminal = ManuallyDrop::new(ratatui::try_init()?);
    let _back = Back;
    let keyboard = Keyboard::open()?;
    let mut place = TableState::new();
    let mut next = Instant::now() + interval.min(PATIENCE);
    terminal.draw(|frame| draw(frame, &state, &mut place, paint))?;
    loop {
        let rest = next.saturating_duration_since(Instant::now());
        let mut is_changed = false;
        if keyboard.is_gone_within(rest.min(PATIENCE)) {
            return Ok(());
        }
        while event::poll(Duration::ZERO)? {
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

/// Where keys come from.
struct Keyboard(Option<File>);

impl Keyboard {
    fn open() -> io::Result<Self> {
        if io::stdin().is_terminal() {
            return Ok(Keyboard(None));
        }
        File::open("/dev/tty").map(|file| Keyboard(Some(file)))
    }

    /// Waits for a key, a signal or so long; says whether the terminal is gone. It is
    /// asked first, because crossterm reads a terminal that is gone for ever.
    fn is_gone_within(&self, patience: Duration) -> bool {
        let stdin = io::stdin();
        let keys = match &self.0 {
            Some(file) => file.as_fd(),
            None => stdin.as_fd(),
        };
        let mut asked = [PollFd::from_borrowed_fd(keys, PollFlags::IN)];
        let patience = Timespec::try_from(patience).ok();
        // A signal ends the wait early, with an error.
        let _ = poll(&mut asked, patience.as_ref());
        let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        asked[0].revents().intersects(gone)
    }
}

/// Puts the terminal back.
struct Back;

impl Drop for Back {
    fn drop(&mut self) {
        // What it says of a terminal that is gone, nobody would read.
        let _ = ratatui::try_restore();
        let _ = execute!(io::stdout(), Show);
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
