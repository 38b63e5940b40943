//! Libraries whose threads no limit reaches.

use super::counted;
use crate::doctor::facts::{Facts, Unreached};
use crate::doctor::finding::{Evidence, Finding, Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "PK405",
    title: "a library with threads that poolkeeper can't limit",
    severity: Severity::Note,
    found_when: "A library is loaded that runs threads of its own and has no function which could limit \
                 them from outside: DuckDB, Polars, ONNX Runtime, JAX, TensorFlow, OpenCV, numba's \
                 work queue, tokenizers, HiGHS; NumExpr and scipy.fft, which other libraries load, once several threads of theirs run.",
    why: "poolkeeper.limit() does not reach these threads, and they come on top of those that it does \
          reach. Most of these libraries start one thread for each CPU.",
    fix: "Give the library its number by its own call, which the finding names.",
    references: &[
        "https://duckdb.org/docs/stable/configuration/overview",
        "https://onnxruntime.ai/docs/performance/tune-performance/threading.html",
        "https://numba.readthedocs.io/en/stable/user/threading-layer.html",
    ],
};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let is_told = |found: &&Unreached| {
        // PK404 tells of these, with their size.
        let fixed = &facts.host.fixed_pools;
        !fixed.iter().any(|pool| pool.name == found.name)
    };
    let unreached = facts.unreached.iter().filter(is_told);
    unreached.map(|found| finding(facts, found)).collect()
}

fn finding(facts: &Facts, found: &Unreached) -> Finding {
    let threads = match found.threads {
        0 => "no thread is known to be its own".to_owned(),
        1 => "1 thread of it runs".to_owned(),
        many => format!("{} of it run", counted(many.into(), "thread")),
    };
    let budget = facts.cpus.budget;
    let call = found.call.replace("{n}", &budget.to_string());
    Finding::new(
        &PAGE,
        format!(
            "{} has threads of its own, which no limit reaches.",
            found.name
        ),
    )
    .evidence([Evidence {
        text: format!("{}: {threads}", found.name),
        file: Some(found.file.clone()),
    }])
    .advice(format!("to limit it, use its own call: {call}"))
}
