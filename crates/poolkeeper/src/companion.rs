//! A loaded library that has no pool, and sets the pools of others on its first
//! use in each thread: see `runtimes/companions.rs`.

use crate::native::{GetInt, Object};
use crate::platform::{Library, SymbolTable};
use crate::runtimes::Companion;
use std::ffi::CString;

/// A library that sets other libraries' pools on its first use in each thread.
/// It stays mapped from now on: those that do so are never closed.
pub(crate) struct LoadedCompanion {
    name: CString,
    base: usize,
    first: GetInt,
    _library: Library,
}

impl LoadedCompanion {
    /// Does on this thread what its first use there would do.
    pub(crate) fn meet(&self) {
        self.first.call();
    }
}

/// An object in the loader's list that is a companion.
pub(crate) struct FoundCompanion {
    pub(crate) companion: &'static Companion,
    pub(crate) name: CString,
    pub(crate) base: usize,
    pub(crate) symbols: SymbolTable<'static>,
}

impl FoundCompanion {
    pub(crate) fn is(&self, loaded: &LoadedCompanion) -> bool {
        loaded.base == self.base && loaded.name == self.name
    }

    /// Pins it; `None` if it is gone.
    pub(crate) fn take_hold(self) -> Option<LoadedCompanion> {
        let library = Library::pin(&self.name, self.base)?;
        // SAFETY: `pin` made sure that the object at this base is the one that
        // the table was found in.
        let object = unsafe { Object::new(library, self.symbols) };
        Some(LoadedCompanion {
            first: self.companion.bind(&object)?,
            name: self.name,
            base: self.base,
            _library: object.library,
        })
    }
}
