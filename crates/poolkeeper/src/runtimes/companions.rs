//! Libraries without a pool of their own that set the pools of others.
//!
//! PyTorch remembers, for the whole process, how many threads its operations are
//! to use. The first operation on each thread sets OpenMP and MKL to that number,
//! inside a limit too. Its own getter does the same and runs nothing: called on a
//! thread before a limit takes hold there, it makes the limit last.

use crate::native::{GetInt, Object};
use crate::platform::{SymbolName, SymbolTable};

/// A library to be asked on each thread before that thread's pools are read.
pub(crate) struct Companion {
    symbols: &'static [SymbolName],
    /// `int f(void)`: does on this thread, once, what its first use would do.
    first: SymbolName,
}

/// Every known one.
pub(crate) static COMPANIONS: &[Companion] = &[Companion {
    // at::get_num_threads() and at::set_num_threads(int), in libtorch_cpu
    // (PyTorch, aten/src/ATen/Parallel.h).
    symbols: &[
        SymbolName::new("_ZN2at15get_num_threadsEv"),
        SymbolName::new("_ZN2at15set_num_threadsEi"),
    ],
    first: SymbolName::new("_ZN2at15get_num_threadsEv"),
}];

impl Companion {
    /// As [`super::Runtime::recognises`].
    pub(crate) fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        self.symbols.iter().all(|name| symbols.has_function(name))
    }

    /// Takes hold of a recognised object.
    pub(crate) fn bind(&self, object: &Object) -> Option<GetInt> {
        // SAFETY: ATen/Parallel.h: `int get_num_threads()`; without arguments and
        // with an int, C++'s calling convention is C's (Itanium C++ ABI, 3.1).
        unsafe { object.function(&self.first) }
    }
}
