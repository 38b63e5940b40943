//! Linux: which library each thread of this process belongs to.
//!
//! A thread's first function is that of the library that made it. glibc since 2.34
//! says where it keeps that ([`StartRoutines`]), on every processor. An older one keeps
//! it in `struct pthread`, at the upper end of the stack that it maps for
//! the thread (nptl/allocatestack.c, nptl/descr.h), beside the thread's number.
//! On x86-64 the structure begins with two pointers to itself (`tcbhead_t`, which
//! the ABI of thread-local storage fixes), and so can be found. Where it isn't
//! found, as on other processors and with other C libraries, a thread's owner is
//! not known: what is returned is a lower bound.

use super::StartRoutines;
use super::maps::{Mapping, mappings};
use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes at the end of a mapping that are looked through: `struct pthread` has
/// 2304 in glibc 2.36.
const END_OF_STACK: usize = 2560;
/// Words from the structure's beginning to past the thread's number (720 bytes).
const WORDS_TO_NUMBER: usize = 96;
const WORD: usize = size_of::<usize>();

/// The file of the library that made each thread, but for the main thread and
/// those whose maker can't be told.
///
/// # Errors
/// Those of reading what is mapped.
pub(crate) fn thread_owners() -> io::Result<Vec<PathBuf>> {
    let mappings = mappings()?;
    let threads = threads();
    if let Some(routines) = StartRoutines::find() {
        let mut begun = routines.read(threads.len());
        begun.retain(|thread, _| threads.contains(thread));
        let makers = begun.into_values();
        let makers = makers.filter_map(|beginning| beginning.maker(|at| file_at(at, &mappings)));
        return Ok(makers.filter(|file| !is_c_library(file)).collect());
    }
    Ok(by_stacks(&mappings, &threads))
}

/// The file that is mapped at an address.
fn file_at(address: usize, mappings: &[Mapping]) -> Option<PathBuf> {
    let mut there = mappings.iter().filter(|map| map.range.contains(&address));
    there.find_map(|mapping| mapping.file.clone())
}

/// The makers of threads by what lies at the ends of their stacks.
fn by_stacks(mappings: &[Mapping], threads: &HashSet<u32>) -> Vec<PathBuf> {
    let stacks = mappings.iter().filter(|mapping| mapping.is_memory);
    let owners = stacks.filter_map(|stack| {
        let pthread = pthread_in(&stack.range, threads)?;
        owner(&pthread, mappings)
    });
    owners.collect()
}

/// The numbers of this process's threads, but for the main thread.
fn threads() -> HashSet<u32> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    let numbers = tasks
        .flatten()
        .filter_map(|task| task.file_name().to_str()?.parse().ok());
    numbers
        .filter(|thread| *thread != std::process::id())
        .collect()
}

/// The words of the `struct pthread` at the end of a mapping, if one of these
/// threads has its stack there.
fn pthread_in(stack: &Range<usize>, threads: &HashSet<u32>) -> Option<Vec<usize>> {
    let start = stack.end.checked_sub(END_OF_STACK)?.max(stack.start);
    let words = read(start, stack.end)?;
    let is_head = |index: &usize| {
        let own = start + index * WORD;
        words[*index] == own && words.get(index + 2) == Some(&own)
    };
    let head = (0..words.len()).find(is_head)?;
    let beginning = words[head..].iter().take(WORDS_TO_NUMBER);
    // The number has four bytes: one half of a word. That of a thread that has
    // ended is 0, and its stack is kept for the next.
    let mut halves = beginning.flat_map(|word| [*word as u32, (*word as u64 >> 32) as u32]);
    let is_live = halves.any(|half| threads.contains(&half));
    is_live.then(|| words[head..].to_vec())
}

/// The file whose code a thread began in: the first function's address is the
/// last in the structure that is no C library's.
fn owner(pthread: &[usize], mappings: &[Mapping]) -> Option<PathBuf> {
    pthread.iter().rev().find_map(|word| {
        let mut code = mappings.iter().filter(|mapping| mapping.is_code);
        let mapping = code.find(|mapping| mapping.range.contains(word))?;
        mapping.file.clone().filter(|file| !is_c_library(file))
    })
}

/// The C library's own addresses lie there too.
fn is_c_library(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    ["libc.", "libc-", "libpthread", "ld-linux"]
        .iter()
        .any(|start| name.starts_with(start))
}

/// The words between two addresses of this process; `None` if they can't be read.
fn read(start: usize, end: usize) -> Option<Vec<usize>> {
    let start = start.next_multiple_of(WORD);
    let mut words = vec![0_usize; end.checked_sub(start)? / WORD];
    let bytes = words.len() * WORD;
    let into = libc::iovec {
        iov_base: words.as_mut_ptr().cast(),
        iov_len: bytes,
    };
    let from = libc::iovec {
        iov_base: start as *mut libc::c_void,
        iov_len: bytes,
    };
    // SAFETY: process_vm_readv(2): writes at most `bytes` bytes to `words`, which
    // is as long; a source that is gone by now gives an error, and no fault.
    let read = unsafe { libc::process_vm_readv(libc::getpid(), &into, 1, &from, 1, 0) };
    (usize::try_from(read) == Ok(bytes)).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    #[test]
    fn threads_of_this_program_are_its_own_running_or_not() {
        let program = std::env::current_exe().unwrap();
        let done = Barrier::new(3);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| done.wait());
            }
            // They are at the barrier by now, or on the way there.
            let owners = thread_owners().unwrap();
            let stacks = by_stacks(&mappings().unwrap(), &threads());
            let own = |owners: &[PathBuf]| owners.iter().filter(|file| **file == program).count();
            done.wait();
            assert!(own(&owners) >= 2, "{owners:?}");
            // Elsewhere the stacks' ends tell nothing, and nothing wrong.
            let fewest = if cfg!(target_arch = "x86_64") { 2 } else { 0 };
            assert!(own(&stacks) >= fewest, "{stacks:?}");
        });
    }
}
