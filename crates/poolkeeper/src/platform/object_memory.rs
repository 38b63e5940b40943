//! The memory of an object that a loader has mapped, in this process or in another
//! one: what its symbol table is read from.

use super::memory::Memory;
use libc::{Elf64_Phdr, Elf64_Sym};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

pub(super) const PT_LOAD: u32 = 1;
pub(super) const PT_DYNAMIC: u32 = 2;
pub(super) const PF_R: u32 = 4;

const PAGE: usize = 4096;
/// The most pages of one object that are read: far above any table of symbols.
const MOST_PAGES: usize = 4096;
/// The most that is read of one object, in pieces of any size: tables of another
/// process may say anything, and every look at them ends.
const MOST_READS: usize = 1 << 20;

/// An entry of the dynamic section.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(super) struct Dyn {
    pub(super) tag: i64,
    pub(super) value: u64,
}

/// Types of which any bytes are a value.
///
/// # Safety
/// So it must be: integers, and structures of them without padding.
pub(super) unsafe trait Plain: Copy {}

// SAFETY: integers.
unsafe impl Plain for u16 {}
// SAFETY: integers.
unsafe impl Plain for u32 {}
// SAFETY: integers.
unsafe impl Plain for u64 {}
// SAFETY: two integers of 8 bytes.
unsafe impl Plain for Dyn {}
// SAFETY: gABI, "Symbol Table": integers of 4, 1, 1, 2, 8 and 8 bytes.
unsafe impl Plain for Elf64_Sym {}
// SAFETY: gABI, "Program Header": two integers of 4 bytes and six of 8.
unsafe impl Plain for Elf64_Phdr {}

/// An object's memory: where it lies, and which parts of it may be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct ObjectMemory<'image> {
    base: usize,
    place: Place<'image>,
}

#[derive(Debug, Clone, Copy)]
enum Place<'image> {
    /// In this process; the headers say what may be read.
    Here(&'image [Elf64_Phdr]),
    /// In another process, at the same addresses.
    There(&'image Pages),
}

impl<'image> ObjectMemory<'image> {
    /// # Safety
    /// `base` and `headers` must be what `dl_iterate_phdr` reported for an
    /// object that stays mapped for `'image`.
    pub(super) unsafe fn mapped(base: usize, headers: &'image [Elf64_Phdr]) -> Self {
        let place = Place::Here(headers);
        ObjectMemory { base, place }
    }

    /// An object of another process.
    pub(super) fn copied(base: usize, pages: &'image Pages) -> Self {
        let place = Place::There(pages);
        ObjectMemory { base, place }
    }

    /// The address that its symbols' values are relative to.
    pub(super) fn base(self) -> usize {
        self.base
    }

    /// Whether the object has readable memory there. A base may be the difference to
    /// a larger address: sums of addresses wrap around.
    fn has(self, address: usize, length: usize) -> bool {
        let headers = match self.place {
            Place::Here(headers) => headers,
            Place::There(pages) => return pages.copy(address, &mut vec![0; length]),
        };
        let readable =
            |header: &&Elf64_Phdr| header.p_type == PT_LOAD && header.p_flags & PF_R != 0;
        let mut segments = headers.iter().filter(readable);
        segments.any(|header| {
            let start = self.base.wrapping_add(header.p_vaddr as usize);
            let left = (header.p_memsz as usize).checked_sub(address.wrapping_sub(start));
            left.is_some_and(|left| left >= length)
        })
    }

    pub(super) fn read<T: Plain>(self, address: usize) -> Option<T> {
        match self.place {
            // SAFETY: `mapped` was promised that the segments are mapped, and this one
            // may be read; any bytes are a `T`, at any address.
            Place::Here(_) => self
                .has(address, size_of::<T>())
                .then(|| unsafe { (address as *const T).read_unaligned() }),
            Place::There(pages) => pages.read(address),
        }
    }

    /// An array's element.
    pub(super) fn element<T: Plain>(self, array: usize, index: u32) -> Option<T> {
        let offset = (index as usize).wrapping_mul(size_of::<T>());
        self.read(array.wrapping_add(offset))
    }

    /// Whether these bytes stand there, and a zero after them.
    pub(super) fn has_text(self, address: usize, text: &[u8]) -> bool {
        if let Place::There(pages) = self.place {
            let mut found = vec![0; text.len() + 1];
            return pages.copy(address, &mut found) && found.strip_suffix(&[0]) == Some(text);
        }
        if !self.has(address, text.len() + 1) {
            return false;
        }
        // SAFETY: as above; bytes have no alignment, and nobody writes to a table of
        // strings.
        let found = unsafe { std::slice::from_raw_parts(address as *const u8, text.len() + 1) };
        found.strip_suffix(&[0]) == Some(text)
    }

    /// glibc rewrites the addresses in a dynamic section when it loads an object;
    /// musl, and glibc for the vdso, leave them relative to the base.
    pub(super) fn relocate(self, address: usize) -> Option<usize> {
        let both = [address, self.base.wrapping_add(address)];
        both.into_iter().find(|address| self.has(*address, 1))
    }
}

/// Another process's memory, as far as it was needed so far. Nothing there is
/// trusted: what can't be read is absent, and all looks together end.
#[derive(Debug)]
pub(super) struct Pages {
    source: Source,
    read: Mutex<Read>,
}

#[derive(Debug)]
enum Source {
    Process(Memory),
    /// Bytes from an address on.
    #[cfg(any(test, fuzzing))]
    Bytes(usize, Vec<u8>),
}

#[derive(Debug, Default)]
struct Read {
    /// Each page that was asked for; `None` where there is none.
    pages: HashMap<usize, Option<Box<[u8; PAGE]>>>,
    count: usize,
}

impl Pages {
    /// The memory of the process of this number.
    pub(super) fn of(pid: u32) -> Self {
        Pages {
            source: Source::Process(Memory::of(pid)),
            read: Mutex::default(),
        }
    }

    /// Made-up memory from an address on.
    #[cfg(any(test, fuzzing))]
    pub(super) fn made_up(start: usize, bytes: Vec<u8>) -> Self {
        Pages {
            source: Source::Bytes(start, bytes),
            read: Mutex::default(),
        }
    }

    /// A value at an address, if that can be read.
    pub(super) fn read<T: Plain>(&self, address: usize) -> Option<T> {
        let mut bytes = [0_u8; 64];
        let bytes = bytes.get_mut(..size_of::<T>())?;
        // SAFETY: `bytes` has as many bytes as a `T`, of which any are a value.
        self.copy(address, bytes)
            .then(|| unsafe { bytes.as_ptr().cast::<T>().read_unaligned() })
    }

    /// Copies bytes; whether all of them could be read.
    pub(super) fn copy(&self, address: usize, into: &mut [u8]) -> bool {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.count += 1;
        if read.count > MOST_READS {
            return false;
        }
        let mut done = 0;
        while done < into.len() {
            let Some(at) = address.checked_add(done) else {
                return false;
            };
            let Some(page) = self.page(&mut read, at - at % PAGE) else {
                return false;
            };
            let part = &page[at % PAGE..];
            let length = part.len().min(into.len() - done);
            into[done..done + length].copy_from_slice(&part[..length]);
            done += length;
        }
        true
    }

    fn page<'read>(&self, read: &'read mut Read, start: usize) -> Option<&'read [u8; PAGE]> {
        if !read.pages.contains_key(&start) {
            if read.pages.len() >= MOST_PAGES {
                return None;
            }
            let mut page = Box::new([0; PAGE]);
            let is_there = self.source.copy(start, &mut page);
            read.pages.insert(start, is_there.then_some(page));
        }
        read.pages.get(&start)?.as_deref()
    }
}

impl Source {
    fn copy(&self, start: usize, into: &mut [u8; PAGE]) -> bool {
        match self {
            Source::Process(memory) => memory.copy(start, into),
            #[cfg(any(test, fuzzing))]
            Source::Bytes(first, bytes) => {
                let mut is_any = false;
                for (offset, byte) in into.iter_mut().enumerate() {
                    let at = start.wrapping_add(offset).wrapping_sub(*first);
                    if let Some(found) = bytes.get(at) {
                        (*byte, is_any) = (*found, true);
                    }
                }
                is_any
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_crosses_pages_is_read_whole_or_not_at_all() {
        let bytes: Vec<u8> = (0..2 * PAGE).map(|index| (index / 16) as u8).collect();
        let pages = Pages::made_up(16 * PAGE, bytes);
        let read = |offset: usize| pages.read::<u64>(16 * PAGE + offset);
        assert_eq!(read(32), Some(0x0202_0202_0202_0202));
        assert_eq!(read(PAGE - 4), Some(0x0000_0000_ffff_ffff));
        assert_eq!(read(2 * PAGE - 4), None);
        assert_eq!(pages.read::<u64>(usize::MAX - 3), None);
        assert_eq!(pages.read::<u64>(8), None);
    }

    #[test]
    fn all_reads_together_end() {
        let pages = Pages::made_up(PAGE, vec![7; PAGE]);
        let mut count = 0;
        while pages.read::<u32>(PAGE).is_some() {
            count += 1;
        }
        assert_eq!(count, MOST_READS);
    }
}
