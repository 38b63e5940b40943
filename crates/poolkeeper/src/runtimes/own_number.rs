//! Runtimes that take their number of threads by calls of their own and by nothing
//! else: they have no function in C that sets it, or one that may not be called at
//! any time. Such a runtime's file is its card and the symbols that tell it.

use super::card::Card;
use super::control::{Bound, Control, Facts, Fixed, Runtime};
use crate::model::Reach;
use crate::native::Object;
use crate::platform::{SymbolName, SymbolTable};
use libc::c_int;

/// A runtime that no limit reaches.
pub(super) struct OwnNumber {
    card: &'static Card,
    call: &'static str,
    symbols: &'static [SymbolName],
}

impl OwnNumber {
    /// The runtime with that card, which must have a call, that any of these functions
    /// tells: its builds differ in what they export.
    pub(super) const fn told_by(card: &'static Card, symbols: &'static [SymbolName]) -> Self {
        let Some(call) = card.call else {
            panic!("a runtime with a number of its own has a call that sets it");
        };
        OwnNumber {
            card,
            call,
            symbols,
        }
    }
}

impl Runtime for OwnNumber {
    fn card(&self) -> &'static Card {
        self.card
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        self.symbols.iter().any(|name| symbols.has_function(name))
    }

    fn bind(&self, _object: &Object) -> Option<Bound> {
        let mut facts = Facts::new(Reach::None);
        facts.fixed = Some(Fixed::Call(self.call));
        Some(Bound {
            control: Box::new(Unknown),
            facts,
        })
    }
}

/// A number that can't be read.
pub(super) struct Unknown;

impl Control for Unknown {
    fn threads(&self) -> c_int {
        0
    }

    fn set_threads(&self, _threads: c_int) {}
}
