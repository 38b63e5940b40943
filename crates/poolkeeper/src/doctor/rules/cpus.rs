//! Pools with more threads than the process may use CPUs.

use super::counted;
use crate::doctor::facts::{Facts, PoolFacts};
use crate::doctor::finding::{Evidence, Finding, Page, Severity};
use crate::doctor::mend::auto;
use crate::doctor::settings::setting;
use std::collections::BTreeSet;

pub(super) static MORE_THAN_BUDGET: Page = Page {
    code: "PK201",
    title: "a pool was told to use more threads than there are CPUs",
    severity: Severity::Warning,
    found_when: "A pool's thread count is above the CPUs that the process may use, and above those \
                 that its library could count: a variable or a call asked for it.",
    why: "Threads that have no CPU of their own take turns. Parallel code waits for its slowest \
          thread, so that a few threads too many can cost more than all of them gain.",
    fix: "Use the CPUs that there are: poolkeeper.auto() in the program, or `poolkeeper run` before it. Where a \
          limit of your own is live, make that smaller: it holds the pool whatever else is set.",
    references: &["OpenMP API 5.2, section 2.4 (determining the number of threads)"],
};

pub(super) static COUNTED_TOO_MANY: Page = Page {
    code: "PK202",
    title: "a library counted CPUs that the process may not use",
    severity: Severity::Warning,
    found_when: "A pool has as many threads as its library counted CPUs when it was loaded, and the \
                 process may use fewer: a container's quota, a batch scheduler, POOLKEEPER_CPUS, or an \
                 affinity mask that was set later. Libraries look at the affinity mask alone.",
    why: "Threads that have no CPU of their own take turns, and parallel code waits for its slowest. \
          Under a quota the kernel also stops all threads of the process for the rest of each period (usually \
          100 ms) as soon as they have used up the quota together. More threads use it up sooner, and the \
          work takes longer than with few threads.",
    fix: "Use the CPUs that there are: poolkeeper.auto() in the program, or `poolkeeper run` before it. Where a \
          limit of your own is live, make that smaller: it holds the pool whatever else is set.",
    references: &["Linux, Documentation/scheduler/sched-bwc.rst (CFS bandwidth control)"],
};

pub(super) fn more_than_budget(facts: &Facts) -> Vec<Finding> {
    let told = too_wide(facts).filter(|found| found.threads() > counted_at_start(facts));
    let told: Vec<_> = told.collect();
    let lines = told.iter().map(|found| {
        let by = setting(found, facts).filter(|setting| setting.threads == found.threads());
        let threads = counted(found.threads().into(), "thread");
        found.says(&match by {
            Some(by) => format!("{threads}, by {}={}", by.name, by.value),
            None => format!("{threads}, by a call in this process"),
        })
    });
    let findings = finding(&MORE_THAN_BUDGET, facts, &told, lines);
    findings
        .map(|finding| told_otherwise(finding, facts, &told))
        .into_iter()
        .collect()
}

/// The variables that asked for too many, with a number that is not; nothing where
/// a call did, which a shell can't change.
fn told_otherwise(finding: Finding, facts: &Facts, told: &[&PoolFacts]) -> Finding {
    let names: Option<BTreeSet<&str>> = told
        .iter()
        .map(|found| {
            let by = setting(found, facts).filter(|by| by.threads == found.threads())?;
            (!facts.environment.is_changed(by.name)).then_some(by.name)
        })
        .collect();
    match names {
        Some(names) => {
            let words = names
                .iter()
                .map(|name| format!("{name}={}", facts.cpus.budget));
            finding.shell(format!("export {}", words.collect::<Vec<_>>().join(" ")))
        }
        None => finding,
    }
}

pub(super) fn counted_too_many(facts: &Facts) -> Vec<Finding> {
    let counting = too_wide(facts).filter(|found| found.threads() <= counted_at_start(facts));
    let counting: Vec<_> = counting.collect();
    let lines = counting.iter().map(|found| {
        found.says(&format!(
            "counted {}",
            counted(found.threads().into(), "CPU")
        ))
    });
    let finding = finding(&COUNTED_TOO_MANY, facts, &counting, lines);
    // A mask that the program narrowed itself is a wide one when it starts.
    let at_start = facts.cpus.mask_at_start.as_ref();
    let is_narrowed = at_start.is_some_and(|mask| *mask != facts.cpus.mask);
    let finding = finding.map(|finding| match is_narrowed {
        true => finding,
        false => finding.run(facts, &[]),
    });
    finding.into_iter().collect()
}

/// The pools with more threads than the budget has CPUs.
fn too_wide(facts: &Facts) -> impl Iterator<Item = &PoolFacts> {
    let pools = facts.computing();
    pools.filter(|found| found.threads() > facts.cpus.budget)
}

/// The most CPUs that a library could count since the process started.
fn counted_at_start(facts: &Facts) -> u32 {
    let cpus = &facts.cpus;
    let at_start = cpus.mask_at_start.as_ref().map_or(0, Vec::len);
    let most = at_start.max(cpus.mask_of_any_thread.len()) as u32;
    most.max(cpus.counted)
}

fn finding(
    page: &'static Page,
    facts: &Facts,
    pools: &[&PoolFacts],
    lines: impl Iterator<Item = Evidence>,
) -> Option<Finding> {
    let widest = pools.iter().max_by_key(|found| found.threads())?;
    let budget = facts.cpus.budget;
    let summary = format!(
        "{} runs {} where the process may use {}.",
        widest.title(),
        counted(widest.threads().into(), "thread"),
        counted(budget.into(), "CPU")
    );
    let by = format!(
        "{}, says {}",
        counted(budget.into(), "CPU"),
        facts.cpus.source
    );
    let levels: BTreeSet<&str> = pools.iter().map(|found| found.pool.level.name()).collect();
    let wanted = levels.into_iter().map(|level| (level, u64::from(budget)));
    let finding = Finding::new(page, summary)
        .evidence(lines)
        .evidence([by])
        .lower(facts, pools, &wanted.collect::<Vec<_>>(), auto(facts));
    Some(finding)
}
