//! The runtimes that poolkeeper knows: one file each, one line in the registry.
//!
//! A runtime's file holds its [`Card`] (names, environment variables, quirks,
//! sources: what the docs show) beside the code that recognises it by its
//! symbols and calls its functions.

mod blis;
mod companions;
mod flexiblas;
mod kmeans;
mod libgomp;
mod lightgbm;
mod listeners;
mod llvm_openmp;
mod mkl;
mod numba;
mod openblas;
mod openmp;
mod reference_blas;
mod registry;
mod unlimited;

pub(crate) use companions::{COMPANIONS, Companion};
pub use listeners::{Listener, listeners};
pub(crate) use registry::RUNTIMES;
pub(crate) use unlimited::UNLIMITED;

use crate::model::{Backends, Level, Reach};
use crate::native::Object;
use crate::platform::SymbolTable;
use crate::{Error, Result};
use libc::c_int;
use serde::Serialize;
use std::num::NonZeroU32;

/// What people need to know of a runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Card {
    /// Name to use in requests: `"openblas"`, `"libgomp"`.
    pub id: &'static str,
    /// Name as its makers write it.
    pub name: &'static str,
    /// Level it belongs to.
    pub level: Level,
    /// threadpoolctl's name for its family.
    pub internal_api: &'static str,
    /// Beginnings of its usual files' names.
    pub file_prefixes: &'static [&'static str],
    /// The symbols that identify it.
    pub symbols: &'static [&'static str],
    /// What setting its thread count affects, in words.
    pub reach: &'static str,
    /// Environment variables that decide its thread count.
    pub environment: &'static [Variable],
    /// What surprises people.
    pub quirks: &'static [&'static str],
    /// Where all this is documented.
    pub sources: &'static [&'static str],
}

/// An environment variable that a runtime reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it does and when it is read.
    pub meaning: &'static str,
    /// What number keeps a budget, if it takes one.
    pub counts: Option<Counts>,
    /// The variables that its reader takes in its place where it is unset.
    /// Setting it silences them, so a number that the user gave one of them bounds
    /// what a budget sets it to.
    pub over: &'static [&'static str],
    /// The most that its reader takes of itself where nothing is set, if that is a
    /// number of its own and not the number of CPUs: a budget sets no more.
    pub usual: Option<u32>,
    /// Whether it takes a list ("4,2"), whose first number counts.
    pub is_list: bool,
}

impl Variable {
    /// Its reader takes these where it is unset itself.
    const fn over(mut self, others: &'static [&'static str]) -> Self {
        self.over = others;
        self
    }

    /// Its reader takes no more of itself where nothing is set.
    const fn usual(mut self, threads: u32) -> Self {
        self.usual = Some(threads);
        self
    }

    /// It takes a list.
    const fn list(mut self) -> Self {
        self.is_list = true;
        self
    }
}

/// What an environment variable counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Counts {
    /// Threads of the outer level.
    Openmp,
    /// Threads of a BLAS call.
    Blas,
    /// CPUs of the whole process and its children.
    Cpus,
    /// Threads of the outer level, and no more than there are physical cores:
    /// what its reader takes of itself.
    Cores,
    /// Something that a budget has only one of.
    One,
}

impl Counts {
    /// In words, for the docs.
    pub const fn name(self) -> &'static str {
        match self {
            Counts::Openmp => "OpenMP threads",
            Counts::Blas => "BLAS threads",
            Counts::Cpus => "CPUs",
            Counts::Cores => "OpenMP threads, at most the physical cores",
            Counts::One => "1",
        }
    }
}

/// The cards of every known runtime, in the order of detection.
///
/// # Examples
///
/// ```
/// let ids: Vec<_> = poolkeeper::runtimes::all().map(|card| card.id).collect();
/// assert!(ids.contains(&"openblas"));
/// ```
pub fn all() -> impl Iterator<Item = &'static Card> {
    RUNTIMES.iter().map(|runtime| runtime.card())
}

/// One kind of runtime: how to recognise it and how to take hold of it.
pub(crate) trait Runtime: Sync {
    fn card(&self) -> &'static Card;

    /// Whether the object with these symbols is this runtime. Runs under the
    /// loader's lock: looks symbols up and nothing else.
    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool;

    /// Whether the object is only a part of another one of this runtime, if
    /// that is loaded as well: one pool must not be listed twice.
    fn is_part(&self, _symbols: &SymbolTable<'_>) -> bool {
        false
    }

    /// Takes hold of a recognised object; `None` if functions are missing.
    fn bind(&self, object: &Object) -> Option<Bound>;
}

/// A recognised runtime with all that stays the same while it is loaded.
pub(crate) struct Bound {
    pub(crate) control: Box<dyn Control>,
    pub(crate) facts: Facts,
}

/// What can be said of a loaded runtime once and for all.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) reach: Reach,
    pub(crate) version: Option<String>,
    pub(crate) threading_layer: Option<String>,
    pub(crate) architecture: Option<String>,
    pub(crate) max_threads: Option<NonZeroU32>,
    pub(crate) symbol_prefix: &'static str,
    pub(crate) symbol_suffix: &'static str,
    /// Why setting this runtime can't work, if it can't.
    pub(crate) fixed: Option<&'static str>,
    /// Address of the `omp_set_num_threads` that this runtime's own code sees,
    /// where an OpenMP runtime runs its threads.
    pub(crate) runs_on: Option<usize>,
    /// Whether its setting is its thread count; if not, its control knows how to
    /// save it.
    pub(crate) is_plain: bool,
    /// Whether its thread count may come from elsewhere, and change with that: a
    /// number is then set even where it is there already.
    pub(crate) follows: bool,
    /// Whether it passes its calls on to another pool, its backend.
    pub(crate) passes_on: bool,
    /// Address of this runtime's own `omp_set_num_threads`, for the above.
    pub(crate) provides: Option<usize>,
}

impl Facts {
    pub(crate) fn new(reach: Reach) -> Self {
        Facts {
            reach,
            version: None,
            threading_layer: None,
            architecture: None,
            max_threads: None,
            symbol_prefix: "",
            symbol_suffix: "",
            fixed: None,
            runs_on: None,
            is_plain: true,
            follows: false,
            passes_on: false,
            provides: None,
        }
    }
}

/// A runtime's thread count in its own representation, to give back later:
/// MKL's 0 ("no override") and BLIS's numbers of single loops are not thread counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Saved(pub(crate) i64);

impl Saved {
    /// A setting that is a number of threads.
    pub(crate) fn threads(threads: c_int) -> Self {
        Saved(i64::from(threads))
    }

    /// The setting as a C integer, for a runtime that saved one.
    pub(crate) fn as_c_int(self) -> c_int {
        c_int::try_from(self.0).unwrap_or(c_int::MAX)
    }
}

/// A loaded runtime's knobs. Every call takes nanoseconds and affects what the
/// runtime's reach says.
pub(crate) trait Control: Send + Sync {
    /// Threads that a parallel call from this thread would use now.
    fn threads(&self) -> c_int;

    /// Sets that number; the runtime may clamp or ignore it.
    fn set_threads(&self, threads: c_int);

    /// The present setting, for [`Control::restore`]; `threads` is what
    /// [`Control::threads`] just said.
    fn save(&self, threads: c_int) -> Saved {
        Saved::threads(threads)
    }

    /// Puts a saved setting back.
    fn restore(&self, saved: Saved) {
        self.set_threads(saved.as_c_int());
    }

    /// Simultaneous callers that it survives with its present thread count.
    fn capacity(&self) -> Option<u32> {
        None
    }

    /// The name (or path) of the backend that it passes calls on to.
    fn backend(&self) -> Option<String> {
        None
    }

    /// The backends that it can switch between.
    fn backends(&self) -> Option<Backends> {
        None
    }

    /// Switches to another backend, loading it when needed.
    ///
    /// # Errors
    /// [`Error::Backend`] where there is none of that name.
    fn switch_backend(&self, backend: &str) -> Result<()> {
        Err(Error::Backend {
            function: "flexiblas_switch",
            backend: backend.to_owned(),
            available: Vec::new(),
        })
    }
}

/// A count as the crate's public type: what isn't positive is unknown.
pub(crate) fn count(threads: c_int) -> Option<NonZeroU32> {
    u32::try_from(threads).ok().and_then(NonZeroU32::new)
}

/// Shorthand for the cards: a variable that a budget leaves alone.
const fn variable(name: &'static str, meaning: &'static str) -> Variable {
    Variable {
        name,
        meaning,
        counts: None,
        over: &[],
        usual: None,
        is_list: false,
    }
}

/// Shorthand for the cards: a variable that a budget sets.
const fn counted(name: &'static str, counts: Counts, meaning: &'static str) -> Variable {
    Variable {
        name,
        meaning,
        counts: Some(counts),
        over: &[],
        usual: None,
        is_list: false,
    }
}
