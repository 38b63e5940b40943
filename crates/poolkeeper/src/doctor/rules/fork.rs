//! What a forked child can't do any more.

use super::counted;
use crate::doctor::facts::{Facts, Unreached};
use crate::doctor::finding::{Evidence, Finding, Page, Severity};

pub(super) static PAGE: Page = Page {
    code: "PK104",
    title: "OpenMP loops have run, and child processes are forked",
    severity: Severity::Error,
    found_when: "libgomp has started threads in this process, so parallel loops have run, \
                 multiprocessing starts its processes with fork, and nothing makes forks safe \
                 (poolkeeper.fork_safe(), auto() or guard()). It is an error where the process has forked \
                 since poolkeeper was imported (in spite of another start method, once that is set). \
                 Else it is a note, since nothing happens until the process forks.",
    why: "A forked child has a copy of libgomp that believes in threads which don't exist there. The first \
          parallel loop in the child waits for these threads for ever.",
    fix: "Call poolkeeper.fork_safe(), which ends idle workers before each fork; auto() and guard() do so \
          too. Or start processes with \"spawn\" or \"forkserver\", or before the first parallel loop; one \
          OpenMP thread in the child is safe.",
    references: &[
        "https://gcc.gnu.org/bugzilla/show_bug.cgi?id=58378",
        "https://scikit-learn.org/stable/faq.html",
    ],
};

pub(super) static NUMBA: Page = Page {
    code: "PK105",
    title: "numba's OpenMP threads, and child processes are forked",
    severity: Severity::Error,
    found_when: "numba's parallel functions run on GNU OpenMP in this process, and multiprocessing starts its \
                 processes with fork. It is an error where the process has forked since poolkeeper was \
                 imported (in spite of another start method, once that is set), else a note.",
    why: "numba ends a forked child that runs a parallel function, with \"Terminating: fork() called from a \
          process already using GNU OpenMP, this is unsafe.\"",
    fix: "Start processes with \"spawn\" or \"forkserver\", or set NUMBA_THREADING_LAYER to workqueue (or to tbb, where that is installed).",
    references: &["https://numba.readthedocs.io/en/stable/user/threading-layer.html"],
};

pub(super) static OTHERS: Page = Page {
    code: "PK107",
    title: "a pool that a forked child waits for, and child processes are forked",
    severity: Severity::Error,
    found_when: "Polars, JAX or TensorFlow has started its threads in this process, and multiprocessing starts its \
                 processes with fork. It is an error where the process has forked since poolkeeper was \
                 imported (in spite of another start method, once that is set), else a note.",
    why: "A fork copies one thread. The child's first query or operation is handed to threads that don't \
          exist there, and waits for them for ever. These pools can't be ended and started again, so \
          poolkeeper.fork_safe() can't help.",
    fix: "Start processes with \"spawn\" or \"forkserver\", or fork before the library is first used.",
    references: &[
        "https://docs.pola.rs/user-guide/misc/multiprocessing/",
        "https://github.com/jax-ml/jax/pull/20734",
    ],
};

const SAFE: &str = "import poolkeeper; poolkeeper.fork_safe()";
/// `force`: the method may have been settled, by a lock of tqdm's for one.
const NO_FORK: &str =
    "import multiprocessing; multiprocessing.set_start_method(\"forkserver\", force=True)";
const BEFORE: &str = "put it before the first child is started; what calls os.fork itself is not \
                      changed by it";

pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    if !forks(facts) {
        return Vec::new();
    }
    let used: Vec<_> = facts
        .pools
        .iter()
        .filter(|found| found.pool.waits_after_fork())
        .filter(|found| found.workers > 0)
        .collect();
    if used.is_empty() {
        return Vec::new();
    }
    let lines = used.iter().map(|found| {
        found.says(&format!(
            "{} since a parallel loop",
            counted(found.workers.into(), "thread")
        ))
    });
    let finding = Finding::new(
        &PAGE,
        "OpenMP loops have run here: a forked child that runs one will wait for ever.",
    )
    .severity(severity(facts))
    .evidence(lines)
    .evidence([method(facts)])
    .python_line(SAFE)
    .advice("put it before the first fork; starting processes with spawn or forkserver helps, too");
    vec![finding]
}

pub(super) fn numba(facts: &Facts) -> Vec<Finding> {
    if !forks(facts) || facts.host.numba_layer.as_deref() != Some("omp") {
        return Vec::new();
    }
    let finding = Finding::new(
        &NUMBA,
        "numba has run on GNU OpenMP: a forked child that runs a parallel function is ended.",
    )
    .severity(severity(facts))
    .evidence(["numba's threading layer: omp".to_owned(), method(facts)])
    .python_line(NO_FORK)
    .advice(BEFORE)
    .export(facts, "NUMBA_THREADING_LAYER", "workqueue");
    vec![finding]
}

pub(super) fn others(facts: &Facts) -> Vec<Finding> {
    if !forks(facts) {
        return Vec::new();
    }
    let libraries = facts.unreached.iter();
    let named = &facts.host.fixed_pools;
    let has_begun = |library: &Unreached| {
        library.threads > 0 || named.iter().any(|pool| pool.name == library.name)
    };
    let waiting = libraries.filter(|library| library.waits_after_fork && has_begun(library));
    let finding = |library: &Unreached| {
        Finding::new(
            &OTHERS,
            format!(
                "{} has started its threads: a forked child that uses it will wait for ever.",
                library.name
            ),
        )
        .severity(severity(facts))
        .evidence([Evidence {
            text: format!(
                "{}: {} of it run",
                library.name,
                counted(library.threads.into(), "thread")
            ),
            file: Some(library.file.clone()),
        }])
        .evidence([method(facts)])
        .python_line(NO_FORK)
        .advice(BEFORE)
    };
    waiting.map(finding).collect()
}

/// Whether children are forked: the process did so, or would.
fn forks(facts: &Facts) -> bool {
    facts.host.forks > 0 || facts.host.start_method.as_deref() == Some("fork")
}

/// Whether the program forks, or would: that multiprocessing has settled for fork
/// says little, since a lock of tqdm's or a thread pool of joblib's settles it.
fn severity(facts: &Facts) -> Severity {
    if facts.host.forks > 0 {
        Severity::Error
    } else {
        Severity::Note
    }
}

fn method(facts: &Facts) -> String {
    match facts.host.forks {
        0 => {
            "multiprocessing's start method is fork; this process has not forked so far".to_owned()
        }
        forks => format!("this process has forked {}", counted(forks.into(), "time")),
    }
}
