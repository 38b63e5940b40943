//! Whose the threads of any process are, this one or another, as far as that can be
//! told.

use crate::platform::{Beginning, MappedFiles, StartRoutines, inner_id, thread_name};
use crate::usage::owner::Owner;
use std::io;

/// Whose the threads of one process are.
pub(in crate::usage) struct Owners {
    pid: u32,
    /// `None` before it was asked for, and after the process has become another
    /// program.
    source: Option<Source>,
}

/// What tells of a program's threads.
struct Source {
    routines: io::Result<Option<StartRoutines>>,
    files: MappedFiles,
    is_in_namespace: bool,
}

impl Owners {
    pub(in crate::usage) fn new(pid: u32) -> Self {
        Owners { pid, source: None }
    }

    /// Forgets what it knows: a process with one thread may become another program,
    /// whose libraries lie elsewhere.
    pub(super) fn forget(&mut self) {
        self.source = None;
    }

    /// The owners of these threads, as far as they are told: a library is not told
    /// from a pool. `all` is how many threads the process has.
    pub(in crate::usage) fn of(&mut self, threads: &[u32], all: usize) -> Vec<Option<Owner>> {
        let pid = self.pid;
        if threads.iter().all(|thread| *thread == pid) {
            return vec![Some(Owner::Main); threads.len()];
        }
        let source = self.source.get_or_insert_with(|| Source::of(pid));
        let begun = match &source.routines {
            Ok(Some(routines)) => routines.read(all),
            _ => Default::default(),
        };
        let mut owners = Vec::with_capacity(threads.len());
        for thread in threads {
            if *thread == pid {
                owners.push(Some(Owner::Main));
                continue;
            }
            let own = source.own_id(pid, *thread);
            let begun = own.and_then(|id| begun.get(&id).copied());
            owners.push(begun.and_then(|begun| source.maker(pid, begun)));
        }
        owners
    }

    /// Why nothing is told of any thread.
    pub(in crate::usage) fn silence(&self) -> Option<String> {
        match &self.source.as_ref()?.routines {
            Ok(Some(_)) => None,
            Ok(None) => Some("its C library does not tell whose its threads are".to_owned()),
            Err(error) => Some(format!("its memory can't be read: {error}")),
        }
    }

    /// The owner of a thread of which nothing else is told.
    pub(in crate::usage) fn by_name(&self, thread: u32) -> Owner {
        thread_name(self.pid, thread)
            .and_then(|name| without_number(&name))
            .map_or(Owner::Unknown, Owner::Named)
    }
}

impl Source {
    fn of(pid: u32) -> Self {
        Source {
            routines: if pid == std::process::id() {
                // The loader knows more than files do, which may be gone.
                Ok(StartRoutines::find())
            } else {
                StartRoutines::find_in(pid)
            },
            files: MappedFiles::of(pid),
            is_in_namespace: inner_id(pid, pid).is_some_and(|inner| inner != pid),
        }
    }

    /// The number by which the process itself knows the thread.
    fn own_id(&self, pid: u32, thread: u32) -> Option<u32> {
        if self.is_in_namespace {
            inner_id(pid, thread)
        } else {
            Some(thread)
        }
    }

    fn maker(&mut self, pid: u32, begun: Beginning) -> Option<Owner> {
        let file = match begun.maker(|address| self.files.at(address)) {
            Some(file) => Some(file),
            None => {
                // A library that was loaded since.
                self.files = MappedFiles::of(pid);
                begun.maker(|address| self.files.at(address))
            }
        };
        file.map(Owner::Library)
    }
}

/// "worker" of "worker-12": threads of one kind are numbered. `None` if nothing is
/// left.
fn without_number(name: &str) -> Option<String> {
    let is_number = |c: char| c.is_ascii_digit() || " -_:#.[]()".contains(c);
    let kind = name.trim_end_matches(is_number);
    (!kind.is_empty()).then(|| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_one_kind_differ_in_their_numbers() {
        assert_eq!(without_number("worker-12").as_deref(), Some("worker"));
        assert_eq!(without_number("pool (3)").as_deref(), Some("pool"));
        assert_eq!(without_number("python3").as_deref(), Some("python"));
        assert_eq!(without_number("12"), None);
    }

    #[test]
    fn threads_of_a_process_have_owners_and_names() {
        let own = std::process::id();
        let mut owners = Owners::new(own);
        assert_eq!(owners.of(&[own], 1), [Some(Owner::Main)]);
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let work = move || {
            tell.send(crate::platform::own_task()).unwrap();
            let _ = ended.recv();
        };
        let builder = std::thread::Builder::new().name("kind-7".to_owned());
        let worker = builder.spawn(work).unwrap();
        let id = told.recv().unwrap();
        let program = std::env::current_exe().unwrap();
        assert_eq!(owners.of(&[id], 8), [Some(Owner::Library(program))]);
        assert_eq!(owners.by_name(id), Owner::Named("kind".to_owned()));
        assert_eq!(owners.silence(), None);
        drop(end);
        worker.join().unwrap();
        // A process that isn't there tells nothing, and says why.
        let mut nobody = Owners::new(u32::MAX);
        assert_eq!(nobody.of(&[7], 1), [None]);
        assert!(nobody.silence().is_some());
    }
}
