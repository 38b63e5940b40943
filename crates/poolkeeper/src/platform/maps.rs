//! Linux: what is mapped in a process, as the kernel tells it: proc_pid_maps(5).

use super::files::read_regular;
use std::ffi::OsStr;
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What the kernel writes after the path of a file that was deleted since.
const DELETED: &[u8] = b" (deleted)";

/// The most bytes of a library that are read.
const MOST_OF_LIBRARY: u64 = 1 << 26;

/// A line of `/proc/PID/maps`.
pub(super) struct Mapping {
    pub(super) range: Range<usize>,
    /// Where in its file it begins.
    pub(super) offset: usize,
    pub(super) is_code: bool,
    pub(super) is_memory: bool,
    /// It has the first bytes of its file.
    pub(super) is_beginning: bool,
    pub(super) file: Option<PathBuf>,
}

/// Every mapping of this process.
///
/// # Errors
/// Those of reading the file: `/proc` may not be mounted.
pub(super) fn mappings() -> io::Result<Vec<Mapping>> {
    Ok(parsed(&std::fs::read("/proc/self/maps")?))
}

/// Every mapping of the process of this number.
///
/// # Errors
/// Those of reading the file: the process may be gone, or another user's.
pub(super) fn mappings_of(pid: u32) -> io::Result<Vec<Mapping>> {
    Ok(parsed(&std::fs::read(format!("/proc/{pid}/maps"))?))
}

fn parsed(maps: &[u8]) -> Vec<Mapping> {
    maps.split(|byte| *byte == b'\n')
        .filter_map(parse)
        .collect()
}

/// A file that a process has mapped, as that process sees it: it may be in a
/// container.
pub(super) fn file_under(pid: u32, file: &Path) -> Option<Vec<u8>> {
    let inner = file.strip_prefix("/").ok()?;
    let there = Path::new("/proc").join(pid.to_string()).join("root");
    read_regular(&there.join(inner), MOST_OF_LIBRARY).ok()
}

/// "7f25-7f26 r-xp 00000000 08:01 42   /path". The path is the rest of the line, and
/// has any bytes.
pub(super) fn parse(line: &[u8]) -> Option<Mapping> {
    let mut words = line.splitn(6, |byte| *byte == b' ');
    let range = std::str::from_utf8(words.next()?).ok()?;
    let rights = words.next()?;
    let (start, end) = range.split_once('-')?;
    let number = |digits| usize::from_str_radix(digits, 16).ok();
    let offset = std::str::from_utf8(words.next().unwrap_or("0".as_bytes())).ok()?;
    let rest = words.nth(2).unwrap_or_default().trim_ascii_start();
    let file = rest.starts_with(b"/").then(|| file_of(rest));
    let offset = number(offset)?;
    Some(Mapping {
        offset,
        range: number(start)?..number(end)?,
        is_code: rights.contains(&b'x'),
        is_memory: rights.starts_with(b"rw") && file.is_none(),
        is_beginning: file.is_some() && offset == 0,
        file,
    })
}

/// The path as it was when the file was mapped: it may have been deleted, or
/// replaced by a newer one, since.
pub(crate) fn file_of(path: &[u8]) -> PathBuf {
    let whole = Path::new(OsStr::from_bytes(path));
    match path.strip_suffix(DELETED) {
        Some(before) if !whole.exists() => OsStr::from_bytes(before).into(),
        _ => whole.to_owned(),
    }
}

/// The file that is mapped at this address, as the kernel knows it.
pub(crate) fn mapped_file(address: usize) -> Option<PathBuf> {
    let mut mappings = mappings().ok()?.into_iter();
    mappings
        .find(|mapping| mapping.range.contains(&address))?
        .file
}

/// The files that a process has mapped, by the addresses at which they lie.
#[derive(Default)]
pub(crate) struct MappedFiles(Vec<Mapping>);

impl MappedFiles {
    /// What is mapped now; nothing where that can't be read.
    pub(crate) fn of(pid: u32) -> Self {
        let mut mappings = mappings_of(pid).unwrap_or_default();
        mappings.retain(|mapping| mapping.file.is_some());
        MappedFiles(mappings)
    }

    /// The file at an address.
    pub(crate) fn at(&self, address: usize) -> Option<PathBuf> {
        let found = self.0.iter().find(|one| one.range.contains(&address))?;
        found.file.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernels_is_read_by_words() {
        let mapping = parse(b"7f00-7f10 r-xp 00000000 08:01 42   /a b/lib.so").unwrap();
        assert_eq!((mapping.range, mapping.is_code), (0x7f00..0x7f10, true));
        assert_eq!(mapping.file, Some(PathBuf::from("/a b/lib.so")));
        let heap = parse(b"7f00-7f10 rw-p 00000000 00:00 0          [heap]").unwrap();
        assert!(heap.is_memory && heap.file.is_none());
        assert!(parse(b"7f00-7f10 rw-p 00000000 00:00 0").unwrap().is_memory);
    }

    #[test]
    fn a_path_has_any_bytes_and_may_be_gone() {
        let file = |path: &[u8]| {
            let line = [b"7f00-7f10 r-xp 00000000 08:01 42 ", path].concat();
            parse(&line).unwrap().file.unwrap()
        };
        let latin = b"/donn\xe9es/lib.so";
        assert_eq!(file(latin), Path::new(OsStr::from_bytes(latin)));
        assert_eq!(file(b"/a/lib.so (deleted)"), Path::new("/a/lib.so"));
    }

    #[test]
    fn what_is_cut_short_is_no_mapping() {
        for line in [
            &b""[..],
            b"7f00",
            b"7f00-",
            b"x-y r-xp",
            b"\xff-7f00 r-xp",
            b"7f00-7f10",
        ] {
            assert!(parse(line).is_none(), "{line:?}");
        }
    }
}
