//! NumExpr: its pool, whose number may not change while an expression is evaluated.

use super::behaviour::Behaviour;
use super::card::{Card, Counts, counted};
use super::own_number::OwnNumber;
use crate::model::Level;
use crate::platform::SymbolName;

pub(super) static NUMEXPR: OwnNumber =
    OwnNumber::told_by(&CARD, &[SymbolName::new("_Z20numexpr_set_nthreadsi")]);

static CARD: Card = Card {
    id: "numexpr",
    name: "NumExpr",
    level: Level::Other,
    internal_api: "numexpr",
    file_prefixes: &[],
    symbols: &["_Z20numexpr_set_nthreadsi"],
    reach: "none: a change during an evaluation would wait for ever",
    environment: &[
        counted(
            "NUMEXPR_MAX_THREADS",
            Counts::Openmp,
            "size of its pool, 64 by default; read at import",
        )
        .usual(64),
        counted(
            "NUMEXPR_NUM_THREADS",
            Counts::Openmp,
            "threads of its pool that it uses, at most 16 by default; read at import",
        )
        .over(&["NUMEXPR_MAX_THREADS", "OMP_NUM_THREADS"])
        .usual(16),
    ],
    quirks: &[
        "poolkeeper never calls its setter, because a change while another thread evaluates an expression leaves both waiting.",
    ],
    sources: &["NumExpr User Guide, \"Threadpool Configuration\""],
    call: Some("numexpr.set_num_threads({n}), while nothing is evaluated"),
    behaviour: Behaviour {
        is_quiet: true,
        ..Behaviour::USUAL
    },
};
