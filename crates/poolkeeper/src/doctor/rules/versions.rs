//! Versions with faults that matter here.

use crate::doctor::facts::{Facts, PoolFacts};
use crate::doctor::finding::{Finding, Page, Severity};

pub(super) static FORGETS: Page = Page {
    code: "PK501",
    title: "an OpenBLAS that forgets its limit",
    severity: Severity::Warning,
    found_when: "An OpenBLAS built on OpenMP is loaded whose version is before 0.3.34; it uses several \
                 threads, and no limit of poolkeeper's holds it.",
    why: "This OpenBLAS asks its OpenMP runtime for the number of threads at every call, and so forgets what \
          openblas_set_num_threads was told. Limits of other tools on \"blas\" have no effect on it. \
          poolkeeper limits the OpenMP runtime instead, which also limits other OpenMP code of the thread.",
    fix: "Limit this OpenBLAS with poolkeeper, or install a newer OpenBLAS.",
    references: &["https://github.com/OpenMathLib/OpenBLAS/issues/5806"],
};

pub(super) static KNOWN_BAD: Page = Page {
    code: "PK502",
    title: "a version that computes wrong results or hangs",
    severity: Severity::Error,
    found_when: "An OpenBLAS of these versions is loaded: 0.2.18 and 0.2.19, with several threads; 0.3.0 to \
                 0.3.3.",
    why: "0.2.18 and 0.2.19 could wait for themselves for ever in parallel calls. 0.3.0 to 0.3.3 gave wrong \
          results when several threads called them at once.",
    fix: "Install a newer version. Until then, give 0.2.18 and 0.2.19 one thread; let one thread at a time \
          call 0.3.0 to 0.3.3.",
    references: &[
        "https://github.com/OpenMathLib/OpenBLAS/issues/660",
        "https://github.com/OpenMathLib/OpenBLAS/issues/1761",
        "https://github.com/OpenMathLib/OpenBLAS/issues/1844",
    ],
};

/// A fault of the versions from the first to before the second.
struct Fault {
    first: Version,
    fixed: Version,
    does: &'static str,
    /// Whether it stays away while the library uses one thread.
    needs_threads: bool,
}

const BAD_OPENBLAS: [Fault; 2] = [
    Fault {
        first: (0, 2, 18),
        fixed: (0, 2, 20),
        does: "can wait for itself for ever in parallel calls",
        needs_threads: true,
    },
    Fault {
        first: (0, 3, 0),
        fixed: (0, 3, 4),
        does: "gives wrong results when several threads call it at once",
        needs_threads: false,
    },
];

const REMEMBERS: Version = (0, 3, 34);

type Version = (u32, u32, u32);

pub(super) fn forgets(facts: &Facts) -> Vec<Finding> {
    let found = facts.of_runtime("openblas").filter(|found| {
        let is_on_openmp = found.pool.threading_layer.as_deref() == Some("openmp");
        let has_forgotten = !found.is_limited && found.threads() > 1;
        is_on_openmp && has_forgotten && version(found).is_some_and(|version| version < REMEMBERS)
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
            .advice(
                "limit it with poolkeeper, which limits its OpenMP runtime (with poolkeeper.limit(blas=1):), \
                 set OMP_NUM_THREADS before the program, or install OpenBLAS 0.3.34 or newer",
            )
    });
    findings.collect()
}

pub(super) fn known_bad(facts: &Facts) -> Vec<Finding> {
    let found = facts.of_runtime("openblas").filter_map(|found| {
        let version = version(found)?;
        let mut bad = BAD_OPENBLAS.iter();
        let fault = bad.find(|fault| (fault.first..fault.fixed).contains(&version))?;
        if fault.needs_threads && found.threads() == 1 {
            return None;
        }
        let summary = format!("{} {}.", found.title(), fault.does);
        let finding = Finding::new(&KNOWN_BAD, summary)
            .evidence([found.says("a version with a known fault")]);
        Some(match fault.needs_threads {
            true => finding
                .advice("install a newer version")
                .lower(
                    facts,
                    &[found],
                    &[("blas", 1)],
                    "poolkeeper.set_limit(blas=1)",
                )
                .shell("export OPENBLAS_NUM_THREADS=1"),
            false => finding
                .advice("install a newer version; until then, let one thread at a time call it"),
        })
    });
    found.collect()
}

/// "0.3.31.188.0" as its first three numbers.
fn version(found: &PoolFacts) -> Option<Version> {
    let mut numbers = found.pool.version.as_deref()?.split('.').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some((next()?, next()?, next()?))
}
