//! This process's facts.

use super::facts::{CpuFacts, Facts, Host, PoolFacts, Room, SystemFacts, Variables};
use super::masks::Masks;
use super::start;
use super::unreached::unreached;
use crate::budget::{self, Budget, Observed, SourceKind};
use crate::limit::{Seen, seen};
use crate::runtimes::Fixed;
use crate::{Result, platform};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// `capabilities(7)`: CAP_SYS_ADMIN and CAP_SYS_RESOURCE lift RLIMIT_NPROC.
const LIFTS_PROCESS_LIMIT: u64 = 1 << 21 | 1 << 24;

impl Facts {
    /// Looks at this process, as the calling thread sees it. Changes nothing;
    /// takes a few milliseconds.
    ///
    /// # Errors
    /// As [`crate::pools`] and [`crate::budget::budget`].
    pub fn gather(host: Host) -> Result<Facts> {
        let observed = Observed::this_process()?;
        let unsupported = crate::unsupported().map(|reason| reason.to_string());
        let mut unseen = Vec::from_iter(unsupported);
        let owners = platform::thread_owners();
        let mut owners = told(owners, "whose the threads are", &mut unseen);
        owners.retain(|owner| Some(owner) != shim().as_ref());
        let environment = variables();
        let mut seen = seen()?;
        Ok(Facts {
            unreached: unreached(&mut seen)?,
            pools: pools(seen, &owners),
            own_threads: own_threads(&owners),
            unknown_threads: threads().saturating_sub(1 + owners.len() as u32),
            cpus: cpus(&Budget::read(&observed)?, &environment)?,
            environment,
            system: system(&observed, &mut unseen),
            unseen,
            host,
        })
    }
}

/// What was read, or nothing: then it is noted what could not be seen, and why.
fn told<T: Default>(read: io::Result<T>, what: &str, unseen: &mut Vec<String>) -> T {
    read.unwrap_or_else(|error| {
        unseen.push(format!("could not see {what}: {error}"));
        T::default()
    })
}

/// What starts the threads of a program under `poolkeeper simulate`, whoever asked
/// for them.
fn shim() -> Option<PathBuf> {
    let ledger = PathBuf::from(std::env::var_os("POOLKEEPER_SIMULATE_LEDGER")?);
    Some(ledger.with_file_name("shim.so"))
}

/// The threads of this process, with the main one.
fn threads() -> u32 {
    platform::tasks().map_or(0, |tasks| tasks.len() as u32)
}

/// The threads that began in the program's own code, or in Python's.
fn own_threads(owners: &[PathBuf]) -> u32 {
    let program = std::env::current_exe().unwrap_or_default();
    let program = platform::file_of(program.as_os_str().as_encoded_bytes());
    let is_python = |file: &Path| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("libpython")
    };
    let own = owners
        .iter()
        .filter(|file| **file == program || is_python(file));
    own.count() as u32
}

fn pools(seen: Vec<Seen>, owners: &[PathBuf]) -> Vec<PoolFacts> {
    let made_by = |file: &PathBuf| owners.iter().filter(|owner| *owner == file).count();
    let facts = seen.into_iter().map(|seen| PoolFacts {
        workers: made_by(&seen.pool.filepath) as u32,
        pool: seen.pool,
        told: seen.told,
        fixed: match seen.fixed {
            Some(Fixed::Because(why)) => Some(why),
            Some(Fixed::Call(_)) | None => None,
        },
        is_limited: seen.is_limited,
    });
    facts.collect()
}

fn cpus(budget: &Budget, environment: &Variables) -> Result<CpuFacts> {
    let mask = platform::affinity(None)?;
    let masks = Masks::of_threads(&mask, environment);
    let deciding = budget.deciding();
    let source = match deciding.kind {
        SourceKind::Affinity => "the affinity mask".to_owned(),
        SourceKind::Machine => "the machine".to_owned(),
        SourceKind::Quota => format!("the container's quota in {}", deciding.place),
        SourceKind::Cpuset => format!("the container's set of CPUs in {}", deciding.place),
        SourceKind::Launcher => format!(
            "the launcher's {}={}: {}",
            deciding.place,
            crate::printable(&deciding.value),
            deciding.note().unwrap_or_default()
        ),
        _ => format!(
            "the variable {}={}",
            deciding.place,
            crate::printable(&deciding.value)
        ),
    };
    Ok(CpuFacts {
        budget: budget.cpus,
        source,
        counted: mask.len() as u32,
        mask_at_start: start::mask().cloned(),
        mask_of_any_thread: masks.of_any_thread,
        bound_to: masks.bound_to,
        bound_elsewhere: masks.elsewhere,
        mask,
        is_pretended: false,
    })
}

fn variables() -> Variables {
    let now = std::env::vars_os().map(|(name, value)| {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        (text(name), text(value))
    });
    Variables {
        now: now.collect(),
        at_start: fs::read("/proc/self/environ")
            .ok()
            .map(|bytes| at_start(&bytes)),
    }
}

/// proc_pid_environ(5): as the process was started, whatever it set since.
fn at_start(bytes: &[u8]) -> BTreeMap<String, String> {
    let variables = bytes.split(|byte| *byte == 0).filter_map(|variable| {
        let text = String::from_utf8_lossy(variable);
        let (name, value) = text.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    variables.collect()
}

/// A file of the kernel's; the name of a process in it may have any bytes.
fn text(path: impl AsRef<Path>) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

fn system(observed: &Observed, unseen: &mut Vec<String>) -> SystemFacts {
    let what = "the limits on threads and memory";
    let limits = told(text("/proc/self/limits"), what, unseen);
    let status = told(text("/proc/self/status"), "what is taken of them", unseen);
    let mut threads: Vec<Room> = process_limit(&limits, &status).into_iter().collect();
    threads.extend(budget::tasks(observed).into_iter().map(|tasks| Room {
        place: tasks.file.display().to_string(),
        limit: tasks.limit,
        used: tasks.used,
    }));
    SystemFacts {
        threads,
        address_space: soft(&limits, "Max address space").map(|limit| Room {
            place: "RLIMIT_AS (ulimit -v)".to_owned(),
            limit,
            used: 1024 * number(&status, "VmSize:").unwrap_or(0),
        }),
        stack: soft(&limits, "Max stack size"),
    }
}

/// RLIMIT_NPROC, unless this process is exempt (getrlimit(2)).
fn process_limit(limits: &str, status: &str) -> Option<Room> {
    let capabilities = value(status, "CapEff:")?;
    let capabilities = u64::from_str_radix(capabilities, 16).ok()?;
    let user = number(status, "Uid:")?;
    if capabilities & LIFTS_PROCESS_LIMIT != 0 || user == 0 {
        return None;
    }
    Some(Room {
        place: "RLIMIT_NPROC (ulimit -u)".to_owned(),
        limit: soft(limits, "Max processes")?,
        used: threads_of_user(user),
    })
}

/// The threads of all processes of a user, which the limit counts.
fn threads_of_user(user: u64) -> u64 {
    let Ok(processes) = fs::read_dir("/proc") else {
        return 0;
    };
    let is_number = |name: &Path| name.to_string_lossy().bytes().all(|b| b.is_ascii_digit());
    let folders = processes.flatten().map(|process| process.path());
    let statuses = folders
        .filter(|folder| {
            folder
                .file_name()
                .is_some_and(|name| is_number(Path::new(name)))
        })
        .filter_map(|folder| text(folder.join("status")).ok());
    let own = statuses.filter(|status| number(status, "Uid:") == Some(user));
    own.filter_map(|status| number(&status, "Threads:")).sum()
}

/// The soft limit of a line of `/proc/self/limits`; `None` if unlimited.
fn soft(limits: &str, name: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The first word after a name in `/proc/self/status`.
fn value<'text>(status: &'text str, name: &str) -> Option<&'text str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()
}

fn number(status: &str, name: &str) -> Option<u64> {
    value(status, name)?.parse().ok()
}

/// Reads a text as the kernel's of limits and of a process.
#[cfg(fuzzing)]
pub(super) fn fuzz(text: &str) {
    let _ = process_limit(text, text);
    let _ = (soft(text, "Max stack size"), number(text, "VmSize:"));
    let _ = at_start(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units
Max stack size            8388608              unlimited            bytes
Max processes             5                    100                  processes
Max address space         unlimited            unlimited            bytes
";

    #[test]
    fn limits_are_read_by_their_names() {
        assert_eq!(soft(LIMITS, "Max stack size"), Some(8_388_608));
        assert_eq!(soft(LIMITS, "Max address space"), None);
        assert_eq!(soft(LIMITS, "Max open files"), None);
    }

    #[test]
    fn who_may_raise_the_limit_is_not_held_by_it() {
        let status =
            |user, capabilities| format!("Uid:\t{user}\t0\t0\t0\nCapEff:\t{capabilities}\n");
        assert_eq!(process_limit(LIMITS, &status(0, "0")), None);
        assert_eq!(
            process_limit(LIMITS, &status(4_000_000_000_u64, "1000000")),
            None
        );
        let held = process_limit(LIMITS, &status(4_000_000_000_u64, "0")).unwrap();
        assert_eq!((held.limit, held.used), (5, 0));
    }
}
