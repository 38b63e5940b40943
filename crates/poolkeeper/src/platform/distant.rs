//! Linux: the objects that another process has loaded, found by what it has mapped,
//! and read from its memory: the file may be deleted, or in another mount namespace.
//!
//! Source: the System V gABI, chapters 4 and 5 (headers, loading).

use super::elf::SymbolTable;
use super::getter::{self, Answer};
use super::loaded::{Symbol, SymbolName};
use super::maps::{Mapping, mappings_of};
use super::object_memory::{Dyn, PT_DYNAMIC, PT_LOAD, Pages};
use super::start::StartRoutines;
use libc::{Elf64_Phdr, c_int};
use std::io;
use std::path::{Path, PathBuf};

/// The ELF magic, class 64 and little-endian.
const IDENT: [u8; 6] = *b"\x7fELF\x02\x01";
const EM_X86_64: u16 = 62;
const PF_X: u32 = 1;
/// Objects have a dozen program headers.
const MOST_HEADERS: u16 = 64;
/// Entries of a dynamic section: there are some thirty.
const MOST_ENTRIES: usize = 4096;
/// Objects of a process that are looked at: programs have hundreds.
const MOST_OBJECTS: usize = 4096;

/// Bytes of a function in which it refers to a text.
const CODE_BESIDE: usize = 96;
const MOST_OF_TEXT: usize = 512;

/// What another process has loaded.
pub(crate) struct Distant {
    pid: u32,
    mappings: Vec<Mapping>,
    /// Where the main thread's own variables are; not known without an account of its
    /// threads.
    main_thread: Option<usize>,
}

/// An object that another process has loaded.
pub(crate) struct DistantObject<'a> {
    /// Its file, as that process sees it.
    pub(crate) file: PathBuf,
    distant: &'a Distant,
    pages: Pages,
    base: usize,
    dynamic: (usize, usize),
    machine: u16,
}

impl Distant {
    /// Looks at what a process has mapped.
    ///
    /// # Errors
    /// The process is gone, or another user's; its memory can't be read.
    pub(crate) fn of(pid: u32, own_id: u32) -> io::Result<Distant> {
        let mappings = mappings_of(pid)?;
        if let Some(first) = mappings.iter().find(|mapping| mapping.is_beginning) {
            // Memory is guarded better than what is mapped: by Yama, for one.
            let memory = super::memory::Memory::of(pid);
            if !memory.copy(first.range.start, &mut [0]) {
                return Err(io::Error::last_os_error());
            }
        }
        let routines = StartRoutines::find_in(pid).ok().flatten();
        let main_thread = routines.and_then(|routines| routines.thread(own_id));
        Ok(Distant {
            pid,
            mappings,
            main_thread,
        })
    }

    /// Where objects may be loaded, in the order of their addresses.
    pub(crate) fn places(&self) -> impl Iterator<Item = LoadPlace<'_>> {
        let beginnings = self.mappings.iter().filter(|mapping| mapping.is_beginning);
        let places = beginnings.filter_map(|mapping| {
            Some(LoadPlace {
                start: mapping.range.start,
                file: mapping.file.as_deref()?,
                distant: self,
                mapping,
            })
        });
        places.take(MOST_OBJECTS)
    }

    /// Where a mapped file's byte lies: tools that change a library may move its headers
    /// to its end.
    fn place(&self, beginning: &Mapping, offset: usize) -> Option<usize> {
        let has_it = |one: &&Mapping| {
            let length = one.range.end.saturating_sub(one.range.start);
            let beyond = offset.checked_sub(one.offset);
            one.file == beginning.file && beyond.is_some_and(|beyond| beyond < length)
        };
        // The same file may be mapped twice: this is the next one.
        let later = self.mappings.iter();
        let later = later.filter(|one| one.range.start >= beginning.range.start);
        let found = later.into_iter().find(has_it)?;
        Some(found.range.start + (offset - found.offset))
    }

    /// The object whose first bytes are mapped there. A file may be mapped as data:
    /// then its code is not where the headers say.
    fn object(&self, mapping: &Mapping) -> Option<DistantObject<'_>> {
        let pages = Pages::of(self.pid);
        let start = mapping.range.start;
        let Headers {
            base,
            dynamic,
            code,
            machine,
        } = Headers::read(&pages, start, |offset| self.place(mapping, offset))?;
        let is_code = |other: &&Mapping| {
            other.is_code && other.range.contains(&code) && other.file == mapping.file
        };
        self.mappings.iter().find(is_code)?;
        Some(DistantObject {
            file: mapping.file.clone()?,
            distant: self,
            pages,
            base,
            dynamic,
            machine,
        })
    }
}

/// A file of which the first bytes are mapped: an object that is loaded, or any other.
pub(crate) struct LoadPlace<'a> {
    pub(crate) start: usize,
    pub(crate) file: &'a Path,
    distant: &'a Distant,
    mapping: &'a Mapping,
}

impl<'a> LoadPlace<'a> {
    /// The object, if it is one that is loaded.
    pub(crate) fn object(&self) -> Option<DistantObject<'a>> {
        self.distant.object(self.mapping)
    }
}

/// What an object's headers say.
struct Headers {
    base: usize,
    /// Where its dynamic section lies, and the most entries that this has.
    dynamic: (usize, usize),
    /// Where its code begins.
    code: usize,
    machine: u16,
}

impl Headers {
    /// Reads them; `place` tells where a byte of the file is mapped.
    fn read(
        pages: &Pages,
        start: usize,
        place: impl Fn(usize) -> Option<usize>,
    ) -> Option<Headers> {
        let mut ident = [0; IDENT.len()];
        (pages.copy(start, &mut ident) && ident == IDENT).then_some(())?;
        let at = |offset: usize| start.checked_add(offset);
        let machine: u16 = pages.read(at(18)?)?;
        let table = place(usize::try_from(pages.read::<u64>(at(32)?)?).ok()?)?;
        let size: u16 = pages.read(at(54)?)?;
        let count: u16 = pages.read(at(56)?)?;
        (usize::from(size) == size_of::<Elf64_Phdr>() && count <= MOST_HEADERS).then_some(())?;
        let header = |index: u16| -> Option<Elf64_Phdr> {
            pages.read(table.checked_add(usize::from(index) * usize::from(size))?)
        };
        let headers: Vec<Elf64_Phdr> = (0..count).map(header).collect::<Option<_>>()?;
        let find = |is_it: &dyn Fn(&&Elf64_Phdr) -> bool| headers.iter().find(|one| is_it(one));
        let first = find(&|one| one.p_type == PT_LOAD && one.p_offset == 0)?;
        let base = start.wrapping_sub(first.p_vaddr as usize);
        let code = find(&|one| one.p_type == PT_LOAD && one.p_flags & PF_X != 0)?;
        let dynamic = find(&|one| one.p_type == PT_DYNAMIC)?;
        let entries = (dynamic.p_memsz as usize / size_of::<Dyn>()).min(MOST_ENTRIES);
        Some(Headers {
            base,
            dynamic: (base.wrapping_add(dynamic.p_vaddr as usize), entries),
            code: base.wrapping_add(code.p_vaddr as usize),
            machine,
        })
    }
}

impl DistantObject<'_> {
    /// Its dynamic symbols; `None` where it has none.
    pub(crate) fn symbols(&self) -> Option<SymbolTable<'_>> {
        let (start, count) = self.dynamic;
        SymbolTable::copied(self.base, &self.pages, start, count)
    }

    /// An `int` that it exports, as it is now.
    pub(crate) fn int(&self, name: &SymbolName) -> Option<c_int> {
        match self.symbols()?.find(name)? {
            Symbol::Data(address) => Some(self.pages.read::<u32>(address)?.cast_signed()),
            Symbol::Function(_) | Symbol::Indirect => None,
        }
    }

    /// What a function without arguments would return to the main thread, where that
    /// can be seen from its code; on x86-64 alone.
    pub(crate) fn answer(&self, name: &SymbolName) -> Option<c_int> {
        Some((self.run(name)?.returned? as u32).cast_signed())
    }

    /// The `int` that a function would store where its one argument points.
    pub(crate) fn stored(&self, name: &SymbolName) -> Option<c_int> {
        Some(self.run(name)?.stored?.cast_signed())
    }

    /// A text that begins so, in this object, and to which a function's first
    /// instructions refer by its distance from them.
    pub(crate) fn text_beside(&self, name: &SymbolName, start: &str) -> Option<String> {
        let Symbol::Function(address) = self.symbols()?.find(name)? else {
            return None;
        };
        let mut begun = vec![0; start.len()];
        for place in (address..address.checked_add(CODE_BESIDE)?).skip(1) {
            let distance: u32 = self.pages.read(place)?;
            let text = (place + 4).wrapping_add_signed(distance.cast_signed() as isize);
            if self.pages.copy(text, &mut begun) && begun == start.as_bytes() {
                return self.text(text);
            }
        }
        None
    }

    /// A text that ends with a zero, or is cut.
    fn text(&self, address: usize) -> Option<String> {
        let mut bytes = Vec::new();
        while bytes.len() < MOST_OF_TEXT {
            let mut byte = [0];
            let at = address.checked_add(bytes.len())?;
            if !self.pages.copy(at, &mut byte) || byte == [0] {
                break;
            }
            bytes.extend(byte);
        }
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn run(&self, name: &SymbolName) -> Option<Answer> {
        let Symbol::Function(address) = self.symbols()?.find(name)? else {
            return None;
        };
        (self.machine == EM_X86_64).then_some(())?;
        getter::run(&self.pages, address, self.distant.main_thread)
    }
}

/// Looks at a made-up object: its memory is `data`, from an address on.
#[cfg(fuzzing)]
pub(crate) fn fuzz(data: &[u8]) {
    const START: usize = 0x40_0000;
    let pages = Pages::made_up(START, data.to_vec());
    let _ = getter::run(&pages, START, Some(START));
    let Some(headers) = Headers::read(&pages, START, |offset| START.checked_add(offset)) else {
        return;
    };
    let (start, count) = headers.dynamic;
    if let Some(table) = SymbolTable::copied(headers.base, &pages, start, count) {
        let _ = table.find(&SymbolName::new("openblas_get_config"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GETPID: SymbolName = SymbolName::new("getpid");

    #[test]
    fn this_process_is_seen_as_another_one_is() {
        let own = std::process::id();
        let distant = Distant::of(own, own).unwrap();
        let mut found = Vec::new();
        for place in distant.places() {
            let object = place.object();
            let symbol = object.and_then(|object| object.symbols()?.find(&GETPID));
            found.extend(symbol.map(|symbol| (place.file.to_owned(), symbol)));
        }
        let address = libc::getpid as *const () as usize;
        let file = crate::platform::mapped_file(address).unwrap();
        assert_eq!(found, [(file, Symbol::Function(address))]);
    }

    #[test]
    fn nobody_has_loaded_nothing() {
        assert!(Distant::of(u32::MAX, u32::MAX).is_err());
    }
}
