//! `top`: processes and their pools, live.
//!
//! `rows.rs` makes rows of a look; `plain.rs` writes one look as text or JSON.
//! `state.rs` is the live screen and what keys do to it, `screen.rs` draws it, and
//! `terminal.rs` puts it on a terminal.

mod args;
mod plain;
mod rows;
mod screen;
mod state;
mod terminal;

pub(crate) use args::TopArgs;

use crate::exit::{EXIT_FAILED, EXIT_OK};
use crate::look::Look;
use poolkeeper::printable;
use poolkeeper::usage::{Live, Watched};
use screen::Paint;
use state::State;
use std::io::{self, Write};
use std::time::Duration;

/// The shortest time that is looked at where the screen is to be full soon.
const SOON: Duration = Duration::from_millis(250);

pub(crate) fn top(
    arguments: &TopArgs,
    look: Look,
    is_terminal: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<i32> {
    let watched = match arguments.pid {
        Some(pid) => Watched::Tree(pid),
        None if arguments.all => Watched::All,
        None => Watched::User,
    };
    let interval = Duration::from_secs_f64(arguments.interval);
    let mut live = match Live::new(watched) {
        Ok(live) => live,
        Err(error) => {
            writeln!(err, "poolkeeper: {}", printable(&error.to_string()))?;
            return Ok(EXIT_FAILED);
        }
    };
    if arguments.once || arguments.json || !is_terminal {
        std::thread::sleep(interval);
        let view = live.look_closely();
        if arguments.json {
            writeln!(out, "{:#}", plain::json(&view, arguments.sort))?;
        } else {
            let shows_all = arguments.pid.is_some();
            write!(
                out,
                "{}",
                plain::text(&view, arguments.sort, shows_all, look)
            )?;
        }
        return Ok(EXIT_OK);
    }
    out.flush()?;
    err.flush()?;
    let paint = Paint {
        is_coloured: look.is_coloured,
        has_blocks: has_blocks(),
    };
    let mut state = State::new(arguments.sort, arguments.pid.is_none());
    std::thread::sleep(interval.min(SOON));
    state.update(live.look_closely());
    if let Err(error) = terminal::show(live, state, interval, paint) {
        let why = format!("the terminal can't be used: {error}; --once writes one look as text");
        writeln!(err, "poolkeeper: {}", printable(&why))?;
        return Ok(EXIT_FAILED);
    }
    Ok(EXIT_OK)
}

/// Whether the terminal's encoding has block characters: setlocale(3), the order of the
/// variables.
fn has_blocks() -> bool {
    let variables = ["LC_ALL", "LC_CTYPE", "LANG"];
    let mut set = variables.iter().filter_map(std::env::var_os);
    let locale = set.find(|value| !value.is_empty()).unwrap_or_default();
    let locale = locale.to_string_lossy().to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}
