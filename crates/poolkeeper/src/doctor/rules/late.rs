//! Variables that were set after the library that reads them was loaded.

use super::counted;
use crate::doctor::facts::{Facts, PoolFacts};
use crate::doctor::finding::{Finding, Page, Severity};
use crate::doctor::settings::{Setting, setting};
use crate::shell_quoted;
use std::collections::{BTreeMap, BTreeSet};

pub(super) static PAGE: Page = Page {
    code: "PK401",
    title: "a variable was set too late",
    severity: Severity::Warning,
    found_when: "The process set a variable itself (it has another value than when it was started), and a \
                 pool that reads it has another thread count. It is a note where the pool has fewer \
                 threads than it was to have, and where Dask's Nanny is loaded, which sets the variable for its workers. Pools that a limit of poolkeeper holds are left out.",
    why: "Libraries read their variables when they are loaded, or when they are first used, and never \
          again. A variable that is set later has no effect on them, though child processes get it.",
    fix: "Set the variable before the first import that loads the library, or in the shell; or call \
          poolkeeper.limit(), which works at any time.",
    references: &[
        "OpenMP API 5.2, section 21 (environment variables)",
        "https://github.com/OpenMathLib/OpenBLAS/blob/develop/USAGE.md",
    ],
};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let late = facts.pools.iter().filter_map(|found| {
        let setting = setting(found, facts)?;
        let is_late = facts.environment.is_changed(setting.name)
            && !setting.is_read_again
            && !found.is_limited
            && found.pool.num_threads.is_some()
            && found.threads() != setting.threads;
        is_late.then_some((found, setting))
    });
    let mut by_variable: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (found, setting) in late {
        let of_it = by_variable.entry(setting.name).or_default();
        of_it.push((found, setting));
    }
    let late = by_variable.into_values();
    late.map(|pools| finding(facts, &pools)).collect()
}

/// The finding about one variable, which at least one pool has not heard.
fn finding(facts: &Facts, pools: &[(&PoolFacts, Setting<'_>)]) -> Finding {
    let (first, Setting { name, value, .. }) = &pools[0];
    let at_start = facts.environment.at_start.as_ref();
    let before = match at_start.and_then(|variables| variables.get(*name)) {
        Some(before) => format!("{name}={before} when the program started, {value} now"),
        None => format!("{name} was not set when the program started; it is {value} now"),
    };
    // Dask sets it in the process that starts its workers, for them.
    let is_for_workers = facts.has_module("distributed.nanny");
    let mut pairs = pools.iter();
    let has_more = pairs.any(|(found, setting)| found.threads() > setting.threads);
    let severity = if has_more && !is_for_workers {
        Severity::Warning
    } else {
        Severity::Note
    };
    let summary = format!(
        "{name}={value} was set too late for {}: it runs {}.",
        first.title(),
        counted(first.threads().into(), "thread")
    );
    let limits = pools
        .iter()
        .map(|(found, setting)| format!("{}={}", found.pool.runtime, setting.threads));
    let limits: BTreeSet<String> = limits.collect();
    let limits: Vec<String> = limits.into_iter().collect();
    Finding::new(&PAGE, summary)
        .severity(severity)
        .evidence([before])
        .evidence(pools.iter().map(|(found, _)| found.says_threads()))
        .python(format!("poolkeeper.set_limit({})", limits.join(", ")))
        .shell(format!("export {name}={}", shell_quoted(value)))
}
