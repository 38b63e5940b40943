//! Any process at one moment: its pools, its threads and whose they are, its budget.

use super::owner::{Owner, by_file_name, name_pools};
use super::process::{Owners, pools_of};
use crate::Result;
use crate::budget::{Budget, budget_of};
use crate::error::Error;
use crate::model::Pool;
use crate::platform::{
    affinity, birth, command_line, group_of, is_of_kernel, is_runnable, thread_ids, thread_name,
};
use crate::workers::count_those_of;
use std::io;

/// A process as it was when [`see`] looked.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Seen {
    /// Its number.
    pub pid: u32,
    /// Its name, as the kernel has it.
    pub name: String,
    /// Its command and arguments; empty where they can't be read.
    pub command: Vec<String>,
    /// Its pools. What can't be told without a call is `None`.
    pub pools: Vec<Pool>,
    /// Its threads by owner, the most first.
    pub threads: Vec<SeenThreads>,
    /// The CPUs that it may use; `None` where that can't be told.
    pub budget: Option<Budget>,
    /// What could not be seen, a sentence each.
    pub unseen: Vec<String>,
}

/// The threads of one owner.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SeenThreads {
    /// Whose they are.
    pub owner: Owner,
    /// How many there are.
    pub count: usize,
    /// How many of them ran, or waited for nothing but a CPU.
    pub runnable: usize,
}

/// Looks at a process, which may be any: nothing in it is stopped or attached to.
///
/// The number of a pool is what its main thread would use, where that can be read from
/// the library's variables.
///
/// # Errors
/// - [`Error::NoProcess`] if there is no such process.
/// - [`Error::UnsupportedPlatform`] elsewhere than on Linux.
///
/// # Examples
///
/// ```
/// let seen = poolkeeper::usage::see(std::process::id())?;
/// let threads: usize = seen.threads.iter().map(|one| one.count).sum();
/// assert!(threads >= 1);
/// # Ok::<(), poolkeeper::Error>(())
/// ```
///
/// # Sources
/// process_vm_readv(2), proc(5).
pub fn see(pid: u32) -> Result<Seen> {
    // Says whether there is such a process, and on which system this is.
    affinity(Some(pid))?;
    let gone = |why: String| Error::NoProcess { pid, why };
    let began = birth(pid).ok_or_else(|| gone("it has just ended".to_owned()))?;
    if began.is_over {
        return Err(gone("it has ended".to_owned()));
    }
    if let Some(group) = group_of(pid).filter(|group| *group != pid) {
        return Err(gone(format!("it is a thread of process {group}")));
    }
    let mut unseen = Vec::new();
    let mut pools = if is_of_kernel(pid) {
        unseen.push("it is a thread of the kernel's own, and has no libraries".to_owned());
        Vec::new()
    } else {
        pools_of(pid).unwrap_or_else(|error| {
            unseen.push(format!("its pools: {}", why(&error)));
            Vec::new()
        })
    };
    let (threads, silence) = threads_of(pid, &pools);
    count_those_of(&mut pools, |pool| {
        let is_its = |one: &&SeenThreads| one.owner.is_of(pool);
        let own = threads.iter().find(is_its);
        own.map_or(0, |one| one.count as u32)
    });
    if let Some(why) = silence.filter(|_| unseen.is_empty()) {
        unseen.push(format!("whose its threads are: {why}"));
    }
    let budget = budget_of(pid);
    let budget = budget.map_err(|error| unseen.push(format!("its budget: {error}")));
    let seen = Seen {
        pid,
        name: thread_name(pid, pid).unwrap_or_default(),
        command: command_line(pid),
        pools,
        threads,
        budget: budget.ok(),
        unseen,
    };
    match birth(pid) {
        Some(now) if now.began == began.began && !now.is_over => Ok(seen),
        _ => Err(gone("it ended meanwhile".to_owned())),
    }
}

/// Why its memory can't be read, and what to do.
fn why(error: &io::Error) -> String {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return error.to_string();
    }
    "reading its memory is not allowed: it is another user's, or the kernel guards it (Yama's \
     ptrace_scope): run this as its user or as root"
        .to_owned()
}

/// The threads by owner, and why nobody tells whose they are.
fn threads_of(pid: u32, pools: &[Pool]) -> (Vec<SeenThreads>, Option<String>) {
    let ids = thread_ids(pid).unwrap_or_default();
    let mut owners = Owners::new(pid);
    let found = owners.of(&ids, ids.len());
    let mut threads: Vec<SeenThreads> = Vec::new();
    for (id, owner) in ids.iter().zip(found) {
        let owner = owner.unwrap_or_else(|| owners.by_name(*id));
        let owner = by_file_name(name_pools(owner, pools));
        let runnable = usize::from(is_runnable(pid, *id));
        match threads.iter_mut().find(|one| one.owner == owner) {
            Some(one) => {
                one.count += 1;
                one.runnable += runnable;
            }
            None => threads.push(SeenThreads {
                owner,
                count: 1,
                runnable,
            }),
        }
    }
    threads.sort_by_key(|one| std::cmp::Reverse(one.count));
    (threads, owners.silence())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen_with_its_main_thread() {
        let seen = see(std::process::id()).unwrap();
        assert!(seen.threads.iter().any(|one| one.owner == Owner::Main));
        assert!(seen.unseen.is_empty(), "{:?}", seen.unseen);
        assert_eq!(seen.command, command_line(std::process::id()));
        assert!(seen.budget.is_some());
    }

    #[test]
    fn a_thread_is_no_process() {
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let worker = std::thread::spawn(move || {
            tell.send(crate::platform::own_task()).unwrap();
            let _ = ended.recv();
        });
        let error = see(told.recv().unwrap()).unwrap_err();
        assert_eq!(error.code(), "no-process");
        let process = format!("a thread of process {}", std::process::id());
        assert!(error.to_string().contains(&process), "{error}");
        drop(end);
        worker.join().unwrap();
        assert_eq!(see(u32::MAX).unwrap_err().code(), "no-process");
    }
}
