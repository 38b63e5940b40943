//! A library's own functions, by name.

use super::{Foreign, IntVariable};
use crate::platform::{Library, Symbol, SymbolName, SymbolTable};

/// A pinned library with the table of the symbols that it defines.
pub(crate) struct Object {
    pub(crate) library: Library,
    symbols: SymbolTable<'static>,
}

impl Object {
    /// # Safety
    /// `symbols` must be the table of the object that `library` pins.
    pub(crate) unsafe fn new(library: Library, symbols: SymbolTable<'static>) -> Self {
        Object { library, symbols }
    }

    /// The address of a function that this object defines.
    pub(crate) fn address(&self, name: &SymbolName) -> Option<usize> {
        match self.symbols.find(name)? {
            Symbol::Function(address) => Some(address),
            Symbol::Indirect => self.library.find(name.name),
            Symbol::Data(_) => None,
        }
    }

    /// An `int` that this object exports.
    ///
    /// # Safety
    /// The variable must be an `int`, and the result must not outlive this
    /// object's library.
    pub(crate) unsafe fn int(&self, name: &SymbolName) -> Option<IntVariable> {
        match self.symbols.find(name)? {
            // SAFETY: promised by the caller.
            Symbol::Data(address) => Some(unsafe { IntVariable::at(address) }),
            Symbol::Function(_) | Symbol::Indirect => None,
        }
    }

    /// A function that this object defines, as the given type.
    ///
    /// # Safety
    /// The function must have `F`'s signature, and the result must not outlive
    /// this object's library.
    pub(crate) unsafe fn function<F: Foreign>(&self, name: &SymbolName) -> Option<F> {
        let address = self.address(name)?;
        // SAFETY: promised by the caller.
        Some(unsafe { F::at(address) })
    }
}
