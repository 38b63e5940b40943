//! The places of the OpenMP runtimes that are loaded: the sets of CPUs to which
//! they bind their threads, and the CPUs that they found in the affinity mask.
//!
//! Source: OpenMP API 5.2, sections 18.3.1 (`omp_get_num_places`), 18.3.2
//! (`omp_get_place_num_procs`), 18.3.3 (`omp_get_place_proc_ids`) and 18.2.20
//! (`omp_get_num_procs`).

use crate::native::{FillInts, GetInt, Object, SwapInt};
use crate::platform::{self, Library, SymbolName, SymbolTable};
use std::ffi::CString;

/// The places of one runtime.
pub(crate) struct Places {
    /// Each place's CPUs, in order.
    pub(crate) cpus: Vec<Vec<u32>>,
    /// How many CPUs the mask had before it bound anybody. A list that the user
    /// wrote may name others.
    pub(crate) found: usize,
    /// Whether the process's main thread is always bound to the first of them.
    pub(crate) main_thread_first: bool,
}

const COUNT: SymbolName = SymbolName::new("omp_get_num_places");
const LENGTH: SymbolName = SymbolName::new("omp_get_place_num_procs");
const FOUND: SymbolName = SymbolName::new("omp_get_num_procs");
const CPUS: SymbolName = SymbolName::new("omp_get_place_proc_ids");
/// LLVM's runtime and Intel's, and nobody else.
const LLVM: SymbolName = SymbolName::new("__kmpc_fork_call");

/// The most places that a runtime is believed to have.
const MOST: i32 = 1 << 16;

struct Candidate {
    name: CString,
    base: usize,
    symbols: SymbolTable<'static>,
    is_llvm: bool,
}

/// The places of every OpenMP runtime that binds its threads. Takes the
/// loader's lock: nobody may hold one that a library's constructor wants.
///
/// LLVM's runtime (and Intel's) is asked only if it `has_started`: the question
/// would start it, and bind the thread that asks.
pub(crate) fn of_loaded_runtimes(has_started: bool) -> Vec<Places> {
    let mut found = Vec::new();
    let walked = platform::each_image(|image| {
        let Some(symbols) = image.symbols() else {
            return;
        };
        let has_all = [COUNT, LENGTH, CPUS, FOUND]
            .iter()
            .all(|name| symbols.has_function(name));
        let is_llvm = symbols.has_function(&LLVM);
        if !has_all || (is_llvm && !has_started) {
            return;
        }
        found.push(Candidate {
            name: image.name().to_owned(),
            base: image.base(),
            is_llvm,
            // SAFETY: only the lifetime changes. The table is not read again
            // until `Library::pin` has made sure that the object is mapped,
            // and then only while it is pinned.
            symbols: unsafe {
                std::mem::transmute::<SymbolTable<'_>, SymbolTable<'static>>(symbols)
            },
        });
    });
    if walked.is_err() {
        return Vec::new();
    }
    found.into_iter().filter_map(Candidate::places).collect()
}

impl Candidate {
    fn places(self) -> Option<Places> {
        let library = Library::pin(&self.name, self.base)?;
        // SAFETY: `pin` made sure that the object at this base is the one that
        // the table was found in.
        let object = unsafe { Object::new(library, self.symbols) };
        // SAFETY: OpenMP API 5.2, omp.h: `int omp_get_num_places(void)`, `int
        // omp_get_place_num_procs(int)`, `void omp_get_place_proc_ids(int, int *)`,
        // `int omp_get_num_procs(void)`.
        let (count, length, cpus, found) = unsafe {
            (
                object.function::<GetInt>(&COUNT)?,
                object.function::<SwapInt>(&LENGTH)?,
                object.function::<FillInts>(&CPUS)?,
                object.function::<GetInt>(&FOUND)?,
            )
        };
        let before = platform::affinity(None).ok()?;
        let place = |number: i32| {
            let length = usize::try_from(length.call(number)).ok()?;
            // SAFETY: section 18.3.3: it writes as many as 18.3.2 says.
            let mut ids = unsafe { cpus.call(number, length) };
            ids.sort_unstable();
            ids.into_iter().map(|id| u32::try_from(id).ok()).collect()
        };
        let places: Option<Vec<_>> = (0..count.call().min(MOST)).map(place).collect();
        let found = usize::try_from(found.call());
        // A runtime may take the thread that asked for one of its own, and bind it.
        if platform::affinity(None).is_ok_and(|now| now != before) {
            let _ = platform::set_affinity(&before);
        }
        Some(Places {
            cpus: places?,
            found: found.ok()?,
            main_thread_first: !self.is_llvm,
        })
    }
}
