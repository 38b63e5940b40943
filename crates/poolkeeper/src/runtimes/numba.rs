//! numba's threading layer on OpenMP: a library that states its own number.
//!
//! A parallel function of numba passes `num_threads` to its OpenMP region. The
//! number is numba's own, for each thread, and the functions that read and set it
//! are no symbols of the library: only Python has them.

use super::behaviour::{AfterFork, Behaviour};
use super::card::Card;
use super::control::{Bound, Facts, Fixed, Runtime};
use super::own_number::Unknown;
use crate::model::{Level, Reach};
use crate::native::Object;
use crate::platform::{SymbolName, SymbolTable};

pub(super) struct Numba;

static CARD: Card = Card {
    id: "numba",
    name: "numba (OpenMP layer)",
    level: Level::Openmp,
    internal_api: "numba",
    file_prefixes: &["omppool"],
    symbols: &["PyInit_omppool"],
    reach: "none: only Python sets it, for the calling thread: numba.set_num_threads",
    environment: &[],
    quirks: &[
        "It states its own number with each region, so a limit of the OpenMP runtime does not reach it; the outcome is \"ignored\", and names the call that does.",
        "Its first parallel call sets the OpenMP runtime's number, also inside a limit.",
        "A parallel call in a forked child ends the child.",
    ],
    sources: &[
        "Numba documentation, \"Setting the Number of Threads\"",
        "numba, numba/np/ufunc/omppool.cpp",
    ],
    call: None,
    behaviour: Behaviour {
        calls_blas: true,
        after_fork: AfterFork::EndsTheChild,
        ..Behaviour::USUAL
    },
};

const INIT: SymbolName = SymbolName::new("PyInit_omppool");
const LAUNCH: SymbolName = SymbolName::new("do_scheduling_unsigned");

/// Why a limit does nothing here, and what does.
const FIXED: &str = "numba states its own number of threads with each parallel call: \
                     numba.set_num_threads(n) on this thread sets it";

impl Runtime for Numba {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        symbols.has_function(&INIT) && symbols.has_function(&LAUNCH)
    }

    fn bind(&self, _object: &Object) -> Option<Bound> {
        let mut facts = Facts::new(Reach::None);
        facts.fixed = Some(Fixed::Because(FIXED));
        Some(Bound {
            control: Box::new(Unknown),
            facts,
        })
    }
}
