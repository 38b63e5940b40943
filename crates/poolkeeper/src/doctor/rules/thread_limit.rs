//! A limit of OpenMP's threads that an OpenBLAS built on OpenMP doesn't know of.

use super::counted;
use crate::doctor::facts::{Facts, PoolFacts};
use crate::doctor::finding::{Finding, Page, Severity};
use std::num::NonZeroU32;

pub(super) static PAGE: Page = Page {
    code: "PK106",
    title: "OMP_THREAD_LIMIT below the threads of an OpenBLAS built on OpenMP",
    severity: Severity::Error,
    found_when: "OMP_THREAD_LIMIT lets the OpenMP runtime start fewer threads than it was told to use, \
                 and an OpenBLAS that was built on OpenMP runs on it (faiss-cpu's wheel, Debian's \
                 libopenblas0-openmp).",
    why: "Such an OpenBLAS divides a product by the number that OpenMP was told to use, and waits for \
          each part. The parts of threads that were never started are never done, so the program hangs \
          with its CPUs busy.",
    fix: "Unset OMP_THREAD_LIMIT, or set OMP_NUM_THREADS (or the limit) to no more than OMP_THREAD_LIMIT.",
    references: &[
        "OpenMP API 5.2, section 21.1.5 (OMP_THREAD_LIMIT)",
        "https://github.com/dealii/dealii/issues/14227",
        "https://github.com/OpenMathLib/OpenBLAS/issues/5947",
    ],
};

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let on_openmp = facts.of_runtime("openblas").filter_map(|blas| {
        let path = blas.pool.runs_on.as_ref()?;
        let openmp = facts
            .pools
            .iter()
            .find(|other| other.pool.filepath == *path)?;
        Some((blas, openmp, openmp.pool.max_threads?))
    });
    let hanging = on_openmp.filter(|(blas, openmp, most)| parts(blas, openmp) > most.get());
    hanging
        .map(|(blas, openmp, most)| finding(facts, blas, openmp, most))
        .collect()
}

/// Into how many parts the OpenBLAS divides a product.
fn parts(blas: &PoolFacts, openmp: &PoolFacts) -> u32 {
    let built_for = blas.pool.max_threads.map_or(u32::MAX, NonZeroU32::get);
    openmp.told.min(built_for)
}

fn finding(facts: &Facts, blas: &PoolFacts, openmp: &PoolFacts, most: NonZeroU32) -> Finding {
    let advised = most.get().min(facts.cpus.budget.max(1));
    let summary = format!(
        "{} divides its work into {} parts and waits for each, of which OMP_THREAD_LIMIT lets {} run.",
        blas.title(),
        parts(blas, openmp),
        most
    );
    let told = counted(openmp.told.into(), "thread");
    let limited = counted(most.get().into(), "thread");
    Finding::new(&PAGE, summary)
        .evidence([
            blas.says("built on OpenMP"),
            openmp.says(&format!("told to use {told}; starts {limited} at most")),
        ])
        .advice("or unset OMP_THREAD_LIMIT, which poolkeeper never sets")
        .lower(
            facts,
            &[openmp],
            &[(openmp.pool.runtime, advised.into())],
            format!("poolkeeper.set_limit({}={advised})", openmp.pool.runtime),
        )
        .export(facts, "OMP_NUM_THREADS", advised)
}
