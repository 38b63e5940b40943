//! One twin a system: what the loader has loaded, and which thread this is.
//!
//! `--cfg poolkeeper_unsupported` builds the other systems' twin on Linux, to see
//! that it still compiles. Nobody outside `platform/` and `native/` says `cfg(target_os)`.

#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod affinity;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod elf;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod exec;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod files;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod library;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod linux;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod maps;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod stacks;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod start;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod tasks;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
pub(crate) use self::{
    affinity::{affinity, set_affinity},
    elf::SymbolTable,
    exec::exec,
    files::{has_shared_memory, read_regular},
    library::Library,
    linux::{each_image, epoch, on_fork, path_of},
    maps::{file_of, mapped_file},
    stacks::thread_owners,
    start::{Beginning, StartRoutines},
    tasks::{Spent, Task, own_task, spent_by_process, spent_by_thread, tasks},
};

#[cfg(any(not(target_os = "linux"), poolkeeper_unsupported))]
mod unsupported;
#[cfg(any(not(target_os = "linux"), poolkeeper_unsupported))]
pub(crate) use unsupported::{
    Beginning, Library, Spent, StartRoutines, SymbolTable, Task, affinity, each_image, epoch, exec,
    file_of, has_shared_memory, mapped_file, on_fork, own_task, path_of, read_regular,
    set_affinity, spent_by_process, spent_by_thread, tasks, thread_owners,
};

/// Looks names up in a made-up object.
#[cfg(fuzzing)]
pub(crate) use self::elf::fuzz as fuzz_symbols;

/// Reads what the kernel tells of mappings and threads.
#[cfg(fuzzing)]
pub(crate) fn fuzz_process(data: &[u8]) {
    for line in data.split(|byte| *byte == b'\n') {
        let _ = maps::parse(line);
        let _ = tasks::parse("7", line);
    }
}

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
