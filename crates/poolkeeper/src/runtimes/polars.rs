//! Polars: its pool of rayon's, whose size is fixed when it is first used.

use super::behaviour::{AfterFork, Behaviour};
use super::card::{Card, Counts, counted};
use super::own_number::OwnNumber;
use crate::model::Level;
use crate::platform::SymbolName;

pub(super) static POLARS: OwnNumber = OwnNumber::told_by(
    &CARD,
    &[
        SymbolName::new("PyInit__polars_runtime"),
        SymbolName::new("PyInit_polars"),
    ],
);

static CARD: Card = Card {
    id: "polars",
    name: "Polars",
    level: Level::Other,
    internal_api: "polars",
    file_prefixes: &["_polars_runtime", "polars.abi3"],
    symbols: &["PyInit__polars_runtime", "or PyInit_polars"],
    reach: "none: its size is fixed at its first use",
    environment: &[counted(
        "POLARS_MAX_THREADS",
        Counts::Openmp,
        "size of its pool; read at import",
    )],
    quirks: &[
        "It ignores RAYON_NUM_THREADS.",
        "A forked child that uses it waits for ever once the parent has.",
    ],
    sources: &["Polars API reference, polars.thread_pool_size"],
    call: Some("os.environ[\"POLARS_MAX_THREADS\"] = \"{n}\" before it is imported"),
    behaviour: Behaviour {
        names_threads: Some("polars-"),
        after_fork: AfterFork::WaitsForEver,
        ..Behaviour::USUAL
    },
};
