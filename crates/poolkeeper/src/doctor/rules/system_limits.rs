//! Limits of the system against what the pools will create at first use.

use super::counted;
use crate::doctor::facts::{Facts, PoolFacts, Room};
use crate::doctor::finding::{Evidence, Finding, Page, Severity};
use crate::doctor::mend::EVERY_POOL;

pub(super) static THREADS: Page = Page {
    code: "PK601",
    title: "the system allows fewer threads than the pools will start",
    severity: Severity::Error,
    found_when: "The threads that the loaded pools have still to start at their first use, or could not \
                 start when they were loaded, are more than a limit of the system leaves: RLIMIT_NPROC \
                 (ulimit -u), or pids.max of the container.",
    why: "OpenMP runtimes end the program when they can't start a thread (\"Thread creation failed: Resource \
          temporarily unavailable\"), and OpenBLAS may wait for a thread that never came.",
    fix: "Use fewer threads, or have an administrator raise the limit.",
    references: &[
        "getrlimit(2)",
        "Linux, Documentation/admin-guide/cgroup-v2.rst (pids.max)",
    ],
};

pub(super) static MEMORY: Page = Page {
    code: "PK602",
    title: "the address space is too small for the pools' threads",
    severity: Severity::Error,
    found_when: "The stacks of the threads that the loaded pools have still to start are larger than what \
                 RLIMIT_AS (ulimit -v) leaves. Working buffers come on top, and are not counted.",
    why: "Every thread reserves its whole stack, 8 MB as a rule, whether it uses it or not. When the system \
          refuses that, OpenMP runtimes end the program.",
    fix: "Use fewer threads or smaller stacks (OMP_STACKSIZE), or raise the limit.",
    references: &[
        "getrlimit(2)",
        "OpenMP API 5.2, section 21.2.2 (OMP_STACKSIZE)",
    ],
};

/// Bytes of a thread's stack where the limit on stacks is "unlimited" (glibc,
/// ARCH_STACK_DEFAULT_SIZE on x86-64).
const DEFAULT_STACK: u64 = 2 << 20;
const MEGABYTE: u64 = 1 << 20;

/// Threads that a pool has still to start: it starts them at its first parallel
/// call. An OpenBLAS on pthreads has started its own when it was loaded (or starts
/// them again after a fork): those that are missing could not be started, unless
/// they are among the threads of which nobody knows whose they are.
fn to_come(facts: &Facts, found: &PoolFacts) -> u64 {
    let workers = u64::from(found.threads().saturating_sub(1));
    let unknown = if found.starts_at_load() {
        facts.unknown_threads
    } else {
        0
    };
    workers.saturating_sub(u64::from(found.workers) + u64::from(unknown))
}

/// All of them, and a line for each pool.
fn all_to_come(facts: &Facts) -> (u64, Vec<Evidence>) {
    let pools: Vec<_> = facts
        .complete()
        .map(|found| (found, to_come(facts, found)))
        .filter(|(_, count)| *count > 0)
        .collect();
    let lines = pools.iter().map(|(found, count)| {
        let count = counted(*count, "thread");
        let all = found.threads().saturating_sub(1);
        found.says(&match found.starts_at_load() {
            true => format!("{count} of {all} missing: it could not start them"),
            false => format!("{count} to start"),
        })
    });
    let sum = pools.iter().map(|(_, count)| count).sum();
    (sum, lines.collect())
}

/// The system's tightest limit on threads.
fn tightest(facts: &Facts) -> Option<&Room> {
    facts.system.threads.iter().min_by_key(|room| room.left())
}

/// Stacks that fit what is left of the address space.
fn stacks_left(facts: &Facts) -> Option<u64> {
    let room = facts.system.address_space.as_ref()?;
    Some(room.left() / stack(facts).max(1))
}

fn stack(facts: &Facts) -> u64 {
    facts.system.stack.unwrap_or(DEFAULT_STACK)
}

/// The most threads for every pool with which the system's limits are kept, for
/// the guard.
pub(in crate::doctor) fn bounds(facts: &Facts) -> Vec<(u32, &'static str, String)> {
    let of = |left: u64, code, reason: &str| {
        let most = u32::try_from(fitting(facts, left)).unwrap_or(u32::MAX);
        let reason = format!("{reason} leaves room for {}", counted(left, "thread"));
        (most, code, reason)
    };
    let threads = tightest(facts).map(|room| of(room.left(), THREADS.code, &room.place));
    let memory = stacks_left(facts).map(|left| of(left, MEMORY.code, "the limit on memory"));
    threads.into_iter().chain(memory).collect()
}

pub(super) fn threads(facts: &Facts) -> Vec<Finding> {
    let (sum, lines) = all_to_come(facts);
    let Some(room) = tightest(facts).filter(|room| sum > room.left()) else {
        return Vec::new();
    };
    let summary = format!(
        "The pools need {} more, and the system leaves room for {}.",
        counted(sum, "thread"),
        room.left()
    );
    let advised = advised(facts, room.left());
    let finding = Finding::new(&THREADS, summary)
        .evidence(lines)
        .evidence([format!(
            "{}: {} of {} taken",
            room.place, room.used, room.limit
        )]);
    vec![fewer_threads(finding, facts, advised)]
}

pub(super) fn memory(facts: &Facts) -> Vec<Finding> {
    let Some(room) = &facts.system.address_space else {
        return Vec::new();
    };
    let (sum, lines) = all_to_come(facts);
    let stack = stack(facts);
    let needed = sum.saturating_mul(stack);
    if needed <= room.left() {
        return Vec::new();
    }
    let megabytes = |bytes: u64| format!("{} MB", bytes / MEGABYTE);
    let summary = format!(
        "The stacks of {} take {}; the limit on memory leaves {}.",
        counted(sum, "thread"),
        megabytes(needed),
        megabytes(room.left())
    );
    let advised = advised(facts, room.left() / stack.max(1));
    let finding = Finding::new(&MEMORY, summary).evidence(lines).evidence([
        format!("a thread's stack: {}", megabytes(stack)),
        format!(
            "{}: {} of {} taken",
            room.place,
            megabytes(room.used),
            megabytes(room.limit)
        ),
    ]);
    vec![fewer_threads(finding, facts, advised)]
}

/// A thread count for every pool with which so many new threads will do. What a
/// pool has started already stays.
fn fitting(facts: &Facts, room: u64) -> u64 {
    let all: Vec<_> = facts.complete().collect();
    let is_incomplete = |found: &PoolFacts| found.starts_at_load() && to_come(facts, found) > 0;
    // One that could not start all of its threads has to do with those that it has.
    let incomplete = all.iter().filter(|found| is_incomplete(found));
    let bound = incomplete.map(|found| 1 + u64::from(found.workers)).min();
    let pools = all.iter().filter(|found| !found.starts_at_load());
    let started: Vec<u64> = pools.map(|found| u64::from(found.workers)).collect();
    let least = started.iter().min().copied();
    let fitting = 1 + least.unwrap_or(0) + room / started.len().max(1) as u64;
    bound.map_or(fitting, |bound| bound.min(fitting))
}

/// The same, and no more than there are CPUs.
fn advised(facts: &Facts, room: u64) -> u64 {
    fitting(facts, room).min(facts.cpus.budget.into())
}

/// With the lines that leave every pool at most so many threads.
fn fewer_threads(finding: Finding, facts: &Facts, advised: u64) -> Finding {
    finding
        .lower(
            facts,
            &facts.complete().collect::<Vec<_>>(),
            &[(EVERY_POOL, advised)],
            format!("poolkeeper.set_limit({advised})"),
        )
        .shell(format!("export OMP_NUM_THREADS={advised}"))
}
