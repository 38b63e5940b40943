//! HiGHS: the scheduler of its parallel solvers.

use super::behaviour::Behaviour;
use super::card::Card;
use super::own_number::OwnNumber;
use crate::model::Level;
use crate::platform::SymbolName;

pub(super) static HIGHS: OwnNumber = OwnNumber::told_by(
    &CARD,
    &[SymbolName::new("_ZN5Highs20resetGlobalSchedulerEb")],
);

static CARD: Card = Card {
    id: "highs",
    name: "HiGHS",
    level: Level::Other,
    internal_api: "highs",
    file_prefixes: &["libhighs"],
    symbols: &["_ZN5Highs20resetGlobalSchedulerEb"],
    reach: "none: a model's option sets it before the first solve of a thread",
    environment: &[],
    quirks: &[
        "The first solve starts half as many threads as there are CPUs; another number is an error until `Highs.resetGlobalScheduler` is called.",
        "The copy inside scipy exports nothing, and is not found.",
    ],
    sources: &["HiGHS documentation, \"Parallel\""],
    call: Some("model.setOptionValue(\"threads\", {n}) before the first solve"),
    behaviour: Behaviour::USUAL,
};
