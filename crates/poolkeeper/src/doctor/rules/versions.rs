//! Versions with faults that matter here.

use crate::doctor::facts::{Facts, PoolFacts};
use crate::doctor::finding::{Finding, Page, Severity};

pub(super) static FORGETS: Page = Page {
    code: "PK501",
    title: "an OpenBLAS that forgets its limit",
    severity: Severity::Warning,
    found_when: "An OpenBLAS built on OpenMP is loaded whose version is before 0.3.34.",
    why: "It asks its OpenMP runtime for the number of threads at every call, and so forgets what \
          openblas_set_num_threads was told. Limits of other tools on \"blas\" do nothing in it. \
          poolkeeper limits the OpenMP runtime instead, which other OpenMP code of the thread then has too.",
    fix: "Limit it with poolkeeper, or install a newer OpenBLAS.",
    references: &["https://github.com/OpenMathLib/OpenBLAS/issues/5806"],
};

pub(super) static KNOWN_BAD: Page = Page {
    code: "PK502",
    title: "a version that computes wrong results or hangs",
    severity: Severity::Error,
    found_when: "An OpenBLAS of these versions is loaded: 0.2.18 and 0.2.19; 0.3.0 to 0.3.3.",
    why: "0.2.18 and 0.2.19 could wait for themselves for ever in parallel calls. 0.3.0 to 0.3.3 gave wrong \
          results when several threads called them at once.",
    fix: "Install a newer version. Until then, let one thread at a time call it, and give it one thread.",
    references: &[
        "https://github.com/OpenMathLib/OpenBLAS/issues/660",
        "https://github.com/OpenMathLib/OpenBLAS/issues/1761",
        "https://github.com/OpenMathLib/OpenBLAS/issues/1844",
    ],
};

/// Versions from the first to before the second, and what they do.
const BAD_OPENBLAS: [(Version, Version, &str); 2] = [
    (
        (0, 2, 18),
        (0, 2, 20),
        "can wait for itself for ever in parallel calls",
    ),
    (
        (0, 3, 0),
        (0, 3, 4),
        "gives wrong results when several threads call it at once",
    ),
];

const REMEMBERS: Version = (0, 3, 34);

type Version = (u32, u32, u32);

pub(super) fn forgets(facts: &Facts) -> Vec<Finding> {
    let found = facts.of_runtime("openblas").filter(|found| {
        let is_on_openmp = found.pool.threading_layer.as_deref() == Some("openmp");
        is_on_openmp && version(found).is_some_and(|version| version < REMEMBERS)
    });
    let findings = found.map(|found| {
        let summary = format!(
            "{} was built on OpenMP and forgets the limit that other tools give it.",
            found.title()
        );
        Finding::new(&FORGETS, summary)
            .evidence([found.says("built on OpenMP, before 0.3.34")])
            .evidence(
                found
                    .pool
                    .runs_on
                    .as_ref()
                    .map(|file| format!("its threads are those of {}", file.display())),
            )
            .python("poolkeeper.limit(blas=N)  # limits its OpenMP runtime")
            .shell("export OMP_NUM_THREADS=N")
    });
    findings.collect()
}

pub(super) fn known_bad(facts: &Facts) -> Vec<Finding> {
    let found = facts.of_runtime("openblas").filter_map(|found| {
        let version = version(found)?;
        let mut bad = BAD_OPENBLAS.iter();
        let (_, _, fault) = bad.find(|(first, fixed, _)| (first..fixed).contains(&&version))?;
        Some(
            Finding::new(&KNOWN_BAD, format!("{} {fault}.", found.title()))
                .evidence([found.says("a version with a known fault")])
                .python("poolkeeper.set_limit(blas=1)")
                .shell("export OPENBLAS_NUM_THREADS=1")
                .advice("install a newer version"),
        )
    });
    found.collect()
}

/// "0.3.31.188.0" as its first three numbers.
fn version(found: &PoolFacts) -> Option<Version> {
    let mut numbers = found.pool.version.as_deref()?.split('.').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some((next()?, next()?, next()?))
}
