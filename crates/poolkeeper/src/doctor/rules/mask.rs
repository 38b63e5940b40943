//! Which CPUs the calling thread may run on, and who took some away.

use super::counted;
use crate::doctor::facts::{Facts, PoolFacts, Variables};
use crate::doctor::finding::{Finding, Page, Severity};
use crate::runtimes;
use std::collections::BTreeSet;

pub(super) static BOUND_TWICE: Page = Page {
    code: "PK302",
    title: "threads are bound to CPUs, and there are two OpenMP runtimes",
    severity: Severity::Warning,
    found_when: "OMP_PROC_BIND, OMP_PLACES, GOMP_CPU_AFFINITY or KMP_AFFINITY binds OpenMP threads to \
                 CPUs, and two OpenMP runtimes are loaded.",
    why: "The first runtime binds the main thread to one CPU. The second then counts one CPU, and runs \
          everything on it; or both bind their threads to the same CPUs.",
    fix: "Unset the variable. Binding pays only where one program has a machine to itself.",
    references: &["https://github.com/pytorch/pytorch/issues/98836"],
};

pub(super) static SHRUNK: Page = Page {
    code: "PK303",
    title: "something took CPUs away from this thread since the start",
    severity: Severity::Warning,
    found_when: "The calling thread's affinity mask (the set of CPUs that the system lets it run on) has \
                 fewer CPUs than when poolkeeper was imported, or than another thread of the process.",
    why: "Threads and processes that this thread starts from now on are confined to the CPUs that are left, \
          and libraries loaded from now on count only these. Libraries have taken CPUs away at import, when told by a \
          variable such as OMP_PROC_BIND to bind their threads.",
    fix: "Find the import that does it: run `poolkeeper doctor -i MODULE` for one module after the other. \
          Unset the variable that makes the library bind its threads, or put the mask back after the import.",
    references: &[
        "https://github.com/pytorch/pytorch/issues/91989",
        "sched_setaffinity(2)",
    ],
};

pub(super) static ELSEWHERE: Page = Page {
    code: "PK304",
    title: "threads run on CPUs that the program was not to use",
    severity: Severity::Warning,
    found_when: "A thread is bound to CPUs outside of those that `poolkeeper run --pin` bound the program to, \
                 or that it had when poolkeeper was imported, while no variable tells an OpenMP runtime to bind its threads.",
    why: "The system lets a thread choose other CPUs than its program was started on. Libraries that bind \
          their threads themselves leave a pin in this way, and take CPUs from others: onnxruntime does so for \
          a session that is not told its number of threads.",
    fix: "Tell the library its number of threads: onnxruntime then binds none. Only a cpuset, which a \
          container or a scheduler sets, holds every thread.",
    references: &[
        "https://github.com/microsoft/onnxruntime/issues/8313",
        "sched_setaffinity(2)",
        "cpuset(7)",
    ],
};

pub(super) fn bound_twice(facts: &Facts) -> Vec<Finding> {
    let binds = |found: &&PoolFacts| !found.behaviour().binds_by.is_empty();
    let runtimes: Vec<_> = facts.pools.iter().filter(binds).collect();
    let Some((name, value)) = binding(facts).next().filter(|_| runtimes.len() > 1) else {
        return Vec::new();
    };
    let summary = format!("{name}={value} binds threads to CPUs, for two OpenMP runtimes at once.");
    let finding = Finding::new(&BOUND_TWICE, summary)
        .evidence(runtimes.iter().map(|found| found.says_threads()))
        .unset_all(facts, &names(facts));
    vec![finding]
}

/// Whether a variable tells an OpenMP runtime to bind its threads.
pub(in crate::doctor) fn is_bound(environment: &Variables) -> bool {
    of_variables(environment).next().is_some()
}

/// The variables that bind threads here, with their values.
fn binding(facts: &Facts) -> impl Iterator<Item = (&'static str, &str)> {
    of_variables(&facts.environment)
}

fn of_variables(environment: &Variables) -> impl Iterator<Item = (&'static str, &str)> {
    let all = runtimes::all().flat_map(|card| card.behaviour.binds_by);
    let mut seen = BTreeSet::new();
    let names = all.copied().filter(move |name| seen.insert(*name));
    let set = names.filter_map(|name| Some((name, environment.now(name)?)));
    set.filter(|(_, value)| {
        let value = value.trim().to_lowercase();
        !["", "false", "none", "disabled"].contains(&&*value)
    })
}

/// Their names: each of them binds, without the others too.
fn names(facts: &Facts) -> Vec<&'static str> {
    binding(facts).map(|(name, _)| name).collect()
}

pub(super) fn shrunk(facts: &Facts) -> Vec<Finding> {
    let cpus = &facts.cpus;
    let empty = Vec::new();
    let at_start = cpus.mask_at_start.as_ref().unwrap_or(&empty);
    let lost = |before: &[u32]| before.iter().any(|cpu| !cpus.mask.contains(cpu));
    let (before, when) = if lost(at_start) {
        (at_start, "when poolkeeper was imported")
    } else if lost(&cpus.mask_of_any_thread) {
        (&cpus.mask_of_any_thread, "for other threads of the process")
    } else {
        return Vec::new();
    };
    let summary = format!(
        "This thread may run on {} of the {} that the process had.",
        cpus.mask.len(),
        counted(before.len() as u64, "CPU")
    );
    let finding = Finding::new(&SHRUNK, summary)
        .evidence([
            format!("CPUs {when}: {}", ranges(before)),
            format!("CPUs now: {}", ranges(&cpus.mask)),
        ])
        .evidence(binding(facts).map(|(name, value)| format!("{name}={value}")))
        .python_line(format!(
            "import os; os.sched_setaffinity(0, {{{}}})  # after the import that does it",
            as_python(before)
        ));
    let names = names(facts);
    vec![if names.is_empty() {
        finding
    } else {
        finding.unset_all(facts, &names)
    }]
}

pub(super) fn elsewhere(facts: &Facts) -> Vec<Finding> {
    let cpus = &facts.cpus;
    let Some(bound_to) = cpus
        .bound_to
        .as_ref()
        .filter(|_| !cpus.bound_elsewhere.is_empty())
    else {
        return Vec::new();
    };
    let summary = format!(
        "A library has bound threads to CPUs outside the {} that the program was started on.",
        counted(bound_to.len() as u64, "CPU")
    );
    let finding = Finding::new(&ELSEWHERE, summary)
        .evidence([
            format!("CPUs of the program: {}", ranges(bound_to)),
            format!("CPUs of other threads: {}", ranges(&cpus.bound_elsewhere)),
        ])
        .advice(
            "With onnxruntime, give each session its numbers: options = onnxruntime.SessionOptions(); \
             options.intra_op_num_threads = 1",
        );
    vec![finding]
}

/// The members of a set in Python: "0, 1", "*range(0, 64), 70".
fn as_python(cpus: &[u32]) -> String {
    let runs = cpus.chunk_by(|a, b| a + 1 == *b);
    let text = runs.map(|run| match run {
        [first, .., last] if run.len() > 2 => format!("*range({first}, {})", last + 1),
        few => few
            .iter()
            .map(u32::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    });
    text.collect::<Vec<_>>().join(", ")
}

/// "0-3, 8"
fn ranges(cpus: &[u32]) -> String {
    let runs = cpus.chunk_by(|a, b| a + 1 == *b);
    let text = runs.map(|run| match run {
        [only] => only.to_string(),
        _ => format!("{}-{}", run[0], run[run.len() - 1]),
    });
    text.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_written_as_ranges() {
        assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), "0-2, 5, 7-8");
        assert_eq!(as_python(&[0, 1, 2, 5, 7, 8]), "*range(0, 3), 5, 7, 8");
    }
}
