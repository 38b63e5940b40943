//! Linux with glibc: the function that each thread of this process began in.
//!
//! glibc keeps its threads in two lists, and exports, for debuggers, where
//! those lists and the fields of a thread's structure are (nptl_db,
//! `nptl_db/structs.def`). Threads come and go while the lists are walked, and
//! their lock is not ours to take: so every word is read through
//! process_vm_readv(2) on this process itself, which fails where memory has
//! gone, and a walk that leaves its list ends after so many steps.

use std::collections::HashMap;
use std::ffi::CStr;
use std::path::{Path, PathBuf};

/// Steps of a walk beyond the threads that are expected.
const SPARE_STEPS: usize = 64;

/// How a thread began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beginning {
    /// The address of its first function.
    routine: usize,
    /// What that was called with.
    argument: usize,
}

impl Beginning {
    /// The file of the library that made the thread, where `file_of` tells the
    /// file that is mapped at an address.
    ///
    /// A `std::thread` of C++ begins in libstdc++, whoever made it. It is called
    /// with the thread's state, an object whose class belongs to the maker: the
    /// object's first word is the address of that class's table of functions
    /// (Itanium C++ ABI, 2.5), which lies in the maker's file.
    pub(crate) fn maker(
        self,
        mut file_of: impl FnMut(usize) -> Option<PathBuf>,
    ) -> Option<PathBuf> {
        let file = file_of(self.routine)?;
        if !is_cpp_runtime(&file) {
            return Some(file);
        }
        let class = word(self.argument).and_then(file_of);
        Some(class.unwrap_or(file))
    }
}

fn is_cpp_runtime(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("libstdc++")
}

/// Where glibc keeps what we ask for.
pub(crate) struct StartRoutines {
    heads: [usize; 2],
    next: usize,
    list: usize,
    id: usize,
    routine: usize,
}

impl StartRoutines {
    /// `None` where the C library does not tell.
    pub(crate) fn find() -> Option<Self> {
        let global = symbol(c"_rtld_global")?;
        let head = |name| Some(global + offset(name)?);
        Some(StartRoutines {
            heads: [
                head(c"_thread_db_rtld_global__dl_stack_user")?,
                head(c"_thread_db_rtld_global__dl_stack_used")?,
            ],
            next: offset(c"_thread_db_list_t_next")?,
            list: offset(c"_thread_db_pthread_list")?,
            id: offset(c"_thread_db_pthread_tid")?,
            routine: offset(c"_thread_db_pthread_start_routine")?,
        })
    }

    /// How each thread began, by its number, for about `expected` threads. A thread may be missing; the main thread has none.
    pub(crate) fn read(&self, expected: usize) -> HashMap<u32, Beginning> {
        let mut found = HashMap::with_capacity(expected);
        for head in self.heads {
            self.walk(head, expected + SPARE_STEPS, &mut found);
        }
        found
    }

    fn walk(&self, head: usize, most: usize, found: &mut HashMap<u32, Beginning>) -> Option<()> {
        let mut node = word(head + self.next)?;
        for _ in 0..most {
            if node == head {
                break;
            }
            let thread = node.wrapping_sub(self.list);
            // A thread that ended has 0 for its number.
            let id = word(thread.wrapping_add(self.id))? as u32;
            let routine = word(thread.wrapping_add(self.routine))?;
            // The argument follows the routine (glibc, nptl/descr.h).
            let argument = thread.wrapping_add(self.routine + size_of::<usize>());
            if id != 0 && routine != 0 {
                let argument = word(argument)?;
                found.insert(id, Beginning { routine, argument });
            }
            node = word(node.wrapping_add(self.next))?;
        }
        Some(())
    }
}

fn symbol(name: &CStr) -> Option<usize> {
    // SAFETY: dlsym(3) with a NUL-terminated name.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) } as usize;
    (address != 0).then_some(address)
}

/// A field's offset. Its description is three u32: bits, elements, offset
/// (nptl_db/db_info.c).
fn offset(name: &CStr) -> Option<usize> {
    let description = symbol(name)?;
    Some(word(description + 8)? as u32 as usize)
}

/// The word at an address of this process; `None` where nothing is mapped.
fn word(address: usize) -> Option<usize> {
    let mut value = 0_usize;
    let local = libc::iovec {
        iov_base: (&raw mut value).cast(),
        iov_len: size_of::<usize>(),
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: size_of::<usize>(),
    };
    // SAFETY: process_vm_readv(2): writes at most a word to `value`, and fails
    // with EFAULT where the address can't be read.
    let read = unsafe {
        libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0)
    };
    (read == size_of::<usize>().cast_signed()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::{mapped_file, own_task};
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn a_thread_begins_in_the_program_that_started_it() {
        let (tell, told) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let worker = thread::spawn(move || {
            tell.send(own_task()).unwrap();
            let _ = ended.recv();
        });
        let id = told.recv().unwrap();
        let routines = StartRoutines::find().unwrap().read(8);
        let file = routines[&id].maker(mapped_file);
        assert_eq!(file, std::env::current_exe().ok());
        drop(end);
        worker.join().unwrap();
    }

    #[test]
    fn an_address_that_is_not_mapped_is_no_word() {
        assert_eq!(word(8), None);
    }
}
