//! Linux: which library each thread of this process belongs to.
//!
//! A thread's first function is that of the library that made it. glibc keeps its
//! address in `struct pthread`, which lies at the upper end of the stack that
//! it maps for the thread (nptl/allocatestack.c); the kernel tells where the
//! stack is (proc_pid_syscall(5)), as long as the thread sleeps. A thread that
//! is running just now is left out: what is found is a lower bound.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// Bytes at the end of a stack's mapping that are looked through: `struct
/// pthread` has 2304 in glibc 2.36 on x86-64.
const END_OF_STACK: usize = 2560;
const WORD: usize = size_of::<usize>();

/// A line of `/proc/self/maps`: where a file's code is, or a stack.
struct Mapping {
    range: Range<usize>,
    is_code: bool,
    file: Option<PathBuf>,
}

/// The file of the library that made each sleeping thread, but for the main
/// thread and those whose maker can't be told.
pub(crate) fn thread_owners() -> Vec<PathBuf> {
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else {
        return Vec::new();
    };
    let mappings: Vec<Mapping> = maps.lines().filter_map(parse).collect();
    let main = std::process::id().to_string();
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    let tasks = tasks.flatten().filter(|task| *task.file_name() != *main);
    tasks
        .filter_map(|task| owner(&task.path(), &mappings))
        .collect()
}

/// "7f25-7f26 r-xp 00000000 08:01 42   /path"
fn parse(line: &str) -> Option<Mapping> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let rights = words.next()?;
    let number = |digits| usize::from_str_radix(digits, 16).ok();
    Some(Mapping {
        range: number(start)?..number(end)?,
        is_code: rights.contains('x'),
        file: line.find('/').map(|start| PathBuf::from(&line[start..])),
    })
}

/// The file whose code a thread began in.
fn owner(task: &Path, mappings: &[Mapping]) -> Option<PathBuf> {
    let stack_pointer = stack_pointer(&std::fs::read_to_string(task.join("syscall")).ok()?)?;
    let stack = mappings
        .iter()
        .find(|mapping| mapping.range.contains(&stack_pointer))?;
    let end = stack.range.end;
    let words = read(end.checked_sub(END_OF_STACK)?.max(stack_pointer), end)?;
    // From the upper end: the first function's address comes before the frames.
    words.iter().rev().find_map(|word| {
        let code = mappings.iter().filter(|mapping| mapping.is_code);
        let mapping = code.into_iter().find(|m| m.range.contains(word))?;
        mapping.file.clone().filter(|file| !is_c_library(file))
    })
}

/// The C library's own addresses lie there too: the function to return to.
fn is_c_library(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    ["libc.", "libc-", "libpthread", "ld-linux"]
        .iter()
        .any(|start| name.starts_with(start))
}

/// The last but one number: "202 0x7f.. 0x80 0x2 0x0 0x0 0x0 0x7ffd.. 0x7f.."
fn stack_pointer(text: &str) -> Option<usize> {
    let mut words = text.split_whitespace().rev().skip(1);
    usize::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok()
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

    #[test]
    fn the_kernels_lines_are_read_by_words() {
        let blocked = "202 0x1 0x80 0x2 0x0 0x0 0x0 0x7ffe00 0x7f0011";
        assert_eq!(stack_pointer(blocked), Some(0x7ffe00));
        assert_eq!(stack_pointer("running"), None);
        let mapping = parse("7f00-7f10 r-xp 00000000 08:01 42   /a b/lib.so").unwrap();
        assert_eq!((mapping.range, mapping.is_code), (0x7f00..0x7f10, true));
        assert_eq!(mapping.file, Some(PathBuf::from("/a b/lib.so")));
    }
}
