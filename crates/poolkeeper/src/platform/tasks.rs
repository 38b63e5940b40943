//! Linux: the threads of this process as the kernel sees them, and what the
//! process has used; see proc_pid_task(5), proc_pid_stat(5), getrusage(2).

use std::fs;
use std::io;
use std::time::Duration;

const FOLDER: &str = "/proc/self/task";

/// One thread at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Task {
    /// The kernel's number, which it may use again.
    pub(crate) id: u32,
    /// When it began, in ticks since boot: with `id` it names one thread for good.
    pub(crate) began: u64,
    /// CPU time since then.
    pub(crate) cpu: Duration,
    /// It runs, or waits for nothing but a CPU.
    pub(crate) is_runnable: bool,
}

/// CPU time and context switches of a process or a thread.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) cpu: Duration,
    pub(crate) voluntary_switches: u64,
    pub(crate) involuntary_switches: u64,
}

/// Every thread of this process. One that ends meanwhile is left out, and one that
/// is ending: the kernel lists it for a moment after whoever joined it was told.
///
/// # Errors
/// Those of reading the folder: `/proc` may not be mounted.
pub(crate) fn tasks() -> io::Result<Vec<Task>> {
    let entries = fs::read_dir(FOLDER)?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| task(&name)).collect())
}

fn task(name: &str) -> Option<Task> {
    let stat = fs::read(format!("{FOLDER}/{name}/stat")).ok()?;
    let mut task = parse(name, &stat).filter(|_| !is_ending(&stat))?;
    // In nanoseconds; `stat` counts in ticks of 10 ms.
    let precise = fs::read_to_string(format!("{FOLDER}/{name}/schedstat")).ok();
    let first = precise.and_then(|text| text.split_whitespace().next()?.parse().ok());
    if let Some(nanoseconds) = first {
        task.cpu = Duration::from_nanos(nanoseconds);
    }
    Some(task)
}

/// The fields of `stat` that count, numbered there from 1: 3 state, 14 and 15
/// ticks in user and kernel mode, 22 the beginning.
pub(super) fn parse(name: &str, stat: &[u8]) -> Option<Task> {
    // The thread's own name is in brackets, and may hold spaces and brackets.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&stat[end + 1..]).ok()?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    Some(Task {
        id: name.parse().ok()?,
        began: number(22)?,
        cpu: of_ticks(number(14)?.saturating_add(number(15)?)),
        is_runnable: *fields.first()? == "R",
    })
}

/// Whether a thread's `stat` tells that it has begun to end: bit `PF_EXITING` of
/// its ninth field, which the kernel sets before it wakes who waits for the thread.
fn is_ending(stat: &[u8]) -> bool {
    const PF_EXITING: u64 = 4;
    let end = stat.iter().rposition(|byte| *byte == b')').unwrap_or(0);
    let flags = String::from_utf8_lossy(&stat[end..])
        .split_whitespace()
        .nth(7)
        .and_then(|field| field.parse::<u64>().ok());
    flags.is_some_and(|flags| flags & PF_EXITING != 0)
}

pub(super) fn of_ticks(ticks: u64) -> Duration {
    // SAFETY: sysconf(3) reads a constant.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    Duration::from_millis(
        ticks.saturating_mul(1000) / u64::try_from(per_second).unwrap_or(100).max(1),
    )
}

/// The calling thread's number.
pub(crate) fn own_task() -> u32 {
    // SAFETY: gettid(2) is always successful.
    unsafe { libc::gettid() }.cast_unsigned()
}

/// What this process has used, with the threads that have ended.
pub(crate) fn spent_by_process() -> Spent {
    spent(libc::RUSAGE_SELF)
}

/// What the calling thread has used.
pub(crate) fn spent_by_thread() -> Spent {
    spent(libc::RUSAGE_THREAD)
}

fn spent(who: libc::c_int) -> Spent {
    // SAFETY: a rusage is numbers only, for which zeros are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: getrusage(2) fills the structure; it fails for other `who` only.
    unsafe { libc::getrusage(who, &raw mut usage) };
    let time = |value: libc::timeval| {
        Duration::from_secs(value.tv_sec.cast_unsigned())
            + Duration::from_micros(value.tv_usec.cast_unsigned())
    };
    Spent {
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        voluntary_switches: usage.ru_nvcsw.cast_unsigned(),
        involuntary_switches: usage.ru_nivcsw.cast_unsigned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threads_name_may_look_like_fields() {
        let stat = b"7 (a) R (b) S 1 1 1 0 -1 0 0 0 0 0 150 50 0 0 20 0 1 0 4242 0 0\n";
        let found = parse("7", stat).unwrap();
        assert_eq!((found.id, found.began), (7, 4242));
        assert!(!found.is_runnable);
        assert_eq!(found.cpu, of_ticks(200));
    }

    #[test]
    fn what_is_cut_short_is_no_thread() {
        assert_eq!(parse("7", b"7 (a) R 1 1"), None);
        assert_eq!(parse("7", b""), None);
    }

    #[test]
    fn a_thread_that_ends_is_known_by_its_flags() {
        let stat =
            |flags: u64| format!("7 (a) b) R 1 1 1 0 -1 {flags} 0 0 0 0 1 5 0 0 20 0 1 0 42");
        assert!(!is_ending(stat(0x40_0040).as_bytes()));
        assert!(is_ending(stat(0x40_0044).as_bytes()));
        assert!(!is_ending(b"7 (a) R 1"));
        assert!(!is_ending(b""));
    }

    #[test]
    fn a_thread_that_was_joined_is_not_among_them() {
        // A thread that has files of its own closes them after its joiner was told.
        let open_many = || {
            // SAFETY: unshare(2) gives this thread a table of files of its own.
            assert_eq!(unsafe { libc::unshare(libc::CLONE_FILES) }, 0);
            for _ in 0..500 {
                // SAFETY: eventfd(2) makes a file, closed when this thread ends.
                unsafe { libc::eventfd(0, 0) };
            }
            own_task()
        };
        for _ in 0..20 {
            let thread = std::thread::spawn(open_many).join().unwrap();
            assert!(tasks().unwrap().iter().all(|task| task.id != thread));
        }
    }

    #[test]
    fn the_calling_thread_runs_and_is_among_them() {
        let own = own_task();
        let found = tasks().unwrap();
        let this = found.iter().find(|task| task.id == own).unwrap();
        assert!(this.is_runnable);
    }
}
