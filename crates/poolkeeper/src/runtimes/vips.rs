//! libvips: the number of threads of each pipeline that it runs.

use super::behaviour::Behaviour;
use super::card::{Card, Counts, Reading, counted};
use super::control::{Bound, Control, Elsewhere, Facts, Runtime, Saved, count};
use crate::model::{Level, Reach};
use crate::native::{GetInt, Object, SetInt, SwapInt};
use crate::platform::{self, DistantObject, SymbolName, SymbolTable};
use libc::c_int;

pub(super) struct Vips;

const VARIABLE: &str = "VIPS_CONCURRENCY";

static CARD: Card = Card {
    id: "vips",
    name: "libvips",
    level: Level::Other,
    internal_api: "vips",
    file_prefixes: &["libvips"],
    symbols: &["vips_concurrency_get", "vips_concurrency_set"],
    reach: "process: one value, which each pipeline takes when it starts",
    environment: &[counted(
        VARIABLE,
        Counts::Openmp,
        "threads of a pipeline; read when the library is initialised",
    )
    .read(Reading::Prefix)],
    quirks: &[
        "It has no number until it is initialised (vips_init); a number that was set before stays. If a limit began before that, the library has its default number when the limit ends.",
        "A pipeline that runs keeps the number that it started with.",
        "It takes no more than 1024 threads.",
        "A pipeline in a forked child waits for ever once the parent has run one.",
    ],
    sources: &[
        "libvips documentation, vips_concurrency_set",
        "libvips, libvips/iofuncs/thread.c",
    ],
    call: None,
    behaviour: Behaviour::USUAL,
};

const GET: SymbolName = SymbolName::new("vips_concurrency_get");
const SET: SymbolName = SymbolName::new("vips_concurrency_set");
const VERSION: SymbolName = SymbolName::new("vips_version");

/// thread.c, `MAX_THREADS`; a larger number is lowered to it, with a warning.
const MOST: c_int = 1024;

impl Runtime for Vips {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        symbols.has_function(&GET) && symbols.has_function(&SET)
    }

    fn elsewhere(&self, object: &DistantObject<'_>) -> Elsewhere {
        Elsewhere {
            threads: object.answer(&GET),
            ..Elsewhere::default()
        }
    }

    fn bind(&self, object: &Object) -> Option<Bound> {
        // SAFETY: libvips vips/thread.h: `int vips_concurrency_get(void)`, `void
        // vips_concurrency_set(int)`; vips/vips.h: `int vips_version(int flag)`.
        let (get, set, version) = unsafe {
            (
                object.function(&GET)?,
                object.function(&SET)?,
                object.function::<SwapInt>(&VERSION),
            )
        };
        let mut facts = Facts::new(Reach::Process);
        facts.max_threads = count(MOST);
        facts.is_plain = false;
        facts.version = version.map(|part| {
            let [major, minor, micro] = [0, 1, 2].map(|flag| part.call(flag));
            format!("{major}.{minor}.{micro}")
        });
        Some(Bound {
            control: Box::new(Loaded { get, set }),
            facts,
        })
    }
}

struct Loaded {
    get: GetInt,
    set: SetInt,
}

impl Control for Loaded {
    /// 0, which is unknown, before the library is initialised.
    fn threads(&self) -> c_int {
        self.get.call()
    }

    fn set_threads(&self, threads: c_int) {
        self.set.call(threads.min(MOST));
    }

    /// It has no way back to "not initialised": 0 leaves what is there.
    fn restore(&self, saved: Saved) {
        match saved.as_c_int() {
            0 => self.set_threads(by_itself()),
            threads => self.set_threads(threads),
        }
    }
}

/// The number that libvips takes when it is initialised.
fn by_itself() -> c_int {
    let asked = std::env::var(VARIABLE).ok();
    let asked = asked.and_then(|value| Reading::Prefix.read(&value));
    let cpus = || platform::affinity(None).map_or(1, |mask| mask.len() as u32);
    c_int::try_from(asked.unwrap_or_else(cpus)).unwrap_or(MOST)
}
