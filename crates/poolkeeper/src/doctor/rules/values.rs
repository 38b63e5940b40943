//! Variables that a build ignores, and values that a runtime misreads.

use super::counted;
use crate::doctor::facts::{Facts, PoolFacts};
use crate::doctor::finding::{Finding, Page, Severity};
use crate::doctor::settings::variables;
use crate::runtimes::{self, Layer, OMP_NUM_THREADS, Variable};
use std::collections::BTreeSet;

pub(super) static IGNORED: Page = Page {
    code: "PK402",
    title: "a variable that this build ignores",
    severity: Severity::Warning,
    found_when: "A variable names a thread count for a library that was built so that it doesn't read it: \
                 OPENBLAS_NUM_THREADS with an OpenBLAS built on OpenMP or without threads, MKL_NUM_THREADS \
                 with MKL's sequential layer.",
    why: "The number has no effect: the library runs as many threads as its OpenMP runtime says, or one.",
    fix: "Set the variable that the library reads: OMP_NUM_THREADS for a build on OpenMP.",
    references: &[
        "https://github.com/OpenMathLib/OpenBLAS/blob/develop/USAGE.md",
        "oneMKL Developer Reference for C, \"Threading Control\"",
    ],
};

pub(super) static MISREAD: Page = Page {
    code: "PK403",
    title: "a value that is no thread count",
    severity: Severity::Warning,
    found_when: "A variable for a thread count is no whole number of 1 or more (OMP_NUM_THREADS may be a \
                 list of them: \"4,2\"), and a loaded pool reads it.",
    why: "Runtimes differ in what they make of such a value: libgomp takes every CPU, OpenBLAS the digits at the \
          beginning (\"1e1\" is 1), LLVM's OpenMP has stopped the program.",
    fix: "Give a whole number, or unset the variable.",
    references: &["OpenMP API 5.2, section 21.1.2 (OMP_NUM_THREADS)"],
};

pub(super) fn ignored(facts: &Facts) -> Vec<Finding> {
    let found = facts.pools.iter().filter_map(|found| {
        let (variable, instead) = unread(found)?;
        let value = facts.environment.now(variable.name)?;
        let asked = variable.reading?.read(value)?;
        let set = (variable.name, value, asked);
        (asked != found.threads()).then(|| ignored_by(facts, found, set, instead))
    });
    found.collect()
}

/// The variable that people set for such a library, and the one that its build
/// reads.
fn unread(found: &PoolFacts) -> Option<(&'static Variable, Option<&'static str>)> {
    let own = found.card()?.environment.first()?;
    match found.layer()? {
        Layer::OnOpenMp => Some((own, Some(OMP_NUM_THREADS))),
        Layer::WithoutThreads => Some((own, None)),
    }
}

fn ignored_by(
    facts: &Facts,
    found: &PoolFacts,
    (name, value, asked): (&str, &str, u32),
    instead: Option<&str>,
) -> Finding {
    let built = match instead {
        Some(_) => "was built on OpenMP",
        None => "was built without threads",
    };
    let threads = counted(found.threads().into(), "thread");
    let summary = format!(
        "{name}={value} means nothing to {}, which {built}.",
        found.title()
    );
    let finding = Finding::new(&IGNORED, summary).evidence([
        format!("{name}={value}").into(),
        found.says(&format!("{built}; {threads}")),
    ]);
    match instead {
        Some(instead) => finding
            .lower(
                facts,
                &[found],
                &[(found.pool.runtime, asked.into())],
                format!("poolkeeper.set_limit({}={asked})", found.pool.runtime),
            )
            .shell(format!("export {instead}={asked}")),
        None => finding
            .unset(facts, name)
            .python_line(format!("import os; os.environ.pop(\"{name}\", None)"))
            .advice("for threads, install a build of the library that has them"),
    }
}

pub(super) fn misread(facts: &Facts) -> Vec<Finding> {
    let read = facts.pools.iter().flat_map(variables);
    let names: BTreeSet<&str> = read.map(|variable| variable.name).collect();
    let set = names
        .into_iter()
        .filter_map(|name| Some((name, facts.environment.now(name)?)));
    let wrong = set.filter(|(name, value)| !is_count(name, value));
    wrong
        .map(|(name, value)| misread_value(facts, name, value))
        .collect()
}

/// Whether every runtime reads the value alike.
fn is_count(name: &str, value: &str) -> bool {
    let is_number = |word: &str| word.trim().parse().is_ok_and(|count: u32| count > 0);
    if takes_list(name) {
        value.split(',').all(is_number)
    } else {
        is_number(value)
    }
}

/// Whether a variable has a list where it is defined: others that read it as well
/// take the first number.
fn takes_list(name: &str) -> bool {
    let mut all = runtimes::all().flat_map(|card| card.environment);
    all.any(|variable| variable.name == name && variable.is_list)
}

fn misread_value(facts: &Facts, name: &str, value: &str) -> Finding {
    let readers = facts
        .pools
        .iter()
        .filter(|found| variables(found).any(|variable| variable.name == name));
    let lines = readers.map(|found| match found.pool.num_threads {
        Some(threads) => found.says(&format!(
            "made {} of it",
            counted(threads.get().into(), "thread")
        )),
        None => found.says("made no thread count of it"),
    });
    let count = facts.cpus.budget;
    Finding::new(
        &MISREAD,
        format!("{name}={value:?} is no thread count: libraries differ in what they make of it."),
    )
    .evidence([format!("{name}={value:?}")])
    .evidence(lines)
    .python_line(format!(
        "import os, poolkeeper; os.environ[\"{name}\"] = \"{count}\"; poolkeeper.set_limit({count})"
    ))
    .export(facts, name, count)
}
