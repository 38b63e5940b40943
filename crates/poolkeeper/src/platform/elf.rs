//! The dynamic symbol table of an object that the loader has mapped.
//!
//! Only symbols that the object itself defines count: `dlsym` on a handle also
//! answers with a dependency's symbol, and would find OpenBLAS in every module
//! linked to it. Sources: the System V gABI chapter 5, and "GNU hash ELF
//! sections" (the layout of `DT_GNU_HASH`).

use super::{Symbol, SymbolName};
use libc::{Elf64_Phdr, Elf64_Sym};
use std::ffi::CStr;
use std::marker::PhantomData;

const PT_DYNAMIC: u32 = 2;
const DT_NULL: i64 = 0;
const DT_HASH: i64 = 4;
const DT_STRTAB: i64 = 5;
const DT_SYMTAB: i64 = 6;
const DT_GNU_HASH: i64 = 0x6fff_fef5;

const SHN_UNDEF: u16 = 0;
const STT_OBJECT: u8 = 1;
const STT_FUNC: u8 = 2;
const STT_GNU_IFUNC: u8 = 10;

#[repr(C)]
struct Dyn {
    tag: i64,
    value: u64,
}

/// The dynamic symbols of one mapped object; valid while it stays mapped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SymbolTable<'image> {
    base: usize,
    symbols: *const Elf64_Sym,
    strings: *const libc::c_char,
    hash: Hash,
    mapped: PhantomData<&'image ()>,
}

#[derive(Debug, Clone, Copy)]
enum Hash {
    Gnu(*const u32),
    SysV(*const u32),
}

impl<'image> SymbolTable<'image> {
    /// Finds the table of the object at `base`; `None` where it has none.
    ///
    /// # Safety
    /// `base` and `headers` must be what `dl_iterate_phdr` reported for an
    /// object that stays mapped for `'image`.
    pub(crate) unsafe fn new(base: usize, headers: &'image [Elf64_Phdr]) -> Option<Self> {
        let dynamic = headers.iter().find(|h| h.p_type == PT_DYNAMIC)?;
        let mut entry = (base + dynamic.p_vaddr as usize) as *const Dyn;
        let (mut symbols, mut strings, mut gnu, mut sysv) = (0, 0, 0, 0);
        loop {
            // SAFETY: the loader itself walks this array up to DT_NULL (gABI,
            // "Dynamic Section"), and the caller promised that it is mapped.
            let Dyn { tag, value } = unsafe { entry.read() };
            let slot = match tag {
                DT_NULL => break,
                DT_SYMTAB => &mut symbols,
                DT_STRTAB => &mut strings,
                DT_GNU_HASH => &mut gnu,
                DT_HASH => &mut sysv,
                _ => &mut 0,
            };
            *slot = relocate(base, value as usize);
            // SAFETY: DT_NULL was not reached, so there is a next entry.
            entry = unsafe { entry.add(1) };
        }
        if symbols == 0 || strings == 0 {
            return None;
        }
        let hash = match (gnu, sysv) {
            (0, 0) => return None,
            (0, table) => Hash::SysV(table as *const u32),
            (table, _) => Hash::Gnu(table as *const u32),
        };
        Some(SymbolTable {
            base,
            symbols: symbols as *const Elf64_Sym,
            strings: strings as *const libc::c_char,
            hash,
            mapped: PhantomData,
        })
    }

    /// The symbol of that name which this object defines.
    pub(crate) fn find(&self, name: &SymbolName) -> Option<Symbol> {
        let symbol = match self.hash {
            // SAFETY: `new` found this table in the object's dynamic section.
            Hash::Gnu(table) => unsafe { self.find_gnu(table, name) },
            // SAFETY: as above.
            Hash::SysV(table) => unsafe { self.find_sysv(table, name) },
        }?;
        let address = self.base + symbol.st_value as usize;
        match symbol.st_info & 0xf {
            STT_FUNC => Some(Symbol::Function(address)),
            STT_OBJECT => Some(Symbol::Data(address)),
            STT_GNU_IFUNC => Some(Symbol::Indirect),
            _ => None,
        }
    }

    /// Whether this object defines a function of that name.
    pub(crate) fn has_function(&self, name: &SymbolName) -> bool {
        matches!(
            self.find(name),
            Some(Symbol::Function(_) | Symbol::Indirect)
        )
    }

    /// # Safety
    /// `table` must be the object's `DT_GNU_HASH` table.
    unsafe fn find_gnu(&self, table: *const u32, name: &SymbolName) -> Option<&Elf64_Sym> {
        let hash = name.gnu_hash;
        // SAFETY: the header's four words, then `bloom_size`
        // 64-bit words, then `buckets` 32-bit words, then one word a symbol
        // from `first` on, the last of each chain with its low bit set: the
        // layout that the loader's own do_lookup_x reads.
        unsafe {
            let buckets = *table;
            let first = *table.add(1);
            let bloom_size = *table.add(2);
            let bloom_shift = *table.add(3);
            let bloom = table.add(4).cast::<u64>();
            if buckets == 0 || bloom_size == 0 {
                return None;
            }
            let word = bloom
                .add((hash as usize / 64) % bloom_size as usize)
                .read_unaligned();
            let mask = 1u64 << (hash % 64) | 1u64 << ((hash >> bloom_shift) % 64);
            if word & mask != mask {
                return None;
            }
            let bucket = bloom.add(bloom_size as usize).cast::<u32>();
            let chain = bucket.add(buckets as usize);
            let mut index = *bucket.add((hash % buckets) as usize);
            if index < first {
                return None;
            }
            loop {
                let entry = *chain.add((index - first) as usize);
                if entry | 1 == hash | 1 {
                    let symbol = &*self.symbols.add(index as usize);
                    if self.is(symbol, name) {
                        return Some(symbol);
                    }
                }
                if entry & 1 == 1 {
                    return None;
                }
                index += 1;
            }
        }
    }

    /// # Safety
    /// `table` must be the object's `DT_HASH` table.
    unsafe fn find_sysv(&self, table: *const u32, name: &SymbolName) -> Option<&Elf64_Sym> {
        let hash = sysv_hash(name.name);
        // SAFETY: gABI, "Hash Table": two counts, then
        // `buckets` words, then one word a symbol; index 0 ends a chain.
        unsafe {
            let buckets = *table;
            let bucket = table.add(2);
            let chain = bucket.add(buckets as usize);
            if buckets == 0 {
                return None;
            }
            let mut index = *bucket.add((hash % buckets) as usize);
            while index != 0 {
                let symbol = &*self.symbols.add(index as usize);
                if self.is(symbol, name) {
                    return Some(symbol);
                }
                index = *chain.add(index as usize);
            }
            None
        }
    }

    fn is(&self, symbol: &Elf64_Sym, name: &SymbolName) -> bool {
        if symbol.st_shndx == SHN_UNDEF {
            return false;
        }
        // SAFETY: st_name is an offset into the string table, whose entries
        // end in NUL (gABI, "String Table").
        let found = unsafe { CStr::from_ptr(self.strings.add(symbol.st_name as usize)) };
        found.to_bytes() == name.name.as_bytes()
    }
}

/// glibc rewrites the addresses in a dynamic section when it loads an object;
/// musl, and glibc for the vdso, leave them relative to the base.
fn relocate(base: usize, address: usize) -> usize {
    if address < base {
        base + address
    } else {
        address
    }
}

fn sysv_hash(name: &str) -> u32 {
    name.bytes().fold(0u32, |hash, byte| {
        let hash = (hash << 4).wrapping_add(u32::from(byte));
        let high = hash & 0xf000_0000;
        (hash ^ (high >> 24)) & !high
    })
}
