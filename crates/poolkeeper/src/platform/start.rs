//! Linux with glibc: the function that each thread of a process began in.
//!
//! glibc keeps its threads in two lists, and exports, for debuggers, where
//! those lists and the fields of a thread's structure are (nptl_db,
//! `nptl_db/structs.def`). Threads come and go while the lists are walked, and
//! their lock is not ours to take: so every word is read through
//! process_vm_readv(2), of this process too, which fails where memory has
//! gone, and a walk that leaves its list ends after so many steps.

use super::elf_file::ElfFile;
use super::maps::{Mapping, file_under, mappings_of};
use super::memory::Memory;
use std::collections::HashMap;
use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};

/// Steps of a walk beyond the threads that are expected.
const SPARE_STEPS: usize = 64;

/// Threads of a list that are looked at for one of them.
const MOST_THREADS: usize = 1 << 16;

/// How a thread began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beginning {
    /// The address of its first function.
    routine: usize,
    /// What that was called with.
    argument: usize,
    memory: Memory,
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
        let class = self.memory.word(self.argument).and_then(file_of);
        Some(class.unwrap_or(file))
    }
}

fn is_cpp_runtime(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("libstdc++")
}

/// Where glibc keeps what we ask for.
pub(crate) struct StartRoutines {
    memory: Memory,
    heads: [usize; 2],
    next: usize,
    list: usize,
    id: usize,
    routine: usize,
}

impl StartRoutines {
    /// Those of this process; `None` where the C library does not tell.
    pub(crate) fn find() -> Option<Self> {
        Self::with(Memory::OWN, own_symbol)
    }

    /// Those of another process, by the files of its C library; `None` where that
    /// does not tell, as musl.
    ///
    /// # Errors
    /// Those of reading what is mapped there: the process may be another user's.
    pub(crate) fn find_in(pid: u32) -> io::Result<Option<Self>> {
        let mappings = mappings_of(pid)?;
        let loader = Loaded::find(pid, &mappings, &["ld-linux"]);
        let library = Loaded::find(pid, &mappings, &["libc.so", "libc-"]);
        let (Some(loader), Some(library)) = (loader, library) else {
            return Ok(None);
        };
        let (loader, library) = (loader.symbols(), library.symbols());
        let symbol = |name: &str| library(name).or_else(|| loader(name));
        let memory = Memory::of(pid);
        // Memory is guarded better than what is mapped: by Yama, for one.
        let is_closed = |address| memory.word(address).is_none();
        if symbol("_rtld_global").is_some_and(is_closed) {
            return Err(io::Error::last_os_error());
        }
        Ok(Self::with(memory, symbol))
    }

    fn with(memory: Memory, symbol: impl Fn(&str) -> Option<usize>) -> Option<Self> {
        // A field's description is three u32: bits, elements, offset
        // (nptl_db/db_info.c).
        let offset = |name| Some(memory.word(symbol(name)? + 8)? as u32 as usize);
        let global = symbol("_rtld_global")?;
        let head = |name| Some(global + offset(name)?);
        Some(StartRoutines {
            memory,
            heads: [
                head("_thread_db_rtld_global__dl_stack_user")?,
                head("_thread_db_rtld_global__dl_stack_used")?,
            ],
            next: offset("_thread_db_list_t_next")?,
            list: offset("_thread_db_pthread_list")?,
            id: offset("_thread_db_pthread_tid")?,
            routine: offset("_thread_db_pthread_start_routine")?,
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

    /// Where the structure of the thread of this number lies: on x86-64, its own
    /// variables are beside it.
    pub(crate) fn thread(&self, number: u32) -> Option<usize> {
        let of_list = |head: &usize| {
            let mut node = self.memory.word(head + self.next)?;
            for _ in 0..MOST_THREADS {
                if node == *head {
                    break;
                }
                let thread = node.wrapping_sub(self.list);
                if self.memory.word(thread.wrapping_add(self.id))? as u32 == number {
                    return Some(thread);
                }
                node = self.memory.word(node.wrapping_add(self.next))?;
            }
            None
        };
        self.heads.iter().find_map(of_list)
    }

    fn walk(&self, head: usize, most: usize, found: &mut HashMap<u32, Beginning>) -> Option<()> {
        let mut node = self.memory.word(head + self.next)?;
        for _ in 0..most {
            if node == head {
                break;
            }
            let thread = node.wrapping_sub(self.list);
            // A thread that ended has 0 for its number.
            let id = self.memory.word(thread.wrapping_add(self.id))? as u32;
            let routine = self.memory.word(thread.wrapping_add(self.routine))?;
            // The argument follows the routine (glibc, nptl/descr.h).
            let argument = thread.wrapping_add(self.routine + size_of::<usize>());
            if id != 0 && routine != 0 {
                let argument = self.memory.word(argument)?;
                let beginning = Beginning {
                    routine,
                    argument,
                    memory: self.memory,
                };
                found.insert(id, beginning);
            }
            node = self.memory.word(node.wrapping_add(self.next))?;
        }
        Some(())
    }
}

fn own_symbol(name: &str) -> Option<usize> {
    let name = CString::new(name).ok()?;
    // SAFETY: dlsym(3) with a NUL-terminated name.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) } as usize;
    (address != 0).then_some(address)
}

/// A library that a process has loaded: its file, and where it lies.
struct Loaded {
    file: Vec<u8>,
    base: usize,
}

impl Loaded {
    fn find(pid: u32, mappings: &[Mapping], names: &[&str]) -> Option<Loaded> {
        let is_it = |mapping: &&Mapping| {
            let name = mapping.file.as_deref().and_then(Path::file_name);
            let name = name.unwrap_or_default().to_string_lossy();
            mapping.is_beginning && names.iter().any(|start| name.starts_with(start))
        };
        let mapping = mappings.iter().find(is_it)?;
        Some(Loaded {
            file: file_under(pid, mapping.file.as_deref()?)?,
            base: mapping.range.start,
        })
    }

    /// Tells the address of each symbol.
    fn symbols(self) -> impl Fn(&str) -> Option<usize> {
        move |name| {
            let value = ElfFile::parse(&self.file)?.value(name)?;
            self.base.checked_add(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::{mapped_file, own_task};
    use std::sync::mpsc;
    use std::thread;

    /// The file that a thread of this program is found to have begun in.
    fn file_by(routines: &StartRoutines) -> Option<std::path::PathBuf> {
        let (tell, told) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let worker = thread::spawn(move || {
            tell.send(own_task()).unwrap();
            let _ = ended.recv();
        });
        let id = told.recv().unwrap();
        let file = routines.read(8)[&id].maker(mapped_file);
        drop(end);
        worker.join().unwrap();
        file
    }

    #[test]
    fn a_thread_begins_in_the_program_that_started_it() {
        let routines = StartRoutines::find().unwrap();
        assert_eq!(file_by(&routines), std::env::current_exe().ok());
    }

    #[test]
    fn another_process_is_read_as_this_one_is() {
        let routines = StartRoutines::find_in(std::process::id()).unwrap().unwrap();
        assert_eq!(file_by(&routines), std::env::current_exe().ok());
    }
}
