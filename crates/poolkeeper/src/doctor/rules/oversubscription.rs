//! Levels inside each other: threads that call threads, processes with threads.

use super::counted;
use crate::doctor::facts::{Facts, PoolFacts};
use crate::doctor::finding::{Finding, Page, Severity};
use crate::doctor::mend::EVERY_POOL;
use crate::model::Level;
use crate::runtimes::Workers;

pub(super) static NESTED: Page = Page {
    code: "PK203",
    title: "OpenMP threads times BLAS threads is more than the CPUs",
    severity: Severity::Warning,
    found_when: "An OpenMP runtime and a BLAS with threads of its own both use several threads, and \
                 the product of the two is above the CPUs that the process may use. It is a note, since \
                 libraries start in this way, and a warning with BLIS, which starts a set of threads for each caller.",
    why: "Only code that calls the BLAS inside an OpenMP loop becomes slower: each of the loop's threads then \
          wants the BLAS's threads as well. OpenBLAS has one set of workers, for which the loop's threads \
          wait; BLIS starts a set for each of them. scikit-learn itself limits the BLAS inside its own \
          loops.",
    fix: "Around such code let the BLAS use one thread, or divide the CPUs with poolkeeper.split().",
    references: &["https://scikit-learn.org/stable/computing/parallelism.html"],
};

pub(super) static WORKERS: Page = Page {
    code: "PK204",
    title: "worker processes times threads is more than the CPUs",
    severity: Severity::Warning,
    found_when: "The process has started several worker processes with multiprocessing, which begin \
                 with its pools' thread counts, and the product of workers and threads is above the CPUs that it may use.",
    why: "Every worker runs its own threads, on the same CPUs. The threads take turns, and each parallel loop \
          waits for its slowest thread.",
    fix: "Give each worker its share: poolkeeper.split(processes=N) has it as a limit and as environment \
          variables.",
    references: &["https://joblib.readthedocs.io/en/stable/parallel.html"],
};

pub(super) fn nested(facts: &Facts) -> Vec<Finding> {
    let budget = facts.cpus.budget;
    let Some(outer) = facts
        .widest_openmp(|threads| threads.calls_blas)
        .filter(|outer| outer.threads() > 1)
    else {
        return Vec::new();
    };
    let inner = facts
        .of_level(Level::Blas)
        .filter(|blas| blas.pool.runs_on.is_none() && blas.threads() > 1)
        .max_by_key(|blas| blas.threads());
    let Some(inner) = inner else {
        return Vec::new();
    };
    let product = u64::from(outer.threads()) * u64::from(inner.threads());
    if product <= budget.into() {
        return Vec::new();
    }
    let severity = if inner.behaviour().workers == Workers::EachCall {
        Severity::Warning
    } else {
        Severity::Note
    };
    let summary = format!(
        "Calls of {} inside an OpenMP loop would want {} x {} = {product} threads, on {}.",
        inner.pool.name,
        outer.threads(),
        inner.threads(),
        counted(budget.into(), "CPU"),
    );
    let line = |found: &PoolFacts| found.says_threads();
    let finding = Finding::new(&NESTED, summary)
        .severity(severity)
        .evidence([line(outer), line(inner)])
        .lower(
            facts,
            &[inner],
            &[("blas", 1)],
            "poolkeeper.auto(nested=True)",
        )
        .run(facts, &["--nested"])
        .advice("or around such code alone: with poolkeeper.limit(blas=1):");
    vec![finding]
}

pub(super) fn workers(facts: &Facts) -> Vec<Finding> {
    let (workers, budget) = (facts.host.workers, facts.cpus.budget);
    let widest = facts.computing().max_by_key(|found| found.threads());
    // The number of workers is the program's choice; that each has several
    // threads rarely is.
    let Some(widest) = widest.filter(|widest| workers > 1 && widest.threads() > 1) else {
        return Vec::new();
    };
    let product = u64::from(workers) * u64::from(widest.threads());
    if product <= budget.into() {
        return Vec::new();
    }
    let summary = format!(
        "{workers} worker processes with {} each are {product} threads, on {}.",
        counted(widest.threads().into(), "thread"),
        counted(budget.into(), "CPU"),
    );
    let finding = Finding::new(&WORKERS, summary)
        .evidence([format!("worker processes that run now: {workers}")])
        .evidence([widest.says_threads()])
        .advice("put it before the workers start: those that run keep what they began with")
        .lower(
            facts,
            &facts.independent().collect::<Vec<_>>(),
            &[(EVERY_POOL, u64::from(budget / workers).max(1))],
            format!("poolkeeper.auto(processes={workers})"),
        )
        .run(facts, &["--processes", &workers.to_string()]);
    vec![finding]
}
