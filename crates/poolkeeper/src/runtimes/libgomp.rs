//! libgomp, GCC's OpenMP runtime.

use super::behaviour::{AfterFork, Behaviour};
use super::card::{Card, Counts, counted, variable};
use super::control::{Bound, Elsewhere, Runtime};
use super::openmp;
use crate::model::Level;
use crate::native::Object;
use crate::platform::{DistantObject, SymbolName, SymbolTable};

pub(super) struct Libgomp;

static CARD: Card = Card {
    id: "libgomp",
    name: "GNU OpenMP (libgomp)",
    level: Level::Openmp,
    internal_api: "openmp",
    file_prefixes: &["libgomp"],
    symbols: &[
        "GOMP_parallel",
        "omp_get_max_threads",
        "not __kmpc_fork_call",
    ],
    reach: "thread: only the calling thread; new threads start from the process's value",
    environment: &[
        counted(
            openmp::THREADS,
            Counts::Openmp,
            "threads of a parallel region, a list for nested ones; read when the library is loaded",
        )
        .list()
        .read(openmp::READING),
        variable(
            "OMP_THREAD_LIMIT",
            "the most threads of all nested regions together; never set by poolkeeper, because an OpenBLAS built on OpenMP waits for ever where it is smaller than OMP_NUM_THREADS; read when the library is loaded",
        ),
        variable(
            "OMP_DYNAMIC",
            "lets the runtime use fewer threads than asked for; read when the library is loaded",
        ),
        variable(
            "GOMP_CPU_AFFINITY",
            "binds its threads to these CPUs; read when the library is loaded",
        ),
        variable(
            "GOMP_SPINCOUNT",
            "how long idle threads spin before they sleep; read when the library is loaded",
        ),
    ],
    quirks: &[
        "A region that states num_threads explicitly, as scikit-learn's do, takes the number computed before it, not a limit set while it runs.",
        "A parallel region in a forked child hangs if the parent ran one before on the thread that forks, unless poolkeeper.fork_safe() is on (GCC 9 and newer); one thread in the child is safe.",
        "Two copies (a wheel's and the system's) are two pools.",
    ],
    sources: &[
        "OpenMP API 5.2, section 18.2",
        "GNU libgomp manual, \"Environment Variables\"",
        "GCC libgomp/env.c (parse_unsigned_long_list)",
    ],
    call: None,
    behaviour: Behaviour {
        binds_by: &["OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY"],
        after_fork: AfterFork::WaitsForEver,
        ..openmp::BEHAVIOUR
    },
};

const FORK: SymbolName = SymbolName::new("GOMP_parallel");

impl Runtime for Libgomp {
    fn card(&self) -> &'static Card {
        &CARD
    }

    /// LLVM's runtime exports `GOMP_parallel` too, for programs built by GCC.
    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        symbols.has_function(&FORK)
            && symbols.has_function(&openmp::GET)
            && symbols.has_function(&openmp::SET)
            && !symbols.has_function(&super::llvm_openmp::FORK)
    }

    fn elsewhere(&self, object: &DistantObject<'_>) -> Elsewhere {
        Elsewhere {
            threads: object.answer(&openmp::GET),
            ..Elsewhere::default()
        }
    }

    fn bind(&self, object: &Object) -> Option<Bound> {
        // gomp_pause_host (libgomp/team.c) joins the calling thread's docked workers.
        openmp::bind(object, true)
    }
}
