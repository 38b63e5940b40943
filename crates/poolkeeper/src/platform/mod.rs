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
mod forks;
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
    forks::on_fork,
    library::Library,
    linux::{each_image, epoch, path_of},
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

mod loaded;
pub(crate) use loaded::{Epoch, Symbol, SymbolName};
