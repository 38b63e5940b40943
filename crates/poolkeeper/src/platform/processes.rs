//! Linux: any process by its number, as `/proc` tells of it; see proc(5).

use super::tasks::of_ticks;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// The most bytes of a command line that are kept.
const MOST_OF_COMMAND: usize = 4096;

/// A process: its parent, its beginning, and what it has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Birth {
    pub(crate) parent: u32,
    /// In ticks since boot: with its number this names a process for good.
    pub(crate) began: u64,
    /// What it has used, and its children that have ended and were waited for.
    pub(crate) spent: Duration,
    /// It has ended, and nobody has asked how.
    pub(crate) is_over: bool,
}

/// A number that moves when a process begins or ends.
///
/// # Errors
/// Those of stat(2).
pub(crate) fn process_links() -> io::Result<u64> {
    Ok(fs::metadata("/proc")?.nlink())
}

/// The numbers of all processes that can be seen.
///
/// # Errors
/// Those of reading the folder.
pub(crate) fn process_ids() -> io::Result<Vec<u32>> {
    numbers("/proc")
}

/// Where a process comes from; `None` if it is gone.
pub(crate) fn birth(pid: u32) -> Option<Birth> {
    parse_birth(&fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// The fields of `stat` that count, numbered there from 1: 3 state, 4 parent, 14 to 17
/// ticks in user and kernel mode, its own and its children's, 22 the beginning.
pub(super) fn parse_birth(stat: &[u8]) -> Option<Birth> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = std::str::from_utf8(&stat[end + 1..]).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let ticks = fields.get(11..15)?.iter();
    let ticks: Option<Vec<u64>> = ticks.map(|ticks| ticks.parse().ok()).collect();
    Some(Birth {
        spent: of_ticks(ticks?.into_iter().fold(0, u64::saturating_add)),
        parent: fields.get(1)?.parse().ok()?,
        began: fields.get(19)?.parse().ok()?,
        is_over: matches!(*fields.first()?, "Z" | "X"),
    })
}

/// A number that moves when a thread of a process begins or ends.
///
/// # Errors
/// Those of stat(2): the process may be gone.
pub(crate) fn thread_links(pid: u32) -> io::Result<u64> {
    Ok(fs::metadata(format!("/proc/{pid}/task"))?.nlink())
}

/// The numbers of a process's threads.
///
/// # Errors
/// Those of reading the folder: the process may be gone.
pub(crate) fn thread_ids(pid: u32) -> io::Result<Vec<u32>> {
    numbers(&format!("/proc/{pid}/task"))
}

fn numbers(folder: &str) -> io::Result<Vec<u32>> {
    let entries = fs::read_dir(folder)?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.parse().ok()).collect())
}

/// A thread's name; the process's is that of its main thread.
pub(crate) fn thread_name(pid: u32, thread: u32) -> Option<String> {
    let name = fs::read(format!("/proc/{pid}/task/{thread}/comm")).ok()?;
    Some(String::from_utf8_lossy(name.trim_ascii_end()).into_owned())
}

/// A process's command and arguments; none where they can't be read.
pub(crate) fn command_line(pid: u32) -> Vec<String> {
    let mut bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    bytes.truncate(MOST_OF_COMMAND);
    let whole = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    if whole.is_empty() {
        return Vec::new();
    }
    let words = whole.split(|byte| *byte == 0);
    words
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect()
}

/// Whether a thread runs, or waits for nothing but a CPU.
pub(crate) fn is_runnable(pid: u32, thread: u32) -> bool {
    let stat = fs::read(format!("/proc/{pid}/task/{thread}/stat"));
    stat.is_ok_and(|stat| field(&stat, 3).as_deref() == Some("R"))
}

/// Whether it is a thread of the kernel's own: bit `PF_KTHREAD` of the flags in `stat`.
pub(crate) fn is_of_kernel(pid: u32) -> bool {
    const PF_KTHREAD: u64 = 0x0020_0000;
    let stat = fs::read(format!("/proc/{pid}/stat")).unwrap_or_default();
    let flags = field(&stat, 9).and_then(|flags| flags.parse::<u64>().ok());
    flags.is_some_and(|flags| flags & PF_KTHREAD != 0)
}

/// A field of `stat`, numbered as in proc_pid_stat(5), after the name.
fn field(stat: &[u8], number: usize) -> Option<String> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = String::from_utf8_lossy(&stat[end + 1..]).into_owned();
    let mut fields = rest.split_ascii_whitespace();
    fields.nth(number.checked_sub(3)?).map(str::to_owned)
}

/// The user that a process runs as: the owner of its folder (proc(5)).
pub(crate) fn user_of(pid: u32) -> Option<u32> {
    let folder = fs::metadata(format!("/proc/{pid}"));
    folder.ok().map(|folder| folder.uid())
}

/// The process that a thread belongs to (`Tgid` in proc_pid_status(5)): `/proc` has
/// a folder for each thread, too, which it doesn't list.
pub(crate) fn group_of(thread: u32) -> Option<u32> {
    let status = fs::read(format!("/proc/{thread}/status")).ok()?;
    let mut lines = status.split(|byte| *byte == b'\n');
    let number = lines.find_map(|line| line.strip_prefix(b"Tgid:"))?;
    std::str::from_utf8(number).ok()?.trim().parse().ok()
}

/// The number that a thread has in its own PID namespace, the innermost: its C
/// library knows it by that (`NSpid` in proc_pid_status(5)).
pub(crate) fn inner_id(pid: u32, thread: u32) -> Option<u32> {
    let status = fs::read(format!("/proc/{pid}/task/{thread}/status")).ok()?;
    let mut lines = status.split(|byte| *byte == b'\n');
    let numbers = lines.find_map(|line| line.strip_prefix(b"NSpid:"))?;
    let last = std::str::from_utf8(numbers)
        .ok()?
        .split_ascii_whitespace()
        .last()?;
    last.parse().ok()
}

/// Time for which these CPUs have worked since boot, for anybody.
///
/// # Errors
/// Those of reading `/proc/stat`.
pub(crate) fn busy(cpus: &[u32]) -> io::Result<Duration> {
    Ok(parse_busy(&fs::read_to_string("/proc/stat")?, cpus))
}

/// Ticks in user and nice, system, interrupts, soft interrupts and stolen by the
/// host: proc_stat(5). A guest's ticks are among the user's.
pub(super) fn parse_busy(stat: &str, cpus: &[u32]) -> Duration {
    let of_line = |line: &str| {
        let (name, numbers) = line.strip_prefix("cpu")?.split_once(' ')?;
        cpus.contains(&name.parse().ok()?).then_some(())?;
        let ticks: Vec<u64> = numbers
            .split_ascii_whitespace()
            .map_while(|number| number.parse().ok())
            .collect();
        let worked = [0, 1, 2, 5, 6, 7].map(|field| ticks.get(field).copied().unwrap_or(0));
        Some(
            worked
                .iter()
                .fold(0, |sum: u64, ticks| sum.saturating_add(*ticks)),
        )
    };
    let lines = stat.lines().take_while(|line| line.starts_with("cpu"));
    of_ticks(lines.filter_map(of_line).fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_process_has_a_parent_threads_and_a_command() {
        let own = std::process::id();
        let born = birth(own).unwrap();
        assert_eq!(born.parent, std::os::unix::process::parent_id());
        assert!(!born.is_over);
        assert!(process_ids().unwrap().contains(&own));
        assert!(
            thread_ids(own)
                .unwrap()
                .contains(&crate::platform::own_task())
        );
        assert!(thread_links(own).unwrap() > 2 && process_links().unwrap() > 2);
        assert_eq!(command_line(own).first(), std::env::args().next().as_ref());
        assert!(birth(u32::MAX).is_none() && thread_links(u32::MAX).is_err());
        assert!(command_line(u32::MAX).is_empty());
    }

    #[test]
    fn a_name_may_look_like_fields() {
        let stat = b"7 (a) Z 1 (b) S 42 1 1 0 -1 0 0 0 0 0 150 50 7 3 20 0 1 0 4242 0 0\n";
        let born = parse_birth(stat).unwrap();
        assert_eq!((born.parent, born.began, born.is_over), (42, 4242, false));
        assert_eq!(born.spent, of_ticks(210));
        assert_eq!(parse_birth(b"7 (a) Z 1"), None);
    }

    #[test]
    fn only_the_cpus_that_count_are_added_up() {
        let stat = "cpu  100 0 0 900 0 0 0 0 0 0\n\
                    cpu0 10 20 30 400 50 1 2 3 9 9\n\
                    cpu1 1000 0 0 0 0 0 0 0 0 0\n\
                    cpu10 7 0 0 0\n\
                    intr 1 2 3\n";
        assert_eq!(parse_busy(stat, &[0]), of_ticks(66));
        assert_eq!(parse_busy(stat, &[0, 10]), of_ticks(73));
        assert_eq!(parse_busy(stat, &[5]), Duration::ZERO);
    }
}
