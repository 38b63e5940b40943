//! What is read about processes: the ledger, and `/proc`.

use crate::observation::{Process, Starter};
use crate::shim::ledger::{self, Ledger};
use crate::shim::maps;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A copy of the ledger as it is now.
///
/// # Errors
/// The file can't be read, or is too short.
pub(crate) fn ledger(path: &Path) -> io::Result<Box<Ledger>> {
    let mut copy = empty();
    let start = std::ptr::from_mut::<Ledger>(&mut copy).cast::<u8>();
    // SAFETY: the box's own bytes, all of them, borrowed by nobody else.
    let bytes = unsafe { std::slice::from_raw_parts_mut(start, size_of::<Ledger>()) };
    fs::File::open(path)?.read_exact(bytes)?;
    Ok(copy)
}

/// A ledger in which nothing is written.
pub(crate) fn empty() -> Box<Ledger> {
    let mut ledger = Box::<Ledger>::new_uninit();
    // SAFETY: the box's own bytes; a ledger is atomic integers, which any bytes
    // are, zeros among them.
    unsafe {
        ledger.as_mut_ptr().write_bytes(0, 1);
        ledger.assume_init()
    }
}

/// Programs that loaded the shim.
pub(crate) fn programs(ledger: &Ledger) -> u32 {
    value(&ledger.programs)
}

/// Threads that were started and not counted.
pub(crate) fn uncounted(ledger: &Ledger) -> u32 {
    value(&ledger.uncounted)
}

/// Processes that have written something.
pub(crate) fn pids(ledger: &Ledger) -> impl Iterator<Item = u32> {
    ledger.records().map(|record| value(&record.pid))
}

/// The processes that started threads, without their memory.
pub(crate) fn processes(ledger: &Ledger) -> Vec<Process> {
    let process = |record: &ledger::Process| Process {
        pid: value(&record.pid),
        peak_threads: value(&record.peak),
        refused_threads: value(&record.failed),
        // The C++ library's own routine starts threads for others.
        starters: ledger
            .starters(record)
            .map(starter)
            .filter(|starter| starter.made > 0)
            .collect(),
        peak_resident: None,
        peak_reserved: None,
    };
    ledger.records().map(process).collect()
}

fn starter(starter: &ledger::Starter) -> Starter {
    let path = PathBuf::from(std::ffi::OsString::from_vec(starter.path().collect()));
    let openblas_threads = value(&starter.blas_threads);
    Starter {
        // The loader keeps names as they were asked for: `/a/b/../c.so`.
        path: fs::canonicalize(&path).unwrap_or(path),
        peak: value(&starter.peak),
        made: value(&starter.made),
        is_openblas: value(&starter.is_blas) == 1,
        openblas_threads: (openblas_threads > 0).then_some(openblas_threads),
    }
}

fn value(count: &AtomicU32) -> u32 {
    count.load(Ordering::Relaxed)
}

/// The most memory that a process has had, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) resident: Option<u64>,
    pub(crate) reserved: Option<u64>,
}

impl Memory {
    /// Reads the peaks that the kernel keeps: proc_pid_status(5), `VmHWM` and
    /// `VmPeak`; whether the process is still there.
    pub(crate) fn raise(&mut self, pid: u32) -> bool {
        let status = fs::read(format!("/proc/{pid}/status"));
        self.raise_from(status.as_deref().unwrap_or_default());
        status.is_ok()
    }

    /// The process's name, in the first line, has any bytes.
    pub(crate) fn raise_from(&mut self, status: &[u8]) {
        let field = |name: &[u8]| {
            let mut lines = status.split(|byte| *byte == b'\n');
            let value = lines.find_map(|line| line.strip_prefix(name))?;
            let value = std::str::from_utf8(value).ok()?;
            let kibibytes: u64 = value.trim().strip_suffix(" kB")?.parse().ok()?;
            kibibytes.checked_mul(1024)
        };
        self.resident = self.resident.max(field(b"VmHWM:"));
        self.reserved = self.reserved.max(field(b"VmPeak:"));
    }
}

/// The files that a process has mapped to execute.
pub(crate) fn loaded_files(pid: u32) -> Vec<PathBuf> {
    files_of(&fs::read(format!("/proc/{pid}/maps")).unwrap_or_default())
}

/// The files that processes had mapped when they ended, as the shim kept them
/// beside the ledger.
pub(crate) fn kept_files(ledger: &Path) -> Vec<PathBuf> {
    kept(ledger, maps::MAPS)
        .flat_map(|(_, maps)| files_of(&maps))
        .collect()
}

/// The memory that processes had when they ended, as the shim kept it.
pub(crate) fn kept_memory(ledger: &Path) -> Vec<(u32, Memory)> {
    let memory = |(pid, status): (u32, Vec<u8>)| {
        let mut memory = Memory::default();
        memory.raise_from(&status);
        (pid, memory)
    };
    kept(ledger, maps::STATUS).map(memory).collect()
}

/// The files with that ending beside the ledger: processes' numbers, and texts.
fn kept(ledger: &Path, ending: &str) -> impl Iterator<Item = (u32, Vec<u8>)> {
    let folder = ledger.parent().map(fs::read_dir);
    let entries = folder.into_iter().flatten().flatten().flatten();
    entries.filter_map(move |entry| {
        let name = entry.file_name().into_string().ok()?;
        let pid = name
            .strip_suffix(ending)?
            .rsplit_once('.')?
            .1
            .parse()
            .ok()?;
        Some((pid, fs::read(entry.path()).ok()?))
    })
}

/// The files mapped to execute: proc_pid_maps(5), whose lines are
/// `7f25-7f26 r-xp 00000000 08:01 42   /path`. A path has any bytes but a line's end.
pub(crate) fn files_of(maps: &[u8]) -> Vec<PathBuf> {
    let files = maps.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut fields = line.splitn(6, |byte| *byte == b' ');
        let is_code = fields.nth(1)?.contains(&b'x');
        let path = fields.nth(3)?.trim_ascii_start();
        let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
        let is_file = is_code && path.starts_with(b"/");
        is_file.then(|| PathBuf::from(OsStr::from_bytes(path)))
    });
    files.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_and_its_libraries_are_read() {
        let mut memory = Memory::default();
        assert!(memory.raise(std::process::id()));
        assert!(memory.resident > Some(100_000) && memory.reserved > memory.resident);
        let files = loaded_files(std::process::id());
        assert!(
            files.iter().any(|file| file.ends_with("libc.so.6")),
            "{files:?}"
        );
        assert!(!memory.raise(u32::MAX));
        assert!(loaded_files(u32::MAX).is_empty());
    }

    #[test]
    fn names_have_any_bytes() {
        let maps = b"7f25-7f26 r-xp 00000000 08:01 42     /a/donn\xe9es/lib b.so\n\
                     7f26-7f27 r-xp 00000000 08:01 43     /a/c.so (deleted)\n\
                     7f27-7f28 rw-p 00000000 08:01 43     /a/data\n\
                     7f28-7f29 r-xp 00000000 00:00 0      [vdso]\n";
        let files = files_of(maps);
        let names: Vec<_> = files
            .iter()
            .map(|file| file.as_os_str().as_bytes())
            .collect();
        assert_eq!(names, [&b"/a/donn\xe9es/lib b.so"[..], b"/a/c.so"]);
        let mut memory = Memory::default();
        memory.raise_from(b"Name:\tdonn\xe9es\nVmPeak:\t 12 kB\nVmHWM:\t 3 kB\n");
        assert_eq!(
            (memory.resident, memory.reserved),
            (Some(3072), Some(12_288))
        );
    }
}
