//! JAX on CPUs: the pool that runs its operations.

use super::behaviour::{AfterFork, Behaviour};
use super::card::{Card, Counts, counted};
use super::own_number::OwnNumber;
use crate::model::Level;
use crate::platform::SymbolName;

pub(super) static JAX: OwnNumber = OwnNumber::told_by(
    &CARD,
    &[
        SymbolName::new("Wrapped_PyInit__jax"),
        SymbolName::new("Wrapped_PyInit__xla"),
        SymbolName::new("Wrapped_PyInit_xla_extension"),
        SymbolName::new("PyInit_xla_extension"),
    ],
);

static CARD: Card = Card {
    id: "jax",
    name: "JAX",
    level: Level::Other,
    internal_api: "jax",
    file_prefixes: &["libjax_common", "xla_extension"],
    symbols: &["Wrapped_PyInit__jax", "or PyInit_xla_extension"],
    reach: "none: its size is fixed at its first use",
    environment: &[
        counted(
            "PJRT_NPROC",
            Counts::Openmp,
            "threads of its operations; read at its first use",
        )
        .over(&["NPROC"]),
        counted(
            "NPROC",
            Counts::Openmp,
            "threads of its operations, if PJRT_NPROC is unset",
        ),
    ],
    quirks: &[
        "The variables hold the pool that runs its operations; JAX has other threads, which mostly wait.",
        "A forked child that uses it waits for ever once the parent has.",
    ],
    sources: &["OpenXLA, xla/pjrt/utils.cc (DefaultThreadPoolSize)"],
    call: Some("os.environ[\"NPROC\"] = \"{n}\" before its first use"),
    behaviour: Behaviour {
        after_fork: AfterFork::WaitsForEver,
        ..Behaviour::USUAL
    },
};
