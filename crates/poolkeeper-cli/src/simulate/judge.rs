//! The helper: what the program's libraries are, and what is wrong with them.

use super::args::JudgeArgs;
use super::judged::{Judged, others};
use super::text;
use crate::exit::EXIT_OK;
use crate::host::NoPython;
use crate::load::load_all;
use crate::look::Look;
use poolkeeper::budget::budget;
use poolkeeper::doctor::{Facts, Host};
use poolkeeper_simulate::{Loaded, Observation};
use std::io;

/// Reads an observation from standard input, and writes the report to a file.
pub(crate) fn judge(arguments: &JudgeArgs) -> io::Result<i32> {
    let seen: Observation = serde_json::from_reader(io::stdin().lock())?;
    let mut seen = seen.unescaped();
    let mut unseen = Vec::new();
    // Before libraries are loaded: one of them may bind this thread to fewer CPUs.
    let budget = budget().map_err(io::Error::other)?.cpus;
    load(&mut seen, &mut unseen)?;
    let mut facts = Facts::gather(Host::default()).map_err(io::Error::other)?;
    unseen.append(&mut facts.unseen);
    facts.unseen = unseen;
    facts.cpus.budget = budget;
    let judged = Judged::new(&seen, facts);
    let report = in_words(&judged, arguments.look(), arguments.json, arguments.notes)?;
    std::fs::write(&arguments.report, report)?;
    Ok(EXIT_OK)
}

/// Loads the libraries that the program had, with what they need from where the
/// program had it; one that can't be loaded is remarked.
fn load(seen: &mut Observation, unseen: &mut Vec<String>) -> io::Result<()> {
    let loaded = Loaded::read(&seen.loaded);
    for library in &seen.libraries {
        loaded.load_needed(library);
        let one = std::slice::from_ref(library);
        let failed = load_all(one, &mut NoPython, &mut io::sink())?;
        for what in failed {
            seen.remarks
                .push(format!("{what}: the doctor judges without it"));
            unseen.push(format!("{} is missing", library.display()));
        }
    }
    Ok(())
}

/// The report of a run whose libraries can't be loaded again.
pub(super) fn without_pools(seen: &Observation, look: Look, json: bool) -> String {
    let judged = Judged {
        seen,
        pools: Vec::new(),
        others: others(seen, &[]),
        doctor: None,
    };
    in_words(&judged, look, json, false).unwrap_or_else(|error| format!("poolkeeper: {error}\n"))
}

fn in_words(judged: &Judged<'_>, look: Look, json: bool, notes: bool) -> io::Result<String> {
    if json {
        return Ok(serde_json::to_string_pretty(judged)? + "\n");
    }
    Ok(text::text(judged, look, notes))
}
