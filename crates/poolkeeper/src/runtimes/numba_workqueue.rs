//! numba's threading layer on a work queue of its own.

use super::behaviour::Behaviour;
use super::card::Card;
use super::own_number::OwnNumber;
use crate::model::Level;
use crate::platform::SymbolName;

pub(super) static NUMBA_WORKQUEUE: OwnNumber =
    OwnNumber::told_by(&CARD, &[SymbolName::new("PyInit_workqueue")]);

static CARD: Card = Card {
    id: "numba_workqueue",
    name: "numba (workqueue layer)",
    level: Level::Other,
    internal_api: "numba_workqueue",
    file_prefixes: &["workqueue"],
    symbols: &["PyInit_workqueue"],
    reach: "none: only Python sets it, for the calling thread: numba.set_num_threads",
    environment: &[],
    quirks: &["It is not for calls from several threads at once: numba ends the program then."],
    sources: &["Numba documentation, \"Setting the Number of Threads\""],
    call: Some("numba.set_num_threads({n}), in each thread"),
    behaviour: Behaviour::USUAL,
};
