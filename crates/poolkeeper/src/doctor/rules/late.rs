//! Variables that were set after the library that reads them was loaded.

use super::counted;
use crate::doctor::facts::{Facts, PoolFacts};
use crate::doctor::finding::{Finding, Page, Severity};
use crate::doctor::settings::{Setting, setting};

pub(super) static PAGE: Page = Page {
    code: "PK401",
    title: "a variable was set too late",
    severity: Severity::Warning,
    found_when: "The process set a variable itself (it has another value than when it was started), and a \
                 pool that reads it has another thread count. A note where the pool has fewer threads \
                 than it was to have. Pools that a limit of poolkeeper holds are left out.",
    why: "Libraries read their variables when they are loaded, or when they are first used, and never \
          again. What is set later means nothing to them, though it is passed on to child processes.",
    fix: "Set the variable before the first import that loads the library, or in the shell; or set the \
          limit itself, which works at any time.",
    references: &[
        "OpenMP API 5.2, section 21 (environment variables)",
        "https://github.com/OpenMathLib/OpenBLAS/blob/develop/USAGE.md",
    ],
};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let late = facts.pools.iter().filter_map(|found| {
        let setting = setting(found, facts)?;
        let is_late = facts.environment.is_changed(setting.name)
            && !found.is_limited
            && found.pool.num_threads.is_some()
            && found.threads() != setting.threads;
        is_late.then(|| finding(facts, found, &setting))
    });
    late.collect()
}

fn finding(facts: &Facts, found: &PoolFacts, setting: &Setting<'_>) -> Finding {
    let Setting {
        name,
        value,
        threads,
    } = setting;
    let at_start = facts.environment.at_start.as_ref();
    let before = match at_start.and_then(|variables| variables.get(*name)) {
        Some(before) => format!("{name}={before} when the program started, {value} now"),
        None => format!("{name} was not set when the program started; it is {value} now"),
    };
    let severity = if found.threads() > *threads {
        Severity::Warning
    } else {
        Severity::Note
    };
    let summary = format!(
        "{name}={value} was set too late for {}: it runs {}.",
        found.title(),
        counted(found.threads().into(), "thread")
    );
    Finding::new(&PAGE, summary)
        .severity(severity)
        .evidence([before.into(), found.says_threads()])
        .python(format!(
            "poolkeeper.set_limit({}={threads})",
            found.pool.runtime
        ))
        .shell(format!("export {name}={value}"))
}
