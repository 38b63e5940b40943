//! BLIS, on its own or linked statically into another library.

use super::{Bound, Card, Control, Facts, Runtime, Saved, variable};
use crate::model::{Level, Reach};
use crate::native::{GetInt, GetLong, GetText, NameOf, Object, SetLong};
use crate::platform::{SymbolName, SymbolTable};
use libc::c_int;

pub(super) struct Blis;

static CARD: Card = Card {
    id: "blis",
    name: "BLIS",
    level: Level::Blas,
    internal_api: "blis",
    file_prefixes: &["libblis"],
    symbols: &[
        "bli_thread_get_num_threads",
        "bli_thread_set_num_threads",
        "bli_info_get_version_str",
    ],
    reach: "process: one value for every thread",
    environment: &[
        variable(
            "BLIS_NUM_THREADS",
            "threads of its functions; read at its first use",
        ),
        variable("OMP_NUM_THREADS", "the same, if BLIS_NUM_THREADS is unset"),
        variable(
            "BLIS_JC_NT",
            "with BLIS_PC_NT, BLIS_IC_NT, BLIS_JR_NT, BLIS_IR_NT: threads of each of its five loops",
        ),
    ],
    quirks: &[
        "It starts with one thread: its \"unset\", -1, means 1.",
        "Setting a number of threads forgets the numbers set for single loops.",
        "It is often linked statically into another library (PyPI's blis), where only its symbols tell.",
    ],
    sources: &[
        "BLIS docs/Multithreading.md",
        "BLIS frame/thread/bli_thread.h",
    ],
};

const GET: SymbolName = SymbolName::new("bli_thread_get_num_threads");
const SET: SymbolName = SymbolName::new("bli_thread_set_num_threads");
const VERSION: SymbolName = SymbolName::new("bli_info_get_version_str");
const OPENMP: SymbolName = SymbolName::new("bli_info_get_enable_openmp");
const PTHREADS: SymbolName = SymbolName::new("bli_info_get_enable_pthreads");
const ARCH: SymbolName = SymbolName::new("bli_arch_query_id");
const ARCH_NAME: SymbolName = SymbolName::new("bli_arch_string");

impl Runtime for Blis {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        [&GET, &SET, &VERSION]
            .into_iter()
            .all(|name| symbols.has_function(name))
    }

    fn bind(&self, object: &Object) -> Option<Bound> {
        // SAFETY: BLIS frame/thread/bli_thread.h: `dim_t
        // bli_thread_get_num_threads(void)`, `void
        // bli_thread_set_num_threads(dim_t)`, with a dim_t of 64 bits (a 32-bit
        // one lies in the same register); frame/base/bli_info.h: `const char
        // *bli_info_get_version_str(void)`, `gint_t bli_info_get_enable_*(void)`;
        // frame/base/bli_arch.h: `arch_t bli_arch_query_id(void)`, `const char
        // *bli_arch_string(arch_t)`, where arch_t is an enum.
        let (get, set, version, openmp, pthreads, arch, arch_name) = unsafe {
            (
                object.function(&GET)?,
                object.function(&SET)?,
                object.function::<GetText>(&VERSION)?.call(),
                object.function::<GetInt>(&OPENMP).map(GetInt::call),
                object.function::<GetInt>(&PTHREADS).map(GetInt::call),
                object.function::<GetInt>(&ARCH).map(GetInt::call),
                object.function::<NameOf>(&ARCH_NAME),
            )
        };
        let layer = match (openmp.unwrap_or(0), pthreads.unwrap_or(0)) {
            (0, 0) => "disabled",
            (0, _) => "pthreads",
            _ => "openmp",
        };
        let mut facts = Facts::new(Reach::Process);
        facts.version = version;
        facts.threading_layer = Some(layer.to_owned());
        facts.architecture = arch_name.zip(arch).and_then(|(name, id)| name.call(id));
        facts.fixed = (layer == "disabled").then_some("this BLIS was built without threads");
        let control = Loaded { get, set };
        Some(Bound {
            control: Box::new(control),
            facts,
        })
    }
}

struct Loaded {
    get: GetLong,
    set: SetLong,
}

impl Loaded {
    fn raw(&self) -> c_int {
        c_int::try_from(self.get.call()).unwrap_or(c_int::MAX)
    }
}

impl Control for Loaded {
    fn threads(&self) -> c_int {
        match self.raw() {
            -1 => 1,
            threads => threads,
        }
    }

    fn set_threads(&self, threads: c_int) {
        self.set.call(i64::from(threads));
    }

    fn save(&self, _threads: c_int) -> Saved {
        Saved(self.raw())
    }
}
