//! Pools whose thread count can't be set any more.

use super::counted;
use crate::doctor::facts::{Facts, FixedPool, PoolFacts};
use crate::doctor::finding::{Finding, Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "PK404",
    title: "a pool that can't be limited in this process",
    severity: Severity::Warning,
    found_when: "A library's pool keeps the number of threads that it began with: Polars', whose size is \
                 fixed at import, a BLAS that was built without threads, or numba's OpenMP layer, \
                 whose number only its own calls set. It is a warning where that is more \
                 threads than the CPUs that the process may use, else a note.",
    why: "No limit reaches the pool: its outcome in poolkeeper.limit() is \"ignored\", or there is none.",
    fix: "Set the library's variable before the program starts: `poolkeeper run` sets all that are known.",
    references: &[
        "https://docs.pola.rs/api/python/stable/reference/api/polars.thread_pool_size.html",
    ],
};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let without_threads = facts
        .pools
        .iter()
        .filter_map(|found| Some(fixed_so(found, found.fixed?)));
    let begun = facts
        .host
        .fixed_pools
        .iter()
        .map(|pool| begun_so(facts, pool));
    begun.chain(without_threads).collect()
}

fn fixed_so(found: &PoolFacts, why: &str) -> Finding {
    if found.threads() == 0 {
        // It has a number, which only its own calls can set.
        let summary = format!("{} is not reached by limits.", found.title());
        return Finding::new(&PAGE, summary)
            .severity(Severity::Note)
            .evidence([found.says("its number of threads is not known here")])
            .advice(why);
    }
    Finding::new(
        &PAGE,
        format!(
            "{} can't be given more or fewer threads: {why}.",
            found.title()
        ),
    )
    .severity(Severity::Note)
    .evidence([found.says_threads()])
    .advice("for threads, install a build of the library that has them")
}

fn begun_so(facts: &Facts, pool: &FixedPool) -> Finding {
    let budget = facts.cpus.budget;
    let threads = counted(pool.threads.into(), "thread");
    let severity = if pool.threads > budget {
        Severity::Warning
    } else {
        Severity::Note
    };
    let FixedPool { name, variable, .. } = pool;
    let finding = Finding::new(
        &PAGE,
        format!("{name} has {threads} for good: its pool can't be limited any more."),
    )
    .severity(severity)
    .evidence([
        format!("{name}: {threads}"),
        format!(
            "{}, says {}",
            counted(budget.into(), "CPU"),
            facts.cpus.source
        ),
    ]);
    if severity == Severity::Note {
        return finding.advice("nothing: that is within the CPUs that there are");
    }
    // The pool has begun: nothing that is typed here reaches it.
    finding.export(facts, variable, budget).advice(format!(
        "start the program (or the notebook's kernel) again, with the variable in its shell or with \
         os.environ[\"{variable}\"] = \"{budget}\" before the import"
    ))
}
