//! The pool of this project's own k-means (`poolkeeper.cluster` in Python).
//!
//! It has the shape of any other runtime: three C functions, exported by the
//! library that this crate is linked into, and found there by their names.

use super::behaviour::{Begins, Behaviour, Workers};
use super::card::{Card, Counts, Reading, counted};
use super::control::{Bound, Control, Facts, Runtime, Saved};
use super::openmp;
use crate::model::{Level, Reach};
use crate::native::{GetInt, Object, SetInt};
use crate::own;
use crate::platform::{SymbolName, SymbolTable};
use libc::c_int;

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
    sources: &["crates/poolkeeper/src/own.rs"],
    behaviour: Behaviour {
        begins: Begins::Budget,
        is_ceiling: true,
        workers: Workers::EachCall,
        ..Behaviour::USUAL
    },
};

const GET: SymbolName = SymbolName::new("poolkeeper_kmeans_get_num_threads");
const SET: SymbolName = SymbolName::new("poolkeeper_kmeans_set_num_threads");
const LIMIT: SymbolName = SymbolName::new("poolkeeper_kmeans_get_limit");

/// How many threads a fit may use now; 0 while there is nobody who could begin one.
// SAFETY: no other library has a symbol of this name.
#[unsafe(no_mangle)]
extern "C" fn poolkeeper_kmeans_get_num_threads() -> c_int {
    if own::is_announced() {
        c_int::try_from(own::threads()).unwrap_or(c_int::MAX)
    } else {
        0
    }
}

/// Limits the threads of all fits together; 0 or less takes the limit away.
// SAFETY: no other library has a symbol of this name.
#[unsafe(no_mangle)]
extern "C" fn poolkeeper_kmeans_set_num_threads(threads: c_int) {
    own::set_limit(u32::try_from(threads).unwrap_or(0));
}

/// The limit that was set last; 0 for none.
// SAFETY: no other library has a symbol of this name.
#[unsafe(no_mangle)]
extern "C" fn poolkeeper_kmeans_get_limit() -> c_int {
    c_int::try_from(own::limit()).unwrap_or(c_int::MAX)
}

impl Runtime for Kmeans {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        [GET, SET, LIMIT]
            .iter()
            .all(|name| symbols.has_function(name))
    }

    fn bind(&self, object: &Object) -> Option<Bound> {
        // SAFETY: the functions above have these signatures.
        let (get, set, limit) = unsafe {
            (
                object.function::<GetInt>(&GET)?,
                object.function(&SET)?,
                object.function(&LIMIT)?,
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
