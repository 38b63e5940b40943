//! The loaded libraries with threads that no limit reaches.

use super::facts::Unreached;
use crate::Result;
use crate::limit::Seen;
use crate::platform;
use crate::runtimes::{self, AfterFork, Behaviour, Fixed, find};
use crate::workers::threads_by_file;
use std::collections::HashMap;
use std::path::PathBuf;

/// scipy.fft has no pool that anybody could size: each call states its number, 1 by
/// itself. Its threads stay.
const SCIPY_FFT: [&str; 2] = ["/_pocketfft/pypocketfft.", "/_duccfft/"];

/// One for each known library that is loaded; `seen` loses those of them that it had.
///
/// # Errors
/// [`crate::Error::UnsupportedPlatform`] where there is no loader to ask.
pub(super) fn unreached(seen: &mut Vec<Seen>) -> Result<Vec<Unreached>> {
    let threads = threads_by_file();
    let own = |file: &PathBuf| threads.get(file).copied().unwrap_or(0);
    let calls = seen.extract_if(.., |seen| matches!(seen.fixed, Some(Fixed::Call(_))));
    let mut found: Vec<Unreached> = Vec::new();
    for seen in calls.collect::<Vec<_>>() {
        let (Some(Fixed::Call(call)), Some(card)) = (seen.fixed, find(seen.pool.runtime)) else {
            continue;
        };
        let threads = own(&seen.pool.filepath);
        // A library may be several files.
        match found.iter_mut().find(|other| other.name == card.name) {
            Some(other) => other.threads += threads,
            None => found.push(of(
                card.name,
                call,
                &card.behaviour,
                seen.pool.filepath,
                threads,
            )),
        }
    }
    // One thread may wait for something; several are a pool.
    let is_quiet = |name| runtimes::all().any(|card| card.name == name && card.behaviour.is_quiet);
    found.retain(|library| library.threads > 1 || !is_quiet(library.name));
    found.extend(scipy_fft(&threads)?);
    Ok(found)
}

fn of(
    name: &'static str,
    call: &'static str,
    behaviour: &Behaviour,
    file: PathBuf,
    threads: u32,
) -> Unreached {
    Unreached {
        name,
        call,
        waits_after_fork: behaviour.after_fork == AfterFork::WaitsForEver,
        threads,
        file,
    }
}

fn scipy_fft(threads: &HashMap<PathBuf, u32>) -> Result<Option<Unreached>> {
    let mut files = Vec::new();
    platform::each_image(|image| files.push(platform::path_of(image.name())))?;
    let is_it = |file: &PathBuf| {
        let path = file.to_string_lossy();
        SCIPY_FFT.iter().any(|part| path.contains(part))
    };
    let real = files
        .into_iter()
        .filter(is_it)
        .filter_map(|file| file.canonicalize().ok());
    let counted = real.map(|file| (threads.get(&file).copied().unwrap_or(0), file));
    let call = "with scipy.fft.set_workers({n}): ..., or workers={n} in the call";
    let busy = counted.filter(|(threads, _)| *threads > 1);
    Ok(busy
        .map(|(threads, file)| of("scipy.fft", call, &Behaviour::USUAL, file, threads))
        .next())
}
