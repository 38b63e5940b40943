//! What a library needs: the names in its dynamic section, read from the file.
//!
//! Sources: the System V gABI, chapters 4 and 5.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const DT_NULL: u64 = 0;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_SONAME: u64 = 14;
/// The bytes before the program headers, of one of those, and of an entry of the
/// dynamic section.
const HEAD: usize = 64;
const HEADER: usize = 56;
const ENTRY: usize = 16;
/// The longest name that is taken for one, and the most entries that are read.
const LONGEST: usize = 4096;
const MOST_ENTRIES: u64 = 4096;

/// Something with bytes at places.
pub(crate) trait Bytes {
    /// Up to so many bytes from a place on: fewer where it ends before.
    fn up_to(&self, place: u64, length: usize) -> Vec<u8>;
}

impl Bytes for [u8] {
    fn up_to(&self, place: u64, length: usize) -> Vec<u8> {
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        let rest = self.get(place..).unwrap_or_default();
        rest[..rest.len().min(length)].to_vec()
    }
}

impl Bytes for File {
    fn up_to(&self, place: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        let mut read = 0;
        while let Ok(more @ 1..) = self.read_at(&mut bytes[read..], place + read as u64) {
            read += more;
        }
        bytes.truncate(read);
        bytes
    }
}

/// Names in a library's dynamic section.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// What others call it; `None` if they call it by its file's name.
    pub own: Option<OsString>,
    /// What it needs, in the loader's order.
    pub needed: Vec<OsString>,
}

/// A part of the file, and where it is to be in memory.
struct Segment {
    kind: u32,
    start: u64,
    length: u64,
    address: u64,
}

/// Reads the names of a 64-bit ELF file of this machine's byte order; `None` if it
/// is none, or is damaged.
pub(crate) fn names(file: &(impl Bytes + ?Sized)) -> Option<Names> {
    let segments = segments(file)?;
    let dynamic = segments.iter().find(|segment| segment.kind == PT_DYNAMIC)?;
    let length = dynamic.length.min(MOST_ENTRIES * ENTRY as u64);
    let entries = file.up_to(dynamic.start, usize::try_from(length).ok()?);
    let entries = entries.chunks_exact(ENTRY);
    let entries = entries.map_while(|entry| Some((long(entry, 0)?, long(entry, 8)?)));
    let entries: Vec<_> = entries.take_while(|(tag, _)| *tag != DT_NULL).collect();
    let (_, strings) = entries.iter().find(|(tag, _)| *tag == DT_STRTAB)?;
    let strings = place(&segments, *strings)?;
    let mut names = Names::default();
    for (tag, offset) in entries {
        let name = || text(&file.up_to(strings.checked_add(offset)?, LONGEST));
        match tag {
            DT_NEEDED => names.needed.push(name()?),
            DT_SONAME => names.own = Some(name()?),
            _ => {}
        }
    }
    Some(names)
}

fn segments(file: &(impl Bytes + ?Sized)) -> Option<Vec<Segment>> {
    let head = file.up_to(0, HEAD);
    let order = if cfg!(target_endian = "little") { 1 } else { 2 };
    if head.get(..6)? != [0x7f, b'E', b'L', b'F', 2, order] {
        return None;
    }
    let (size, count) = (short(&head, 54)?, short(&head, 56)?);
    if usize::from(size) < HEADER {
        return None;
    }
    let table = file.up_to(long(&head, 32)?, usize::from(size) * usize::from(count));
    let segments = table.chunks_exact(size.into()).map(|header| {
        Some(Segment {
            kind: u32::from_ne_bytes(part(header, 0)?),
            start: long(header, 8)?,
            address: long(header, 16)?,
            length: long(header, 32)?,
        })
    });
    segments.collect()
}

/// Where an address lies in the file.
fn place(segments: &[Segment], address: u64) -> Option<u64> {
    let mut loaded = segments.iter().filter(|segment| segment.kind == PT_LOAD);
    loaded.find_map(|segment| {
        let offset = address.checked_sub(segment.address)?;
        let place = segment.start.checked_add(offset)?;
        (offset < segment.length).then_some(place)
    })
}

fn part<const COUNT: usize>(bytes: &[u8], at: usize) -> Option<[u8; COUNT]> {
    bytes.get(at..at + COUNT)?.try_into().ok()
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    part(bytes, at).map(u64::from_ne_bytes)
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    part(bytes, at).map(u16::from_ne_bytes)
}

fn text(bytes: &[u8]) -> Option<OsString> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some(OsString::from_vec(bytes[..end].to_vec()))
}

fn is_loaded(name: &OsStr) -> bool {
    open(name, libc::RTLD_LAZY | libc::RTLD_NOLOAD)
}

/// Opens a library and never closes it; whether that worked.
fn open(name: &OsStr, flags: libc::c_int) -> bool {
    let Ok(name) = CString::new(name.as_bytes()) else {
        return false;
    };
    // SAFETY: dlopen(3) with a C string. The library was loaded by the program that
    // the user asked to be run: that its constructors run is asked for.
    !unsafe { libc::dlopen(name.as_ptr(), flags) }.is_null()
}

impl Known {
    fn names(&self) -> impl Iterator<Item = &OsStr> {
        let own = self.names.own.as_deref();
        self.path.file_name().into_iter().chain(own)
    }
}

/// Files that a program had loaded, and what they need.
pub struct Loaded(Vec<Known>);

struct Known {
    path: PathBuf,
    names: Names,
}

impl Loaded {
    /// Reads the names of these files; one that can't be read needs nothing.
    pub fn read(files: &[PathBuf]) -> Self {
        let known = files.iter().map(|path| {
            let names = File::open(path).ok().and_then(|file| names(&file));
            Known {
                path: path.clone(),
                names: names.unwrap_or_default(),
            }
        });
        Loaded(known.collect())
    }

    /// Loads what `library` needs into this process, for good, from where the program
    /// had it: the loader then looks for none of it in folders. What is loaded here
    /// by that name already stays as it is; what can't be loaded is left to the loader.
    pub fn load_needed(&self, library: &Path) {
        for (path, names) in self.needed_by(library) {
            if !names.iter().any(|name| is_loaded(name)) {
                open(path.as_os_str(), libc::RTLD_LAZY);
            }
        }
    }

    /// The files that `library` needs, of those that the program had loaded, each
    /// after what it needs in turn, with the names by which others need it.
    fn needed_by(&self, library: &Path) -> Vec<(&Path, Vec<&OsStr>)> {
        let mut order = Vec::new();
        if let Some(one) = self.0.iter().find(|one| one.path == library) {
            self.visit(one, &mut Vec::new(), &mut order);
            order.pop();
        }
        let named = order
            .into_iter()
            .map(|one| (&*one.path, one.names().collect()));
        named.collect()
    }

    /// Adds a file after what it needs; a circle ends where it began.
    fn visit<'all>(
        &'all self,
        one: &'all Known,
        seen: &mut Vec<&'all Path>,
        order: &mut Vec<&'all Known>,
    ) {
        if seen.contains(&&*one.path) {
            return;
        }
        seen.push(&one.path);
        for name in &one.names.needed {
            let is_it = |other: &&Known| other.names().any(|own| own == name);
            if let Some(other) = self.0.iter().find(is_it) {
                self.visit(other, seen, order);
            }
        }
        order.push(one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_program_needs_the_c_library() {
        let files = crate::read::loaded_files(std::process::id());
        let loaded = Loaded::read(&files);
        let order = loaded.needed_by(&std::env::current_exe().unwrap());
        let is_c = |names: &[&OsStr]| names.contains(&OsStr::new("libc.so.6"));
        assert!(order.iter().any(|(_, names)| is_c(names)), "{order:?}");
        let own = loaded.needed_by(order.last().unwrap().0);
        assert!(own.iter().all(|one| order.contains(one)));
    }

    #[test]
    fn what_is_no_library_has_no_names() {
        let path = std::env::current_exe().unwrap();
        let file = std::fs::read(&path).unwrap();
        let found = names(file.as_slice()).expect("a program");
        assert!(!found.needed.is_empty());
        assert_eq!(names(&File::open(&path).unwrap()), Some(found));
        for damaged in [&b""[..], b"\x7fELF", &file[..200]] {
            assert_eq!(names(damaged), None);
        }
        let mut damaged = file.clone();
        damaged[32..40].fill(0xff);
        assert_eq!(names(damaged.as_slice()), None);
    }
}
