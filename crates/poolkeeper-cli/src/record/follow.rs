//! Follows a program to its end, or until the recording is to end.

use poolkeeper::Result;
use poolkeeper::budget::{spawn, until_ended};
use poolkeeper::usage::{Recorder, Recording};
use poolkeeper_simulate::{Deaf, pass_signals_on, was_told};
use std::ffi::OsString;
use std::process::ExitStatus;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long at most a signal is not seen, however seldom threads are looked at.
const PATIENCE: Duration = Duration::from_millis(100);

/// Runs a command and records it; how it ended.
///
/// # Errors
/// There is no such command, or this system is not supported.
pub(super) fn command(
    words: &[OsString],
    interval: Duration,
    is_python: bool,
) -> Result<(Recording, ExitStatus)> {
    let _deaf = Deaf::new();
    let mut child = spawn(words, is_python)?;
    let pid = child.id();
    let (tell, ended) = channel::<()>();
    let waiting = std::thread::spawn(move || {
        // Whatever it ends with: nobody waits any longer.
        let _ = until_ended(pid);
        drop(tell);
    });
    let recording = Recorder::new(pid, true, interval).map(|mut recorder| {
        loop {
            recorder.look();
            pass_signals_on(pid);
            if pause(&ended, &mut recorder, || pass_signals_on(pid)) {
                return recorder.finish();
            }
        }
    });
    // One that can't be recorded runs all the same.
    while ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
        pass_signals_on(pid);
    }
    let _ = waiting.join();
    let status = child.wait().map_err(|error| poolkeeper::Error::System {
        function: "wait",
        why: error.to_string(),
    })?;
    Ok((recording?, status))
}

/// Records a process until it ends, this one is told to end, or the time is over.
///
/// # Errors
/// There is no such process, or this system is not supported.
pub(super) fn process(pid: u32, interval: Duration, most: Option<Duration>) -> Result<Recording> {
    let _deaf = Deaf::listening();
    let mut recorder = Recorder::new(pid, false, interval)?;
    let (_tell, never) = channel::<()>();
    loop {
        let is_there = recorder.look();
        let mut is_told = false;
        let is_over = most.is_some_and(|most| recorder.elapsed() >= most);
        if is_there && !is_over {
            pause(&never, &mut recorder, || {
                is_told |= was_told();
                is_told
            });
        }
        if !is_there || is_over || is_told {
            return Ok(recorder.finish());
        }
    }
}

/// Waits until it is time to look again; whether the other end of `ended` was
/// dropped meanwhile. What is late is not made up for.
fn pause(ended: &Receiver<()>, recorder: &mut Recorder, mut stops: impl FnMut() -> bool) -> bool {
    let next = Instant::now() + until_next(recorder.elapsed(), recorder.interval());
    loop {
        let rest = next.saturating_duration_since(Instant::now());
        if ended.recv_timeout(rest.min(PATIENCE)) == Err(RecvTimeoutError::Disconnected) {
            return true;
        }
        if stops() || next <= Instant::now() {
            return false;
        }
    }
}

/// Time from now until the next look is due.
fn until_next(now: Duration, interval: Duration) -> Duration {
    let (now, interval) = (now.as_nanos(), interval.as_nanos().max(1));
    Duration::from_nanos((interval - now % interval) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_that_are_missed_are_skipped() {
        let ms = Duration::from_millis;
        assert_eq!(until_next(ms(0), ms(50)), ms(50));
        assert_eq!(until_next(ms(49), ms(50)), ms(1));
        assert_eq!(until_next(ms(437), ms(50)), ms(13));
    }
}
