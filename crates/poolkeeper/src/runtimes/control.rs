//! What a runtime's code does: recognise a loaded object, take hold of it, and read
//! and set its number of threads.

use super::card::Card;
use crate::model::{Backends, Reach};
use crate::native::Object;
use crate::platform::{DistantObject, SymbolTable};
use crate::{Error, Result};
use libc::c_int;
use std::num::NonZeroU32;

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

    /// Whether it is only meant where no other runtime is in the same object.
    fn yields(&self) -> bool {
        false
    }

    /// What can be told of it in another process, whose functions can't be called.
    fn elsewhere(&self, _object: &DistantObject<'_>) -> Elsewhere {
        Elsewhere::default()
    }

    /// Takes hold of a recognised object; `None` if functions are missing.
    fn bind(&self, object: &Object) -> Option<Bound>;
}

/// A runtime in another process, as far as that is told without a call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Elsewhere {
    /// Threads that a parallel call from the main thread would use; what isn't
    /// positive is unknown.
    pub(crate) threads: Option<c_int>,
    pub(crate) version: Option<String>,
    pub(crate) threading_layer: Option<&'static str>,
    /// What setting its number affects, where this build differs from what its card says.
    pub(crate) reach: Option<Reach>,
    /// Whether nobody uses it there yet, so that it is not listed.
    pub(crate) is_unused: bool,
    /// Whether an OpenMP runtime runs its threads, and decides their number.
    pub(crate) is_on_openmp: bool,
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
    pub(crate) fixed: Option<Fixed>,
    /// Address of the `omp_set_num_threads` that this runtime's own code sees,
    /// where an OpenMP runtime runs its threads.
    pub(crate) runs_on: Option<usize>,
    /// Whether its setting is its thread count; if not, its control knows how to
    /// save it.
    pub(crate) is_plain: bool,
    /// Whether its thread count may come from elsewhere, and change with that: a
    /// number is then set even where it is there already.
    pub(crate) follows: bool,
    /// Whether other code's numbers stand beside the one that is set here, and the
    /// smallest of all counts: [`Control::in_force`] knows it.
    pub(crate) is_one_of_several: bool,
    /// Whether it passes its calls on to another pool, its backend.
    pub(crate) passes_on: bool,
    /// Whether its idle workers can end, and start again with its next use.
    pub(crate) can_end_workers: bool,
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
            is_one_of_several: false,
            passes_on: false,
            can_end_workers: false,
            provides: None,
        }
    }
}

/// Why a runtime's number can't be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fixed {
    /// For this reason.
    Because(&'static str),
    /// Only this call of its own sets it, with `{n}` for the number.
    Call(&'static str),
}

impl Fixed {
    /// In words, to who asked for a number of threads.
    pub(crate) fn why(self, threads: c_int) -> String {
        match self {
            Fixed::Because(why) => why.to_owned(),
            Fixed::Call(call) => {
                let call = call.replace("{n}", &threads.to_string());
                format!("no limit reaches it; this does: {call}")
            }
        }
    }
}

/// A runtime's thread count in its own representation, to give back later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Saved {
    /// One number, which need not be a thread count: MKL's 0 is "no override".
    Number(i64),
    /// A number for each of several loops that run inside each other.
    Loops([i16; 5]),
}

impl Saved {
    /// A setting that is a number of threads.
    pub(crate) fn threads(threads: c_int) -> Self {
        Saved::Number(i64::from(threads))
    }

    /// The setting as a C integer, for a runtime that saved one number.
    pub(crate) fn as_c_int(self) -> c_int {
        let number = match self {
            Saved::Number(number) => number,
            Saved::Loops(loops) => loops.iter().map(|number| i64::from(*number)).product(),
        };
        c_int::try_from(number).unwrap_or(c_int::MAX)
    }
}

/// A loaded runtime's knobs. Every call takes nanoseconds and affects what the
/// runtime's reach says.
pub(crate) trait Control: Send + Sync {
    /// Threads that a parallel call from this thread would use now.
    fn threads(&self) -> c_int;

    /// The number that counts, where other code's numbers stand beside this one's
    /// ([`Facts::is_one_of_several`]); [`Control::threads`] is then what was set here.
    fn in_force(&self) -> Option<c_int> {
        None
    }

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

    /// Ends the workers that have nothing to do, and waits until they are gone; the
    /// next use starts others. Only those of the calling thread, where each thread has
    /// its own. Says whether they did.
    fn end_idle_workers(&self) -> bool {
        false
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
