//! What listens to an environment variable and has no pool that poolkeeper
//! could find: language runtimes, thread pools without an interface in C.

use super::card::{Counts, Variable, counted, variable};
use serde::Serialize;

/// A program or library that takes a thread count from its environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Listener {
    /// Name as its makers write it.
    pub name: &'static str,
    /// Variables that decide its thread count; empty where there is none.
    pub environment: &'static [Variable],
    /// What else there is to know: another way, where no variable helps.
    pub note: &'static str,
    /// Where this is documented.
    pub source: &'static str,
}

/// Every listener.
///
/// # Examples
///
/// ```
/// let names: Vec<_> = poolkeeper::runtimes::listeners().map(|l| l.name).collect();
/// assert!(names.contains(&"numba"));
/// ```
pub fn listeners() -> impl Iterator<Item = &'static Listener> {
    LISTENERS.iter()
}

static LISTENERS: [Listener; 10] = [
    Listener {
        name: "Accelerate (macOS)",
        environment: &[counted(
            "VECLIB_MAXIMUM_THREADS",
            Counts::Blas,
            "threads of a BLAS call",
        )],
        note: "",
        source: "macOS manual page Accelerate(7)",
    },
    Listener {
        name: "numba",
        environment: &[counted(
            "NUMBA_NUM_THREADS",
            Counts::Openmp,
            "threads of parallel=True functions; read at import",
        )],
        note: "The variable is a ceiling: numba.set_num_threads takes no larger number. A program that wants the machine's CPUs should call `numba.set_num_threads(min(os.cpu_count(), numba.config.NUMBA_NUM_THREADS))`. Once numba is imported, poolkeeper leaves the variable alone, because numba treats another value as an error, and calls numba.set_num_threads, which lowers the number for the calling thread.",
        source: "Numba reference manual, \"Environment variables\"",
    },
    Listener {
        name: "rayon",
        environment: &[
            counted(
                "RAYON_NUM_THREADS",
                Counts::Openmp,
                "size of the global pool; read at its first use",
            )
            .over(&["RAYON_RS_NUM_CPUS"]),
            variable(
                "RAYON_RS_NUM_CPUS",
                "size of the global pool, if RAYON_NUM_THREADS is unset",
            ),
        ],
        note: "",
        source: "rayon, ThreadPoolBuilder::num_threads",
    },
    Listener {
        name: "ITK, SimpleITK",
        environment: &[counted(
            "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
            Counts::Openmp,
            "threads of a filter; read at its first use",
        )
        .over(&["NSLOTS"])],
        note: "",
        source: "ITK, MultiThreaderBase::GetGlobalDefaultNumberOfThreads",
    },
    Listener {
        name: "PyTorch",
        environment: &[],
        note: "It takes OMP_NUM_THREADS and MKL_NUM_THREADS for one operation's threads. No variable sets the number of operations side by side: call torch.set_num_interop_threads(1) before the first.",
        source: "PyTorch documentation, \"CPU threading and TorchScript inference\"",
    },
    Listener {
        name: "joblib (loky)",
        environment: &[counted(
            "LOKY_MAX_CPU_COUNT",
            Counts::Cpus,
            "the CPUs that n_jobs=-1 means",
        )],
        note: "",
        source: "joblib documentation, joblib.cpu_count",
    },
    Listener {
        name: "Python 3.13 and newer",
        environment: &[counted(
            "PYTHON_CPU_COUNT",
            Counts::Cpus,
            "what os.cpu_count() and os.process_cpu_count() say",
        )],
        note: "",
        source: "Python documentation, \"Command line and environment\"",
    },
    Listener {
        name: "Go",
        environment: &[counted(
            "GOMAXPROCS",
            Counts::Cpus,
            "threads that run Go code at the same time",
        )],
        note: "",
        source: "Go, package runtime",
    },
    Listener {
        name: "Julia",
        environment: &[counted(
            "JULIA_NUM_THREADS",
            Counts::Openmp,
            "threads to start with, 1 by default",
        )
        .usual(1)
        .list()],
        note: "",
        source: "Julia manual, \"Environment Variables\"",
    },
    Listener {
        name: "R (parallel)",
        environment: &[counted(
            "MC_CORES",
            Counts::Cpus,
            "processes that mclapply starts unless told otherwise, 2 by default",
        )
        .usual(2)],
        note: "",
        source: "R documentation, parallel::mclapply",
    },
];
