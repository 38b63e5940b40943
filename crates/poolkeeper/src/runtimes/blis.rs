//! BLIS, on its own or linked statically into another library.

use super::behaviour::{Begins, Behaviour, Layer, Workers};
use super::card::{Card, Counts, Reading, counted, variable};
use super::control::{Bound, Control, Facts, Fixed, Runtime, Saved};
use super::openmp;
use crate::model::{Level, Reach};
use crate::native::{GetInt, GetLong, GetText, NameOf, Object, SetFiveLongs, SetLong};
use crate::platform::{SymbolName, SymbolTable};
use libc::c_int;

pub(super) struct Blis;

static CARD: Card = Card {
    id: "blis",
    name: "BLIS",
    level: Level::Blas,
    internal_api: "blis",
    file_prefixes: &["libblis"],
    symbols: &[
        "bli_thread_get_num_threads",
        "bli_thread_set_num_threads",
        "bli_info_get_version_str",
    ],
    reach: "process: one value for every thread",
    environment: &[
        counted(
            "BLIS_NUM_THREADS",
            Counts::Blas,
            "threads of its functions, 1 by default; read at its first use",
        )
        .over(&[openmp::THREADS])
        .usual(1)
        .read(Reading::Prefix),
        variable(
            openmp::THREADS,
            "threads of its functions, if BLIS_NUM_THREADS is unset",
        )
        .read(Reading::Prefix),
        variable(
            "BLIS_JC_NT",
            "threads of one of its five loops; BLIS_PC_NT, BLIS_IC_NT, BLIS_JR_NT and BLIS_IR_NT have those of the others",
        ),
    ],
    quirks: &[
        "It starts with one thread: its \"unset\", -1, means 1.",
        "Numbers that are set for single loops go before the number of threads. Where they are set, poolkeeper limits the ic loop, and puts the numbers back.",
        "It is often linked statically into another library (PyPI's blis), where only its symbols show it.",
    ],
    sources: &[
        "BLIS docs/Multithreading.md",
        "BLIS frame/thread/bli_thread.h",
    ],
    call: None,
    behaviour: Behaviour {
        begins: Begins::Fixed,
        workers: Workers::EachCall,
        layers: &[(DISABLED, Layer::WithoutThreads)],
        ..Behaviour::USUAL
    },
};

/// The threading layer of a build without threads.
const DISABLED: &str = "disabled";

const GET: SymbolName = SymbolName::new("bli_thread_get_num_threads");
const SET: SymbolName = SymbolName::new("bli_thread_set_num_threads");
const VERSION: SymbolName = SymbolName::new("bli_info_get_version_str");
const OPENMP: SymbolName = SymbolName::new("bli_info_get_enable_openmp");
const PTHREADS: SymbolName = SymbolName::new("bli_info_get_enable_pthreads");
/// Threads of each of the five loops, from the outermost on.
const GET_WAYS: [SymbolName; 5] = [
    SymbolName::new("bli_thread_get_jc_nt"),
    SymbolName::new("bli_thread_get_pc_nt"),
    SymbolName::new("bli_thread_get_ic_nt"),
    SymbolName::new("bli_thread_get_jr_nt"),
    SymbolName::new("bli_thread_get_ir_nt"),
];
const SET_WAYS: SymbolName = SymbolName::new("bli_thread_set_ways");
const ARCH: SymbolName = SymbolName::new("bli_arch_query_id");
const ARCH_NAME: SymbolName = SymbolName::new("bli_arch_string");

impl Runtime for Blis {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        [&GET, &SET, &VERSION]
            .into_iter()
            .all(|name| symbols.has_function(name))
    }

    fn bind(&self, object: &Object) -> Option<Bound> {
        // SAFETY: BLIS frame/thread/bli_thread.h: `dim_t
        // bli_thread_get_num_threads(void)`, `void
        // bli_thread_set_num_threads(dim_t)`, with a dim_t of 64 bits (a 32-bit
        // one lies in the same register); frame/base/bli_info.h: `const char
        // *bli_info_get_version_str(void)`, `gint_t bli_info_get_enable_*(void)`;
        // frame/base/bli_arch.h: `arch_t bli_arch_query_id(void)`, `const char
        // *bli_arch_string(arch_t)`, where arch_t is an enum.
        let (get, set, version, openmp, pthreads, arch, arch_name) = unsafe {
            (
                object.function(&GET)?,
                object.function(&SET)?,
                object.function::<GetText>(&VERSION)?.call(),
                object.function::<GetInt>(&OPENMP).map(GetInt::call),
                object.function::<GetInt>(&PTHREADS).map(GetInt::call),
                object.function::<GetInt>(&ARCH).map(GetInt::call),
                object.function::<NameOf>(&ARCH_NAME),
            )
        };
        let layer = match (openmp.unwrap_or(0), pthreads.unwrap_or(0)) {
            (0, 0) => DISABLED,
            (0, _) => "pthreads",
            _ => "openmp",
        };
        let mut facts = Facts::new(Reach::Process);
        facts.is_plain = false;
        facts.version = version;
        facts.threading_layer = Some(layer.to_owned());
        facts.architecture = arch_name.zip(arch).and_then(|(name, id)| name.call(id));
        facts.fixed =
            (layer == DISABLED).then_some(Fixed::Because("this BLIS was built without threads"));
        // A build without threads accepts every number and uses none.
        let ways = (layer != DISABLED).then(|| Ways::of(object)).flatten();
        let control = Loaded { get, set, ways };
        Some(Bound {
            control: Box::new(control),
            facts,
        })
    }
}

struct Loaded {
    get: GetLong,
    set: SetLong,
    ways: Option<Ways>,
}

/// The functions for the numbers of threads of single loops.
struct Ways {
    get: [GetLong; 5],
    set: SetFiveLongs,
}

impl Ways {
    fn of(object: &Object) -> Option<Self> {
        // SAFETY: bli_thread.h: `dim_t bli_thread_get_jc_nt(void)` and so on,
        // `void bli_thread_set_ways(dim_t, dim_t, dim_t, dim_t, dim_t)`.
        unsafe {
            let [jc, pc, ic, jr, ir] = &GET_WAYS;
            let get = [
                object.function(jc)?,
                object.function(pc)?,
                object.function(ic)?,
                object.function(jr)?,
                object.function(ir)?,
            ];
            Some(Ways {
                get,
                set: object.function(&SET_WAYS)?,
            })
        }
    }

    /// The numbers, where at least one is set.
    fn numbers(&self) -> Option<[i64; 5]> {
        let numbers = self.get.map(GetLong::call);
        numbers
            .iter()
            .any(|number| *number != UNSET)
            .then_some(numbers)
    }
}

/// BLIS's own word for "not set".
const UNSET: i64 = -1;

impl Loaded {
    fn ways(&self) -> Option<[i64; 5]> {
        self.ways.as_ref().and_then(Ways::numbers)
    }
}

impl Control for Loaded {
    /// Numbers of single loops go before the number of threads.
    fn threads(&self) -> c_int {
        let threads = match self.ways() {
            Some(numbers) => numbers.iter().map(|number| (*number).max(1)).product(),
            None => match self.get.call() {
                UNSET => 1,
                threads => threads,
            },
        };
        c_int::try_from(threads).unwrap_or(c_int::MAX)
    }

    fn set_threads(&self, threads: c_int) {
        match &self.ways {
            // The loop that BLIS's own documentation parallelizes first.
            Some(ways) if ways.numbers().is_some() => {
                ways.set.call([1, 1, i64::from(threads), 1, 1]);
            }
            _ => self.set.call(i64::from(threads)),
        }
    }

    fn save(&self, _threads: c_int) -> Saved {
        match self.ways() {
            Some(numbers) => Saved::Loops(numbers.map(|number| {
                i16::try_from(number).unwrap_or(i16::MAX) // no processor has so many
            })),
            None => Saved::Number(self.get.call().max(UNSET)),
        }
    }

    fn restore(&self, saved: Saved) {
        match (saved, &self.ways) {
            (Saved::Loops(numbers), Some(ways)) => ways.set.call(numbers.map(i64::from)),
            // A number of threads, which those of loops would go before.
            (Saved::Number(1..), _) => self.set_threads(saved.as_c_int()),
            (Saved::Number(unset), _) => self.set.call(unset),
            (Saved::Loops(_), None) => {}
        }
    }
}
