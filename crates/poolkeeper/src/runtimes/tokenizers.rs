//! Hugging Face's tokenizers: rayon's global pool in its extension module.

use super::behaviour::Behaviour;
use super::card::{Card, variable};
use super::own_number::OwnNumber;
use crate::model::Level;
use crate::platform::SymbolName;

pub(super) static TOKENIZERS: OwnNumber =
    OwnNumber::told_by(&CARD, &[SymbolName::new("PyInit_tokenizers")]);

static CARD: Card = Card {
    id: "tokenizers",
    name: "tokenizers",
    level: Level::Other,
    internal_api: "tokenizers",
    file_prefixes: &["tokenizers.abi3", "tokenizers.cpython"],
    symbols: &["PyInit_tokenizers"],
    reach: "none: its size is fixed at its first use, but a variable turns it off",
    environment: &[variable(
        "TOKENIZERS_PARALLELISM",
        "false: the calling thread alone; read at each call",
    )],
    quirks: &[
        "RAYON_NUM_THREADS decides its size, as for every program on rayon.",
        "It turns its threads off by itself in a forked child, with a warning.",
    ],
    sources: &["tokenizers, src/utils/parallelism.rs"],
    call: Some(
        "os.environ[\"RAYON_NUM_THREADS\"] = \"{n}\" before its first use, or \
         os.environ[\"TOKENIZERS_PARALLELISM\"] = \"false\" at any time",
    ),
    behaviour: Behaviour::USUAL,
};
