//! OpenBLAS, under every name that its builds give its functions.

use super::behaviour::{Behaviour, Buffers, Layer, Workers};
use super::card::{Card, Counts, Reading, counted, variable};
use super::control::{Bound, Control, Elsewhere, Facts, Fixed, Runtime, count};
use super::openmp;
use crate::model::{Level, Reach};
use crate::native::{GetInt, GetText, IntVariable, Object, SetInt};
use crate::platform::{DistantObject, SymbolName, SymbolTable};
use libc::c_int;

pub(super) struct OpenBlas;

static CARD: Card = Card {
    id: "openblas",
    name: "OpenBLAS",
    level: Level::Blas,
    internal_api: "openblas",
    file_prefixes: &["libscipy_openblas", "libopenblas", "openblas"],
    symbols: &[
        "openblas_get_num_threads",
        "openblas_set_num_threads",
        "openblas_get_config",
    ],
    reach: "process with its own threads; thread where it is built on OpenMP, whose runtime then sets its threads",
    environment: &[
        counted(
            "OPENBLAS_NUM_THREADS",
            Counts::Blas,
            "threads to start, never more than the CPUs; read when the library is loaded",
        )
        .over(&["GOTO_NUM_THREADS", openmp::THREADS])
        .read(Reading::Prefix),
        variable(
            "GOTO_NUM_THREADS",
            "threads to start, if OPENBLAS_NUM_THREADS is unset",
        )
        .read(Reading::Prefix),
        variable(
            openmp::THREADS,
            "threads to start, if OPENBLAS_NUM_THREADS and GOTO_NUM_THREADS are unset",
        )
        .read(Reading::Prefix),
        variable(
            "OPENBLAS_CORETYPE",
            "the processor kind to choose kernels for; read when the library is loaded",
        ),
    ],
    quirks: &[
        "It is compiled for at most MAX_THREADS threads; a larger number is clamped.",
        "Each simultaneous caller takes one of its 2 x MAX_THREADS buffers. Each of its workers keeps one for good, also when the limit is lowered, and the library keeps one more. The buffers that are left are the capacity shown; with more callers memory corruption is possible.",
        "openblas_set_num_threads_local is not local in the builds that were measured; poolkeeper doesn't use it.",
        "Built on OpenMP before 0.3.34, it forgets openblas_set_num_threads at the next call; poolkeeper limits the OpenMP runtime instead.",
    ],
    sources: &[
        "OpenBLAS cblas.h",
        "OpenBLAS USAGE.md",
        "OpenBLAS driver/others/memory.c",
        "OpenBLAS driver/others/openblas_env.c",
    ],
    call: None,
    behaviour: Behaviour {
        // It never starts more threads than it counts CPUs.
        is_ceiling: true,
        workers: Workers::AtLoad,
        buffers: Some(BUFFERS),
        layers: &[
            (Threading::OpenMp.name(), Layer::OnOpenMp),
            (Threading::Disabled.name(), Layer::WithoutThreads),
        ],
        ..Behaviour::USUAL
    },
};

/// memory.c: `NUM_BUFFERS = MAX_CPU_NUMBER * 2 * MAX_PARALLEL_NUMBER`, and
/// `NEW_BUFFERS` when they are taken.
const BUFFERS: Buffers = Buffers {
    for_each_thread: 2,
    once_more: 512,
};

/// What numpy's and scipy's wheels have been compiled for since 2019
/// (`MAX_THREADS=64` in their `openblas_get_config`).
pub(crate) const COMPILED_FOR_USUALLY: u32 = 64;

/// Its workers and one; the wheels export it without their affixes.
static MADE: SymbolName = SymbolName::new("blas_num_threads");

/// Its number of threads, beside that (OpenBLAS common_thread.h).
static LIMIT: SymbolName = SymbolName::new("blas_cpu_number");

/// The function names of one way to build OpenBLAS.
struct Names {
    prefix: &'static str,
    suffix: &'static str,
    get: SymbolName,
    set: SymbolName,
    config: SymbolName,
    parallel: SymbolName,
    corename: SymbolName,
}

macro_rules! names {
    ($prefix:literal, $suffix:literal) => {
        Names {
            prefix: $prefix,
            suffix: $suffix,
            get: SymbolName::new(concat!($prefix, "openblas_get_num_threads", $suffix)),
            set: SymbolName::new(concat!($prefix, "openblas_set_num_threads", $suffix)),
            config: SymbolName::new(concat!($prefix, "openblas_get_config", $suffix)),
            parallel: SymbolName::new(concat!($prefix, "openblas_get_parallel", $suffix)),
            corename: SymbolName::new(concat!($prefix, "openblas_get_corename", $suffix)),
        }
    };
}

static NAMES: [Names; 6] = [
    names!("", ""),
    names!("", "64_"),
    names!("", "_64"),
    names!("scipy_", ""),
    names!("scipy_", "64_"),
    names!("scipy_", "_64"),
];

impl Names {
    fn are_in(&self, symbols: &SymbolTable<'_>) -> bool {
        symbols.has_function(&self.get)
            && symbols.has_function(&self.set)
            && symbols.has_function(&self.config)
    }
}

impl Runtime for OpenBlas {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        NAMES.iter().any(|names| names.are_in(symbols))
    }

    /// Its number is a variable that it exports; 0 workers mean that it has not begun.
    fn elsewhere(&self, object: &DistantObject<'_>) -> Elsewhere {
        let symbols = object.symbols();
        let mut names = NAMES.iter();
        let is_its = |names: &&Names| symbols.as_ref().is_some_and(|table| names.are_in(table));
        let Some(names) = names.find(is_its) else {
            return Elsewhere::default();
        };
        let threading = Threading::from_parallel(object.answer(&names.parallel));
        let limit = || match object.int(&MADE) {
            Some(0) => None,
            _ => object.int(&LIMIT).or_else(|| object.answer(&names.get)),
        };
        Elsewhere {
            threads: match threading {
                Threading::Disabled => Some(1),
                Threading::OpenMp => None,
                Threading::Pthreads | Threading::Unknown => limit(),
            },
            version: object
                .text_beside(&names.config, "OpenBLAS ")
                .and_then(|config| version(&config)),
            threading_layer: (threading != Threading::Unknown).then(|| threading.name()),
            is_on_openmp: threading == Threading::OpenMp,
            ..Elsewhere::default()
        }
    }

    fn bind(&self, object: &Object) -> Option<Bound> {
        let names = NAMES
            .iter()
            .find(|names| object.address(&names.get).is_some())?;
        // SAFETY: OpenBLAS cblas.h: `int openblas_get_num_threads(void)`, `void
        // openblas_set_num_threads(int)`, `char *openblas_get_config(void)`,
        // `char *openblas_get_corename(void)`, `int openblas_get_parallel(void)`.
        let (get, set, config, corename, parallel) = unsafe {
            (
                object.function(&names.get)?,
                object.function(&names.set)?,
                object.function::<GetText>(&names.config)?.call(),
                object
                    .function::<GetText>(&names.corename)
                    .and_then(GetText::call),
                object.function::<GetInt>(&names.parallel).map(GetInt::call),
            )
        };
        let config = config.unwrap_or_default();
        let threading = Threading::from_parallel(parallel);
        let max_threads = max_threads(&config);
        let on_openmp = threading == Threading::OpenMp;
        let mut facts = Facts::new(if on_openmp {
            Reach::Thread
        } else {
            Reach::Process
        });
        facts.version = version(&config);
        facts.threading_layer = Some(threading.name().to_owned());
        facts.architecture = corename;
        facts.max_threads = max_threads.and_then(count);
        facts.symbol_prefix = names.prefix;
        facts.symbol_suffix = names.suffix;
        facts.fixed = (threading == Threading::Disabled)
            .then_some(Fixed::Because("this OpenBLAS was built without threads"));
        facts.runs_on = on_openmp
            .then(|| object.library.resolve("omp_set_num_threads"))
            .flatten();
        let control = Loaded {
            get,
            set,
            threading,
            max_threads,
            // SAFETY: OpenBLAS common_thread.h: `extern int blas_num_threads`; the
            // pool is dropped before its library.
            made: unsafe { object.int(&MADE) },
        };
        Some(Bound {
            control: Box::new(control),
            facts,
        })
    }
}

/// What `openblas_get_parallel` says (OpenBLAS cblas.h, `OPENBLAS_SEQUENTIAL`,
/// `OPENBLAS_THREAD`, `OPENBLAS_OPENMP`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Threading {
    Disabled,
    Pthreads,
    OpenMp,
    Unknown,
}

impl Threading {
    fn from_parallel(value: Option<c_int>) -> Self {
        match value {
            Some(0) => Threading::Disabled,
            Some(1) => Threading::Pthreads,
            Some(2) => Threading::OpenMp,
            _ => Threading::Unknown,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Threading::Disabled => "disabled",
            Threading::Pthreads => "pthreads",
            Threading::OpenMp => "openmp",
            Threading::Unknown => "unknown",
        }
    }
}

struct Loaded {
    get: GetInt,
    set: SetInt,
    threading: Threading,
    max_threads: Option<c_int>,
    /// The most threads that it has ever had, where it exports that.
    made: Option<IntVariable>,
}

impl Control for Loaded {
    fn threads(&self) -> c_int {
        self.get.call()
    }

    fn set_threads(&self, threads: c_int) {
        self.set.call(threads);
    }

    /// Only the build on pthreads is known well enough to answer: each of the workers that it has ever started holds one, whatever its threads
    /// are now, and since 0.3.28 one is never given out (docs/capacity.md).
    fn capacity(&self) -> Option<u32> {
        if self.threading != Threading::Pthreads {
            return None;
        }
        let made = self.made.map_or(0, IntVariable::get);
        let held = made.max(self.threads()).max(1);
        let compiled_for = u32::try_from(self.max_threads?).ok()?;
        Some(BUFFERS.left(compiled_for, held.unsigned_abs()))
    }
}

/// `"OpenBLAS 0.3.31 NO_LAPACKE DYNAMIC_ARCH ... MAX_THREADS=64"`
fn version(config: &str) -> Option<String> {
    let mut words = config.split_whitespace();
    words.next().filter(|word| *word == "OpenBLAS")?;
    words.next().map(str::to_owned)
}

fn max_threads(config: &str) -> Option<c_int> {
    config
        .split_whitespace()
        .find_map(|word| word.strip_prefix("MAX_THREADS=")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str =
        "OpenBLAS 0.3.31.188.0  USE64BITINT DYNAMIC_ARCH NO_AFFINITY Haswell MAX_THREADS=64";

    #[test]
    fn the_configuration_is_read_by_words() {
        assert_eq!(version(CONFIG).as_deref(), Some("0.3.31.188.0"));
        assert_eq!(max_threads(CONFIG), Some(64));
    }

    #[test]
    fn an_unknown_configuration_says_unknown() {
        assert_eq!(version("FastBLAS 2"), None);
        assert_eq!(version(""), None);
        assert_eq!(max_threads("OpenBLAS 0.2.20 NO_AFFINITY"), None);
        assert_eq!(max_threads("OpenBLAS MAX_THREADS=many"), None);
    }
}
