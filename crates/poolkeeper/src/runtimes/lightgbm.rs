//! LightGBM: its own maximum for the OpenMP regions that it starts.
//!
//! LightGBM states a number of threads with each of its regions: `n_jobs`, or all
//! that OpenMP counts. So a limit of the OpenMP runtime is not its limit. Since
//! version 4.3 it has a maximum that all its regions obey, whatever they ask for.

use super::behaviour::{AfterFork, Begins, Behaviour};
use super::card::Card;
use super::control::{Bound, Control, Elsewhere, Facts, Runtime, Saved};
use crate::model::{Level, Reach};
use crate::native::{Object, StoreInt, SwapInt};
use crate::platform::{DistantObject, SymbolName, SymbolTable};
use libc::c_int;

pub(super) struct LightGbm;

static CARD: Card = Card {
    id: "lightgbm",
    name: "LightGBM",
    level: Level::Openmp,
    internal_api: "lightgbm",
    file_prefixes: &["lib_lightgbm"],
    symbols: &["LGBM_SetMaxThreads", "LGBM_GetMaxThreads"],
    reach: "process: one maximum, which regions with a number of their own obey too",
    environment: &[],
    quirks: &[
        "It has no number until it is limited: without a maximum each call takes n_jobs, or OpenMP's number.",
        "A limit of the OpenMP runtime alone does not reach LightGBM, which states its own number with each region.",
        "A fit in a forked child hangs if the parent had one before (libgomp), unless poolkeeper.fork_safe() is on.",
    ],
    sources: &[
        "LightGBM C API, `LGBM_SetMaxThreads` and `LGBM_GetMaxThreads`",
        "LightGBM, src/utils/openmp_wrapper.cpp",
    ],
    call: None,
    behaviour: Behaviour {
        // It has no number of its own: it takes OpenMP's.
        begins: Begins::Fixed,
        after_fork: AfterFork::WaitsForEver,
        ..Behaviour::USUAL
    },
};

const GET: SymbolName = SymbolName::new("LGBM_GetMaxThreads");
const SET: SymbolName = SymbolName::new("LGBM_SetMaxThreads");
/// What the getter says where there is no maximum.
const NONE: c_int = -1;

struct Loaded {
    get: StoreInt,
    set: SwapInt,
}

impl Loaded {
    fn maximum(&self) -> c_int {
        self.get.call().unwrap_or(NONE)
    }
}

impl Control for Loaded {
    /// The maximum; 0, which is unknown, where there is none.
    fn threads(&self) -> c_int {
        self.maximum().max(0)
    }

    fn set_threads(&self, threads: c_int) {
        self.set.call(threads);
    }

    fn save(&self, _threads: c_int) -> Saved {
        Saved::threads(self.maximum())
    }
}

impl Runtime for LightGbm {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        symbols.has_function(&GET) && symbols.has_function(&SET)
    }

    fn elsewhere(&self, object: &DistantObject<'_>) -> Elsewhere {
        Elsewhere {
            threads: object.stored(&GET),
            ..Elsewhere::default()
        }
    }

    fn bind(&self, object: &Object) -> Option<Bound> {
        // SAFETY: LightGBM/c_api.h: `int LGBM_GetMaxThreads(int* out)`, which writes
        // the maximum, and `int LGBM_SetMaxThreads(int num_threads)`.
        let (get, set) = unsafe { (object.function(&GET)?, object.function(&SET)?) };
        let mut facts = Facts::new(Reach::Process);
        facts.is_plain = false;
        // Its workers are those of the runtime that it finds: libgomp's can end.
        let finds = |name| object.library.resolve(name).is_some();
        facts.can_end_workers = finds("omp_pause_resource_all") && !finds("__kmpc_fork_call");
        Some(Bound {
            control: Box::new(Loaded { get, set }),
            facts,
        })
    }
}
