//! Intel MKL: the single library `libmkl_rt`, and copies linked statically into
//! another library, which export only the `mkl_serv_*` service functions.

use super::behaviour::{Behaviour, Layer};
use super::card::{Card, Counts, Reading, counted, variable};
use super::control::{Bound, Control, Facts, Runtime, Saved};
use super::openmp;
use crate::model::{Level, Reach};
use crate::native::{FillText, GetInt, Object, SwapInt};
use crate::platform::{SymbolName, SymbolTable};
use libc::c_int;

pub(super) struct Mkl;

static CARD: Card = Card {
    id: "mkl",
    name: "Intel MKL",
    level: Level::Blas,
    internal_api: "mkl",
    file_prefixes: &["libmkl_rt", "mkl_rt"],
    symbols: &[
        "MKL_Get_Max_Threads",
        "MKL_Set_Num_Threads_Local",
        "in a static copy mkl_serv_get_max_threads",
        "mkl_serv_set_num_threads_local",
        "mkl_serv_get_version_string",
    ],
    reach: "thread: mkl_set_num_threads_local changes the calling thread only",
    environment: &[
        counted(
            "MKL_NUM_THREADS",
            Counts::Blas,
            "threads of its functions; read at its first use",
        )
        .over(&[openmp::THREADS])
        .read(Reading::Prefix),
        variable(
            "MKL_DOMAIN_NUM_THREADS",
            "threads of the functions of one domain (BLAS, FFT, ...); read at its first use",
        ),
        variable(
            openmp::THREADS,
            "threads of its functions, if neither MKL_NUM_THREADS nor MKL_DOMAIN_NUM_THREADS is set",
        )
        .read(Reading::Prefix),
        variable(
            "MKL_DYNAMIC",
            "lets it use fewer threads than asked for: the default; read at its first use",
        ),
        variable(
            "MKL_THREADING_LAYER",
            "INTEL, GNU, TBB or SEQUENTIAL; read when libmkl_rt is loaded",
        ),
    ],
    quirks: &[
        "libmkl_rt is empty until its first use, which loads the rest of MKL and so fixes the threading layer. Listing or limiting MKL counts as its first use.",
        "With MKL_DYNAMIC it uses no more threads than there are physical cores, whatever the limit that it reports.",
        "As long as its own number was never set, it follows the OpenMP runtime that it runs on.",
        "libmkl_rt loads its parts with global symbols: a static copy of MKL that is loaded after them may call their functions.",
        "Setting the thread's own number returns the previous override, where 0 means there was none; poolkeeper restores that override, so none stays behind.",
    ],
    sources: &["oneMKL Developer Reference for C, \"Threading Control\""],
    call: None,
    behaviour: Behaviour {
        layers: &[(layer_name(SEQUENTIAL), Layer::WithoutThreads)],
        ..Behaviour::USUAL
    },
};

const GET: SymbolName = SymbolName::new("MKL_Get_Max_Threads");
const SET: SymbolName = SymbolName::new("MKL_Set_Num_Threads_Local");
const VERSION: SymbolName = SymbolName::new("MKL_Get_Version_String");
const LAYER: SymbolName = SymbolName::new("MKL_Set_Threading_Layer");
const STATIC_GET: SymbolName = SymbolName::new("mkl_serv_get_max_threads");
const STATIC_SET: SymbolName = SymbolName::new("mkl_serv_set_num_threads_local");
const STATIC_VERSION: SymbolName = SymbolName::new("mkl_serv_get_version_string");

impl Runtime for Mkl {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        let whole = [&GET, &SET];
        // The threading layers beside libmkl_rt export the first two as well.
        let within = [&STATIC_GET, &STATIC_SET, &STATIC_VERSION];
        whole.into_iter().all(|name| symbols.has_function(name))
            || within.into_iter().all(|name| symbols.has_function(name))
    }

    /// libmkl_rt passes calls on to libmkl_intel_lp64, which exports the same.
    fn is_part(&self, symbols: &SymbolTable<'_>) -> bool {
        symbols.has_function(&GET) && !symbols.has_function(&LAYER)
    }

    fn bind(&self, object: &Object) -> Option<Bound> {
        let whole = object.address(&GET).is_some();
        let (get, set, version) = if whole {
            (&GET, &SET, &VERSION)
        } else {
            (&STATIC_GET, &STATIC_SET, &STATIC_VERSION)
        };
        // SAFETY: MKL mkl_service.h: `int MKL_Get_Max_Threads(void)`, `int
        // MKL_Set_Num_Threads_Local(int)`, `void MKL_Get_Version_String(char *,
        // int)`, `int MKL_Set_Threading_Layer(int)`; the mkl_serv_ functions
        // are what these names are defined to in a static link.
        let (get, set, version, layer) = unsafe {
            (
                object.function(get)?,
                object.function(set)?,
                object
                    .function::<FillText>(version)
                    .and_then(FillText::call),
                object.function::<SwapInt>(&LAYER),
            )
        };
        let mut facts = Facts::new(Reach::Thread);
        // Without an override it follows its OpenMP runtime, and domains may
        // have numbers of their own.
        facts.is_plain = false;
        facts.follows = true;
        facts.version = version.map(|text| short_version(&text));
        // An invalid layer changes nothing and returns the present one.
        facts.threading_layer = layer.map(|swap| layer_name(swap.call(-1)).to_owned());
        Some(Bound {
            control: Box::new(Loaded { get, set }),
            facts,
        })
    }
}

struct Loaded {
    get: GetInt,
    set: SwapInt,
}

impl Control for Loaded {
    fn threads(&self) -> c_int {
        self.get.call()
    }

    fn set_threads(&self, threads: c_int) {
        self.set.call(threads);
    }

    /// The override can only be read by replacing it, for the calling thread.
    fn save(&self, _threads: c_int) -> Saved {
        let present = self.set.call(0);
        self.set.call(present);
        Saved::threads(present)
    }
}

/// "Intel(R) oneAPI Math Kernel Library Version 2026.2-Product Build ..."
fn short_version(text: &str) -> String {
    let mut words = text
        .split_whitespace()
        .skip_while(|word| *word != "Version");
    words.nth(1).unwrap_or(text).to_owned()
}

/// mkl_service.h, `MKL_THREADING_SEQUENTIAL`.
const SEQUENTIAL: c_int = 1;

/// mkl_service.h, `MKL_THREADING_*`.
const fn layer_name(layer: c_int) -> &'static str {
    match layer {
        0 => "intel",
        SEQUENTIAL => "sequential",
        2 => "pgi",
        3 => "gnu",
        4 => "tbb",
        _ => "not specified",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_word_after_version() {
        let text = "Intel(R) oneAPI Math Kernel Library Version 2026.2-Product Build 20260101 for Intel(R) 64";
        assert_eq!(short_version(text), "2026.2-Product");
        assert_eq!(short_version("something else"), "something else");
    }
}
