//! One twin a system: what the loader has loaded, and which thread this is.
//!
//! `--cfg poolkeeper_unsupported` builds the other systems' twin on Linux, to see
//! that it still compiles. Nobody outside `platform/` and `native/` says `cfg(target_os)`.

#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod affinity;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod children;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod counters;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod distant;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod elf;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod elf_file;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod exec;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod files;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod forks;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod getter;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod library;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod linux;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod maps;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod memory;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod object_memory;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod processes;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod stacks;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod start;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
mod tasks;
#[cfg(all(target_os = "linux", not(poolkeeper_unsupported)))]
pub(crate) use self::{
    affinity::{AFFINITY, affinity, set_affinity},
    children::{spawn, until_ended},
    counters::{Account, Counters, allow_files},
    distant::{Distant, DistantObject},
    elf::SymbolTable,
    exec::exec,
    files::{has_shared_memory, read_regular},
    forks::{load_for_ends_of_threads, on_fork},
    library::Library,
    linux::{each_image, epoch, path_of},
    maps::{MappedFiles, file_of, mapped_file},
    processes::{
        Birth, birth, busy, command_line, group_of, inner_id, is_of_kernel, is_runnable,
        process_ids, process_links, thread_ids, thread_links, thread_name, user_of,
    },
    stacks::thread_owners,
    start::{Beginning, StartRoutines},
    tasks::{Spent, Task, own_task, spent_by_process, spent_by_thread, tasks},
};

#[cfg(any(not(target_os = "linux"), poolkeeper_unsupported))]
mod unsupported;
#[cfg(any(not(target_os = "linux"), poolkeeper_unsupported))]
mod unsupported_processes;
#[cfg(any(not(target_os = "linux"), poolkeeper_unsupported))]
pub(crate) use self::{
    unsupported::{
        AFFINITY, Beginning, Library, Spent, StartRoutines, SymbolTable, Task, affinity,
        each_image, epoch, exec, file_of, has_shared_memory, load_for_ends_of_threads, mapped_file,
        on_fork, own_task, path_of, read_regular, set_affinity, spawn, spent_by_process,
        spent_by_thread, tasks, thread_owners, until_ended,
    },
    unsupported_processes::{
        Account, Birth, Counters, Distant, DistantObject, MappedFiles, allow_files, birth, busy,
        command_line, group_of, inner_id, is_of_kernel, is_runnable, process_ids, process_links,
        thread_ids, thread_links, thread_name, user_of,
    },
};

/// Looks names up in a made-up object.
#[cfg(fuzzing)]
pub(crate) fn fuzz_symbols(data: &[u8]) {
    elf::fuzz(data);
    elf_file::fuzz(data);
    distant::fuzz(data);
}

/// Reads what the kernel tells of mappings and threads.
#[cfg(fuzzing)]
pub(crate) fn fuzz_process(data: &[u8]) {
    for line in data.split(|byte| *byte == b'\n') {
        let _ = maps::parse(line);
        let _ = tasks::parse("7", line);
        let _ = counters::parse(line);
        let _ = processes::parse_birth(line);
    }
}

mod loaded;
pub(crate) use loaded::{Epoch, Symbol, SymbolName};

/// Why no thread pool can be seen or limited on this system; `None` where pools can.
///
/// Nothing fails for that reason: [`pools`](crate::pools()) is empty, and each
/// [`Outcome`](crate::Outcome) of a limit is [`Status::Ignored`](crate::Status::Ignored),
/// with this reason.
///
/// # Examples
///
/// ```
/// if let Some(reason) = poolkeeper::unsupported() {
///     assert_eq!(reason.code(), "unsupported-platform");
///     assert!(poolkeeper::pools()?.is_empty());
/// }
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn unsupported() -> Option<crate::Error> {
    cfg!(any(not(target_os = "linux"), poolkeeper_unsupported)).then_some(
        crate::Error::UnsupportedPlatform {
            system: std::env::consts::OS,
        },
    )
}
