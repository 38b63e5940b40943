//! More threads than a BLAS survives may call it at once.

use super::counted;
use crate::doctor::facts::{Facts, PoolFacts};
use crate::doctor::finding::{Evidence, Finding, Page, Severity};
use crate::doctor::settings::variable;
use crate::model::Level;

pub(super) static PAGE: Page = Page {
    code: "PK101",
    title: "more threads may call a BLAS at once than it survives",
    severity: Severity::Error,
    found_when: "An OpenMP runtime uses more threads than an OpenBLAS built on pthreads has working \
                 buffers left; or the program itself has started more threads than that (this is a warning, because the \
                 doctor can't see whether they compute at the same time). Such an OpenBLAS is compiled for a number of threads (MAX_THREADS, 64 \
                 in the wheels of numpy and scipy) and has twice as many buffers. Every thread that is \
                 inside one of its functions holds one. Each worker thread that it has ever started keeps \
                 one, also when its limit is lowered later, and the library keeps one more.",
    why: "With all buffers taken, OpenBLAS prints \"precompiled NUM_THREADS exceeded\" and allocates \
          512 more, once. From there on memory can be corrupted: \"double free or corruption\", a \
          segmentation fault, or a wrong result. When those are taken too, it ends the process.",
    fix: "Let OpenMP use fewer threads: within the CPUs that you may use, and never more than the \
          number that the finding names. poolkeeper.guard() does that by itself.",
    references: &[
        "OpenBLAS, driver/others/memory.c (NUM_BUFFERS, blas_memory_alloc)",
        "https://github.com/OpenMathLib/OpenBLAS/blob/develop/USAGE.md",
    ],
};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let callees = callees(facts);
    let in_danger = |callers: u32| {
        let weaker = callees.iter().filter(move |callee| callers > callee.safe);
        weaker.collect::<Vec<_>>()
    };
    if let Some(caller) = facts.widest_openmp(|threads| threads.calls_blas) {
        let in_danger = in_danger(caller.threads());
        if !in_danger.is_empty() {
            return vec![by_openmp(facts, caller, &in_danger)];
        }
    }
    // The main thread is one of them.
    let own = facts.own_threads + 1;
    let in_danger = in_danger(own);
    if in_danger.is_empty() {
        return Vec::new();
    }
    vec![by_own_threads(own, &in_danger)]
}

/// The most OpenMP threads that every loaded BLAS survives, for the guard.
pub(in crate::doctor) fn bound(facts: &Facts) -> Option<(u32, &'static str, String)> {
    let weakest = callees(facts).into_iter().next()?;
    let name = weakest.found.title();
    let reason = format!("{name} is safe with {} callers", weakest.safe);
    Some((weakest.safe, PAGE.code, reason))
}

/// Each BLAS that counts its callers, the weakest first.
fn callees(facts: &Facts) -> Vec<Callee<'_>> {
    let blas = facts.of_level(Level::Blas);
    let mut callees: Vec<_> = blas
        .filter_map(|found| {
            let safe = found.safe_callers()?;
            Some(Callee { found, safe })
        })
        .collect();
    callees.sort_by_key(|callee| callee.safe);
    callees
}

/// A BLAS and the callers that it is safe with.
struct Callee<'facts> {
    found: &'facts PoolFacts,
    safe: u32,
}

fn by_openmp(facts: &Facts, caller: &PoolFacts, in_danger: &[&Callee<'_>]) -> Finding {
    let (threads, safe) = (caller.threads(), in_danger[0].safe);
    let advised = safe.min(facts.cpus.budget);
    let finding = finding(threads, "OpenMP threads", caller.says_threads(), in_danger)
        .evidence(end(threads, in_danger[0]))
        .advice(advice(facts, safe))
        .lower(
            facts,
            &[caller],
            &[("openmp", advised.into())],
            format!("poolkeeper.set_limit(openmp={advised})"),
        );
    match variable(caller) {
        Some(name) => finding.shell(format!("export {name}={advised}")),
        None => finding,
    }
}

fn by_own_threads(threads: u32, in_danger: &[&Callee<'_>]) -> Finding {
    let safe = in_danger[0].safe;
    let caller = format!("{threads} threads that the program itself has started").into();
    finding(threads, "threads of the program", caller, in_danger)
        .severity(Severity::Warning)
        .evidence(end(threads, in_danger[0]))
        .advice(format!(
            "have at most {safe} threads compute at the same time: a ThreadPoolExecutor with fewer \
             workers, or a semaphore around the calls"
        ))
}

/// What both have in common; `in_danger` has the weakest first.
fn finding(threads: u32, whose: &str, caller: Evidence, in_danger: &[&Callee<'_>]) -> Finding {
    let Callee { found, safe } = in_danger[0];
    let title = found.title();
    let summary = format!("{threads} {whose} may call {title} at once; it is safe with {safe}.");
    let evidence = in_danger
        .iter()
        .map(|callee| callee.found.says(&buffers(callee)));
    Finding::new(&PAGE, summary)
        .evidence([caller])
        .evidence(evidence)
}

fn advice(facts: &Facts, safe: u32) -> String {
    let budget = facts.cpus.budget;
    if budget < safe {
        let cpus = counted(budget.into(), "CPU");
        return format!("{budget} fit the {cpus} here; more than {safe} are never safe");
    }
    format!("{safe} are the most that is safe; poolkeeper.guard() sees to that by itself")
}

/// What happens past the second threshold.
fn end(threads: u32, callee: &Callee<'_>) -> Option<String> {
    let survives = callee.safe + callee.found.behaviour().buffers?.once_more;
    Some(if threads > survives {
        format!("past {survives} callers it ends the process: {threads} are too many for that")
    } else {
        format!("past {survives} callers it ends the process")
    })
}

/// "built for 64 threads, so 128 buffers, of which it holds 2 itself".
fn buffers(callee: &Callee<'_>) -> String {
    let safe = callee.safe;
    let buffers = callee.found.behaviour().buffers;
    let Some((buffers, most)) = buffers.zip(callee.found.pool.max_threads) else {
        return format!("buffers for {safe} callers");
    };
    let all = buffers.all(most.get());
    let taken = all.saturating_sub(safe);
    format!("built for {most} threads, so {all} buffers, of which it holds {taken} itself")
}
