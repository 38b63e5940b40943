//! The pool of this project's own k-means (`poolkeeper.cluster` in Python).
//!
//! It has the shape of any other runtime: three C functions, exported by the
//! library that this crate is linked into, and found there by their names.

use super::behaviour::{Begins, Behaviour, Workers};
use super::card::{Card, Counts, Reading, counted};
use super::control::{Bound, Control, Elsewhere, Facts, Runtime, Saved};
use super::openmp;
use crate::model::{Level, Reach};
use crate::native::{GetInt, Object, SetInt};
use crate::platform::{DistantObject, SymbolName, SymbolTable};
use libc::c_int;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

pub(super) struct Kmeans;

static CARD: Card = Card {
    id: "kmeans",
    name: "poolkeeper's k-means",
    level: Level::Openmp,
    internal_api: "kmeans",
    file_prefixes: &["_native"],
    symbols: &[
        "poolkeeper_kmeans_get_num_threads",
        "poolkeeper_kmeans_set_num_threads",
        "poolkeeper_kmeans_get_limit",
    ],
    reach: "process: one value, shared by the threads that call it at the same time",
    environment: &[counted(
        openmp::THREADS,
        Counts::Openmp,
        "threads of a fit, if the budget has more; read when a fit begins",
    )
    .list()
    .read(Reading::Whole)
    .again()],
    quirks: &[
        "It is listed once poolkeeper.cluster is imported.",
        "A limit set while a fit runs holds from its next iteration on.",
        "Its threads call no BLAS and no OpenMP.",
    ],
    sources: &["crates/poolkeeper/src/kmeans_pool.rs"],
    call: None,
    behaviour: Behaviour {
        begins: Begins::Budget,
        is_ceiling: true,
        workers: Workers::EachCall,
        ..Behaviour::USUAL
    },
};

/// Whether anybody is here who could begin a fit.
// Exported, as the two below: another process reads them without a call.
// SAFETY: no other library has a symbol of this name.
#[unsafe(export_name = "poolkeeper_kmeans_is_announced")]
static ANNOUNCED: AtomicU32 = AtomicU32::new(0);
/// What was set from outside; 0 for nothing.
// SAFETY: no other library has a symbol of this name.
#[unsafe(export_name = "poolkeeper_kmeans_limit")]
static LIMIT: AtomicU32 = AtomicU32::new(0);
/// The threads without a limit: the budget, or what `OMP_NUM_THREADS` leaves of it.
// SAFETY: no other library has a symbol of this name.
#[unsafe(export_name = "poolkeeper_kmeans_usual")]
static USUAL: AtomicU32 = AtomicU32::new(0);

/// Lists the pool from the next look on; says whether it was not listed before.
pub(crate) fn announce() -> bool {
    ANNOUNCED.swap(1, Relaxed) == 0
}

/// Sets how many threads there are without a limit.
pub(crate) fn set_usual(threads: u32) {
    USUAL.store(threads, Relaxed);
}

/// The limit that was set last; 0 for none.
pub(crate) fn limit() -> u32 {
    LIMIT.load(Relaxed)
}

/// Limits the threads of all fits together; 0 takes the limit away.
pub(crate) fn set_limit(threads: u32) {
    LIMIT.store(threads, Relaxed);
}

/// How many threads all fits together may use now.
pub(crate) fn threads() -> u32 {
    let usual = USUAL.load(Relaxed).max(1);
    NonZeroU32::new(limit()).map_or(usual, NonZeroU32::get)
}

const GET: SymbolName = SymbolName::new("poolkeeper_kmeans_get_num_threads");
const SET: SymbolName = SymbolName::new("poolkeeper_kmeans_set_num_threads");
const GET_LIMIT: SymbolName = SymbolName::new("poolkeeper_kmeans_get_limit");

const IS_ANNOUNCED: SymbolName = SymbolName::new("poolkeeper_kmeans_is_announced");
const ITS_LIMIT: SymbolName = SymbolName::new("poolkeeper_kmeans_limit");
const ITS_USUAL: SymbolName = SymbolName::new("poolkeeper_kmeans_usual");

/// How many threads a fit may use now; 0 while there is nobody who could begin one.
// SAFETY: no other library has a symbol of this name.
#[unsafe(no_mangle)]
extern "C" fn poolkeeper_kmeans_get_num_threads() -> c_int {
    if ANNOUNCED.load(Relaxed) != 0 {
        c_int::try_from(threads()).unwrap_or(c_int::MAX)
    } else {
        0
    }
}

/// Limits the threads of all fits together; 0 or less takes the limit away.
// SAFETY: no other library has a symbol of this name.
#[unsafe(no_mangle)]
extern "C" fn poolkeeper_kmeans_set_num_threads(threads: c_int) {
    set_limit(u32::try_from(threads).unwrap_or(0));
}

/// The limit that was set last; 0 for none.
// SAFETY: no other library has a symbol of this name.
#[unsafe(no_mangle)]
extern "C" fn poolkeeper_kmeans_get_limit() -> c_int {
    c_int::try_from(limit()).unwrap_or(c_int::MAX)
}

impl Runtime for Kmeans {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        [GET, SET, GET_LIMIT]
            .iter()
            .all(|name| symbols.has_function(name))
    }

    fn elsewhere(&self, object: &DistantObject<'_>) -> Elsewhere {
        let limit = object.int(&ITS_LIMIT).filter(|limit| *limit > 0);
        Elsewhere {
            threads: limit.or_else(|| object.int(&ITS_USUAL)),
            is_unused: object.int(&IS_ANNOUNCED) == Some(0),
            ..Elsewhere::default()
        }
    }

    fn bind(&self, object: &Object) -> Option<Bound> {
        // SAFETY: the functions above have these signatures.
        let (get, set, limit) = unsafe {
            (
                object.function::<GetInt>(&GET)?,
                object.function(&SET)?,
                object.function(&GET_LIMIT)?,
            )
        };
        if get.call() == 0 {
            return None;
        }
        let mut facts = Facts::new(Reach::Process);
        facts.version = Some(env!("CARGO_PKG_VERSION").to_owned());
        // Without a limit it follows the budget.
        facts.is_plain = false;
        facts.follows = true;
        Some(Bound {
            control: Box::new(Loaded { get, set, limit }),
            facts,
        })
    }
}

struct Loaded {
    get: GetInt,
    set: SetInt,
    limit: GetInt,
}

impl Control for Loaded {
    fn threads(&self) -> c_int {
        self.get.call()
    }

    fn set_threads(&self, threads: c_int) {
        self.set.call(threads);
    }

    fn save(&self, _threads: c_int) -> Saved {
        Saved::threads(self.limit.call())
    }
}
