//! LLVM's OpenMP runtime, which Intel ships as libiomp5.

use super::behaviour::Behaviour;
use super::card::{Card, Counts, counted, variable};
use super::control::{Bound, Runtime};
use super::openmp;
use crate::model::Level;
use crate::native::Object;
use crate::platform::{SymbolName, SymbolTable};

pub(super) struct LlvmOpenMp;

static CARD: Card = Card {
    id: "libomp",
    name: "LLVM/Intel OpenMP (libomp, libiomp5)",
    level: Level::Openmp,
    internal_api: "openmp",
    file_prefixes: &["libiomp", "libomp", "vcomp"],
    symbols: &[
        "__kmpc_fork_call",
        "omp_get_max_threads",
        "omp_set_num_threads",
    ],
    reach: "thread: only the calling thread; new threads start from the process's value",
    environment: &[
        counted(
            openmp::THREADS,
            Counts::Openmp,
            "threads of a parallel region, a list for nested ones; read at the runtime's first use",
        )
        .list()
        .read(openmp::READING),
        variable(
            "OMP_THREAD_LIMIT",
            "the most threads of all nested regions together; never set by poolkeeper, because an OpenBLAS built on OpenMP waits for ever where it is smaller than OMP_NUM_THREADS; read at the runtime's first use",
        ),
        variable(
            "KMP_DEVICE_THREAD_LIMIT",
            "threads of the process; read at the runtime's first use",
        ),
        variable(
            "KMP_BLOCKTIME",
            "milliseconds that idle threads spin before they sleep; read at the runtime's first use",
        ),
        variable(
            "KMP_AFFINITY",
            "binds its threads to CPUs; read at the runtime's first use",
        ),
        variable(
            "KMP_DUPLICATE_LIB_OK",
            "lets two copies run in one process, with wrong results possible; poolkeeper never sets it",
        ),
    ],
    quirks: &[
        "libomp and libiomp5 in one process can crash or hang on Linux.",
        "It exports GOMP_parallel as well, and serves programs that GCC built.",
    ],
    sources: &[
        "OpenMP API 5.2, section 18.2",
        "LLVM/OpenMP runtimes documentation, \"Environment Variables\"",
    ],
    call: None,
    behaviour: Behaviour {
        binds_by: &["OMP_PROC_BIND", "OMP_PLACES", "KMP_AFFINITY"],
        ..openmp::BEHAVIOUR
    },
};

pub(super) const FORK: SymbolName = SymbolName::new("__kmpc_fork_call");

impl Runtime for LlvmOpenMp {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        symbols.has_function(&FORK)
            && symbols.has_function(&openmp::GET)
            && symbols.has_function(&openmp::SET)
    }

    fn bind(&self, object: &Object) -> Option<Bound> {
        // A child uses it without that, and its pause has ended children (LLVM 14).
        openmp::bind(object, false)
    }
}
