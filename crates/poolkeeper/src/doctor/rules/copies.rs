//! Several copies of one runtime, and two that don't go together.

use crate::doctor::facts::{Facts, PoolFacts};
use crate::doctor::finding::{Finding, Page, Severity};
use std::collections::BTreeMap;

pub(super) static TWO_LLVM: Page = Page {
    code: "PK102",
    title: "two copies of LLVM's or Intel's OpenMP in one process",
    severity: Severity::Error,
    found_when: "More than one of libomp (LLVM) and libiomp5 (Intel), which are one program under two \
                 names, is loaded.",
    why: "The two copies don't know of each other but share names and a lock in the environment: programs have \
          crashed, hung and returned wrong results.",
    fix: "Install the libraries that bring the runtimes from one source, such as conda-forge, so that \
          they share one copy.",
    references: &["https://github.com/joblib/threadpoolctl/blob/master/multiple_openmp.md"],
};

pub(super) static DUPLICATE_OK: Page = Page {
    code: "PK103",
    title: "KMP_DUPLICATE_LIB_OK is set",
    severity: Severity::Warning,
    found_when: "KMP_DUPLICATE_LIB_OK is true and an LLVM or Intel OpenMP runtime is loaded, which reads \
                 it. It is a warning where there are two such runtimes, else a note. threadpoolctl sets the variable \
                 when it is imported, and scikit-learn imports threadpoolctl.",
    why: "With this variable, a second copy of the runtime goes on where it would otherwise stop the program with \
          an explanation. Intel calls the variable unsafe, unsupported and undocumented: crashes and \
          wrong results are possible.",
    fix: "Unset the variable, and load only one copy of the runtime.",
    references: &[
        "https://github.com/joblib/threadpoolctl/blob/master/multiple_openmp.md",
        "LLVM/OpenMP, kmp_runtime.cpp (__kmp_register_library_startup)",
    ],
};

pub(super) static COPIES: Page = Page {
    code: "PK301",
    title: "several copies of one runtime",
    severity: Severity::Note,
    found_when: "One runtime is loaded from several files: numpy's wheel and scipy's each bring an \
                 OpenBLAS, scikit-learn's and PyTorch's each a libgomp.",
    why: "Each copy has threads, buffers and a limit of its own: limiting one doesn't limit the other, and \
          code that uses both in turn has twice the threads.",
    fix: "You need not do anything, as a rule: poolkeeper's limits are for all copies. conda-forge's packages share one copy.",
    references: &[
        "https://pypackaging-native.github.io/key-issues/native-dependencies/blas_openmp/",
    ],
};

const KMP: &str = "KMP_DUPLICATE_LIB_OK";

pub(super) fn two_llvm(facts: &Facts) -> Vec<Finding> {
    let loaded: Vec<_> = facts.of_runtime("libomp").collect();
    if loaded.len() < 2 {
        return Vec::new();
    }
    let finding = Finding::new(
        &TWO_LLVM,
        format!(
            "{} of LLVM's and Intel's OpenMP are loaded in one process, which can crash.",
            counted_copies(loaded.len())
        ),
    )
    .evidence(loaded.iter().map(|found| file(found)))
    .evidence(is_on(facts).map(|value| format!("{KMP}={value} keeps them from complaining")))
    .advice("install the packages that bring them from one source, so that they share a copy");
    vec![finding]
}

pub(super) fn duplicate_ok(facts: &Facts) -> Vec<Finding> {
    let loaded: Vec<_> = facts.of_runtime("libomp").collect();
    let Some(value) = is_on(facts).filter(|_| !loaded.is_empty()) else {
        return Vec::new();
    };
    let several = loaded.len() > 1;
    let summary = if several {
        format!("{KMP} hides that two copies of one OpenMP runtime are loaded.")
    } else {
        format!(
            "{KMP} is set: a second copy of {} would go unnoticed.",
            loaded[0].pool.name
        )
    };
    let finding = Finding::new(&DUPLICATE_OK, summary)
        .severity(if several {
            Severity::Warning
        } else {
            Severity::Note
        })
        .evidence([format!("{KMP}={value}, set {}", set_by(facts))])
        .evidence(loaded.iter().map(|found| file(found)))
        .python_line(format!(
            "import os; os.environ.pop(\"{KMP}\", None)  # after the imports"
        ))
        .unset(facts, KMP);
    vec![finding]
}

/// The value, if it is one that the runtime takes for "yes".
fn is_on(facts: &Facts) -> Option<&str> {
    let value = facts.environment.now(KMP)?;
    let yes = [
        "1", "true", "t", "yes", "y", "on", "enabled", ".true.", ".t.",
    ];
    yes.contains(&&*value.trim().to_lowercase())
        .then_some(value)
}

/// Who set it, as far as that can be known.
fn set_by(facts: &Facts) -> &'static str {
    if !facts.environment.is_changed(KMP) {
        return "before the program started";
    }
    if facts.has_module("threadpoolctl") {
        return "in this process: importing threadpoolctl does that";
    }
    "in this process, by the program or a library"
}

pub(super) fn copies(facts: &Facts) -> Vec<Finding> {
    let mut runtimes: BTreeMap<&str, Vec<&PoolFacts>> = BTreeMap::new();
    for found in &facts.pools {
        runtimes.entry(found.pool.runtime).or_default().push(found);
    }
    // Two of LLVM's have a code of their own.
    let several = runtimes
        .into_iter()
        .filter(|(id, copies)| copies.len() > 1 && *id != "libomp");
    let findings = several.map(|(id, copies)| {
        let summary = format!(
            "{} of {} are loaded, each with threads of its own.",
            counted_copies(copies.len()),
            copies[0].pool.name
        );
        Finding::new(&COPIES, summary)
            .evidence(copies.iter().map(|found| found.says_threads()))
            .advice(format!(
                "nothing, as a rule: poolkeeper.limit({id}=...) is for all copies"
            ))
    });
    findings.collect()
}

fn counted_copies(count: usize) -> String {
    match count {
        2 => "Two copies".to_owned(),
        3 => "Three copies".to_owned(),
        count => format!("{count} copies"),
    }
}

fn file(found: &PoolFacts) -> String {
    format!("{}: {}", found.pool.name, found.pool.filepath.display())
}
