//! What every OpenMP runtime has in common: the standard's own two calls.
//!
//! Source: OpenMP API 5.2, sections 18.2.1 (`omp_set_num_threads`), 18.2.3
//! (`omp_get_max_threads`), 18.2.13 (`omp_get_thread_limit`) and 18.6.2
//! (`omp_pause_resource_all`).

use super::behaviour::Behaviour;
use super::card::Reading;
use super::control::{Bound, Control, Facts, count};
use crate::model::Reach;
use crate::native::{GetInt, Object, SetInt, SwapInt};
use crate::platform::SymbolName;
use libc::c_int;

/// The variable by which every OpenMP runtime takes its number of threads; other
/// runtimes read it where their own is unset.
pub(crate) const THREADS: &str = "OMP_NUM_THREADS";

/// How OpenMP runtimes read it (OpenMP API 5.2, section 21.1.2; libgomp env.c, LLVM
/// kmp_settings.cpp).
pub(super) const READING: Reading = Reading::Whole;

/// What the runtimes have in common.
pub(super) const BEHAVIOUR: Behaviour = Behaviour {
    calls_blas: true,
    spins: true,
    ..Behaviour::USUAL
};

pub(super) const GET: SymbolName = SymbolName::new("omp_get_max_threads");
pub(super) const SET: SymbolName = SymbolName::new("omp_set_num_threads");
const THREAD_LIMIT: SymbolName = SymbolName::new("omp_get_thread_limit");

/// `omp_pause_resource_t`: the workers may end, and with them what is `threadprivate`
/// in them; the settings stay.
const SOFT: c_int = 1;
pub(super) const PAUSE: SymbolName = SymbolName::new("omp_pause_resource_all");

struct OpenMp {
    get: GetInt,
    set: SetInt,
    /// Ends the calling thread's workers; not inside a parallel region.
    pause: Option<SwapInt>,
}

impl Control for OpenMp {
    fn threads(&self) -> c_int {
        self.get.call()
    }

    fn set_threads(&self, threads: c_int) {
        self.set.call(threads);
    }

    fn end_idle_workers(&self) -> bool {
        // It answers 0, or another number inside a parallel region.
        self.pause.is_some_and(|pause| pause.call(SOFT) == 0)
    }
}

/// Takes hold of an object that defines the OpenMP API. Whether its workers end
/// where it is told to pause, and nothing else happens, its runtime knows.
pub(super) fn bind(object: &Object, pauses: bool) -> Option<Bound> {
    // SAFETY: OpenMP API 5.2, omp.h: `int omp_get_max_threads(void)`, `void
    // omp_set_num_threads(int)`, `int omp_get_thread_limit(void)`, and
    // `int omp_pause_resource_all(omp_pause_resource_t)`, an enumeration as large as int.
    let (get, set, thread_limit, pause) = unsafe {
        (
            object.function(&GET)?,
            object.function(&SET)?,
            object.function::<GetInt>(&THREAD_LIMIT),
            object.function::<SwapInt>(&PAUSE).filter(|_| pauses),
        )
    };
    let mut facts = Facts::new(Reach::Thread);
    facts.provides = object.address(&SET);
    facts.can_end_workers = pause.is_some();
    // Without OMP_THREAD_LIMIT runtimes answer with their largest integer,
    // which is no limit that anybody set.
    facts.max_threads = thread_limit
        .map(GetInt::call)
        .filter(|limit| *limit < 1 << 16)
        .and_then(count);
    Some(Bound {
        control: Box::new(OpenMp { get, set, pause }),
        facts,
    })
}
