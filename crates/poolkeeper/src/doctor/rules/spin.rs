//! How OpenMP's idle threads wait.

use crate::doctor::facts::Facts;
use crate::doctor::finding::{Finding, Page, Severity};
use crate::doctor::settings::variable;
use crate::model::Level;

pub(super) static IN_TURN: Page = Page {
    code: "PK205",
    title: "OpenMP and a BLAS with its own threads in turn",
    severity: Severity::Warning,
    found_when: "An OpenMP runtime and an OpenBLAS built on pthreads are loaded, and both use several \
                 threads. It is a note as a rule, and a warning where OMP_WAIT_POLICY=active (or an infinite \
                 GOMP_SPINCOUNT) makes idle OpenMP threads wait at full speed for ever.",
    why: "OpenMP's threads go on running for a while after a loop, waiting for the next one. If a BLAS \
          call follows at once, its threads find the CPUs taken. Code that alternates quickly between \
          the two can be many times slower than with one thread each. The two together are usual: they \
          come with the wheels of numpy, scipy and scikit-learn.",
    fix: "In code that alternates quickly, let the BLAS use one thread. If OMP_WAIT_POLICY=active is set, \
          unset it.",
    references: &[
        "https://github.com/scikit-learn/scikit-learn/issues/17334",
        "https://github.com/OpenMathLib/OpenBLAS/issues/3187",
    ],
};

pub(super) static SLEEPS_AT_ONCE: Page = Page {
    code: "PK206",
    title: "idle OpenMP threads sleep at once",
    severity: Severity::Warning,
    found_when: "libgomp is loaded, uses several threads, and GOMP_SPINCOUNT is 0 or 1.",
    why: "Threads that sleep between two parallel loops have to be woken for each one. Programs with \
          many short loops (gradient boosting in scikit-learn) were measured to be 2 to 10 times slower.",
    fix: "Unset GOMP_SPINCOUNT before the program starts: it is read when libgomp is loaded.",
    references: &["https://github.com/scikit-learn/scikit-learn/issues/34437"],
};

pub(super) fn in_turn(facts: &Facts) -> Vec<Finding> {
    let openmp = facts
        .widest_openmp(|threads| threads.spins)
        .filter(|openmp| openmp.threads() > 1);
    let blas = facts
        .of_level(Level::Blas)
        .filter(|blas| blas.is_on_pthreads() && blas.threads() > 1)
        .max_by_key(|blas| blas.threads());
    let (Some(openmp), Some(blas)) = (openmp, blas) else {
        return Vec::new();
    };
    let active = waits_for_ever(facts);
    let how = match active {
        Some(_) => "wait at full speed for ever and leave it no CPU",
        None => "wait at full speed for a while after each loop",
    };
    let summary = format!(
        "{} shares the CPUs with OpenMP threads that {how}.",
        blas.pool.name
    );
    let finding = Finding::new(&IN_TURN, summary)
        .severity(active.map_or(Severity::Note, |_| Severity::Warning))
        .evidence([openmp, blas].map(|found| found.says_threads()))
        .evidence(active.map(|(name, value)| format!("{name}={value}")));
    let finding = finding.lower(
        facts,
        &[blas],
        &[("blas", 1)],
        "poolkeeper.set_limit(blas=1)",
    );
    vec![match active {
        Some((name, _)) => finding.unset(facts, name),
        None => {
            let finding = match variable(blas) {
                Some(name) => finding.shell(format!("export {name}=1")),
                None => finding,
            };
            finding.advice("or around such code alone: with poolkeeper.limit(blas=1):")
        }
    }]
}

/// The variable by which idle threads never sleep, and its value.
fn waits_for_ever(facts: &Facts) -> Option<(&'static str, &str)> {
    let is_active = |name: &str, value: &str| {
        let value = value.trim().to_lowercase();
        value == "active" || name == "GOMP_SPINCOUNT" && ["infinite", "infinity"].contains(&&*value)
    };
    let names = ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT"].into_iter();
    let mut set = names.filter_map(|name| Some((name, facts.environment.now(name)?)));
    set.find(|(name, value)| is_active(name, value))
}

pub(super) fn sleeps_at_once(facts: &Facts) -> Vec<Finding> {
    const NAME: &str = "GOMP_SPINCOUNT";
    let Some(value) = facts.environment.now(NAME).map(str::trim) else {
        return Vec::new();
    };
    let wide = facts
        .of_runtime("libgomp")
        .find(|found| found.threads() > 1);
    let Some(libgomp) = wide.filter(|_| ["0", "1"].contains(&value)) else {
        return Vec::new();
    };
    let finding = Finding::new(
        &SLEEPS_AT_ONCE,
        format!("{NAME}={value} sends idle OpenMP threads to sleep at once, which makes short loops slow."),
    )
    .evidence([format!("{NAME}={value}").into(), libgomp.says_threads()])
    .unset(facts, NAME);
    vec![finding]
}
