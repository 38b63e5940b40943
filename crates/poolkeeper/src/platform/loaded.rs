//! What every system's twin speaks of: the loader's counters, and symbols.

/// The loader's counters of objects loaded and unloaded so far. While they
/// stand still, the list of loaded objects is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Epoch {
    pub(crate) loaded: u64,
    pub(crate) unloaded: u64,
}

impl Epoch {
    /// Both counters as one number.
    pub(crate) fn version(self) -> u64 {
        self.loaded.wrapping_add(self.unloaded)
    }
}

/// Where a symbol lives and what it is.
#[cfg_attr(
    any(not(target_os = "linux"), poolkeeper_unsupported),
    expect(dead_code, reason = "no symbol is ever looked up there")
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Symbol {
    /// A function at this address.
    Function(usize),
    /// A variable at this address.
    Data(usize),
    /// A function whose address the loader must choose (`STT_GNU_IFUNC`).
    Indirect,
}

/// A symbol's name with its GNU hash, computed at compile time, so that one
/// look-up in one object costs a few nanoseconds.
#[cfg_attr(
    any(not(target_os = "linux"), poolkeeper_unsupported),
    expect(dead_code, reason = "no symbol is ever looked up there")
)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct SymbolName {
    pub(crate) name: &'static str,
    pub(crate) gnu_hash: u32,
}

impl SymbolName {
    /// Hashes `name` as `ld --hash-style=gnu` does.
    pub(crate) const fn new(name: &'static str) -> Self {
        let bytes = name.as_bytes();
        let mut hash: u32 = 5381;
        let mut i = 0;
        while i < bytes.len() {
            hash = hash.wrapping_mul(33).wrapping_add(bytes[i] as u32);
            i += 1;
        }
        SymbolName {
            name,
            gnu_hash: hash,
        }
    }
}
