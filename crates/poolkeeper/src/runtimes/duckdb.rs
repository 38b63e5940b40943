//! DuckDB: the threads of its task scheduler, one set for each database.

use super::behaviour::{Behaviour, Workers};
use super::card::Card;
use super::own_number::OwnNumber;
use crate::model::Level;
use crate::platform::SymbolName;

pub(super) static DUCKDB: OwnNumber = OwnNumber::told_by(
    &CARD,
    &[
        SymbolName::new("duckdb_open"),
        SymbolName::new("PyInit__duckdb"),
    ],
);

static CARD: Card = Card {
    id: "duckdb",
    name: "DuckDB",
    level: Level::Other,
    internal_api: "duckdb",
    file_prefixes: &["_duckdb", "libduckdb", "duckdb.cpython"],
    symbols: &["duckdb_open", "or PyInit__duckdb"],
    reach: "none: each database has threads of its own, which SQL sets",
    environment: &[],
    quirks: &[
        "It has no variable, and counts the machine's CPUs, whatever the affinity mask says. Run `SET threads TO n` in each database, or bind the process with `poolkeeper run --pin`.",
    ],
    sources: &["DuckDB documentation, \"Configuration\""],
    call: Some("connection.execute(\"SET threads TO {n}\")"),
    behaviour: Behaviour {
        workers: Workers::AtFirstUse,
        ..Behaviour::USUAL
    },
};
