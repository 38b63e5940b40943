//! The dynamic symbol table of an object that the loader has mapped.
//!
//! Only symbols that the object itself defines count: `dlsym` on a handle also
//! answers with a dependency's symbol, and would find OpenBLAS in every module
//! linked to it. Sources: the System V gABI chapter 5, and "GNU hash ELF
//! sections" (the layout of `DT_GNU_HASH`).
//!
//! The loader checks nothing of these tables, and neither does it have to: they may
//! be damaged. So every word is read only where the object has readable memory, and
//! every walk ends.

use super::loaded::{Symbol, SymbolName};
use super::object_memory::{Dyn, ObjectMemory, PT_DYNAMIC, Pages};
use libc::{Elf64_Phdr, Elf64_Sym};

const DT_NULL: i64 = 0;
const DT_HASH: i64 = 4;
const DT_STRTAB: i64 = 5;
const DT_SYMTAB: i64 = 6;
const DT_GNU_HASH: i64 = 0x6fff_fef5;

const SHN_UNDEF: u16 = 0;
const STT_OBJECT: u8 = 1;
const STT_FUNC: u8 = 2;
const STT_GNU_IFUNC: u8 = 10;

/// The most symbols of one hash that are looked at: a chain may be a circle.
const LONGEST_CHAIN: u32 = 1 << 20;

/// The dynamic symbols of one mapped object; valid while it stays mapped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SymbolTable<'image> {
    memory: ObjectMemory<'image>,
    symbols: usize,
    strings: usize,
    hash: Hash,
}

#[derive(Debug, Clone, Copy)]
enum Hash {
    Gnu(usize),
    SysV(usize),
}

impl<'image> SymbolTable<'image> {
    /// Finds the table of the object at `base`; `None` where it has none.
    ///
    /// # Safety
    /// `base` and `headers` must be what `dl_iterate_phdr` reported for an
    /// object that stays mapped for `'image`.
    pub(crate) unsafe fn new(base: usize, headers: &'image [Elf64_Phdr]) -> Option<Self> {
        // SAFETY: promised by the caller.
        let memory = unsafe { ObjectMemory::mapped(base, headers) };
        let dynamic = headers.iter().find(|h| h.p_type == PT_DYNAMIC)?;
        let start = base.wrapping_add(dynamic.p_vaddr as usize);
        Self::with(memory, start, dynamic.p_memsz as usize / size_of::<Dyn>())
    }

    /// The table of an object that another process has loaded at `base`, and whose
    /// dynamic section lies at `start` and has at most `count` entries.
    pub(super) fn copied(
        base: usize,
        pages: &'image Pages,
        start: usize,
        count: usize,
    ) -> Option<Self> {
        Self::with(ObjectMemory::copied(base, pages), start, count)
    }

    fn with(memory: ObjectMemory<'image>, start: usize, count: usize) -> Option<Self> {
        let entries = (0..count).map_while(|index| {
            memory.read::<Dyn>(start.wrapping_add(index.wrapping_mul(size_of::<Dyn>())))
        });
        let (mut symbols, mut strings, mut gnu, mut sysv) = (None, None, None, None);
        for Dyn { tag, value } in entries.take_while(|entry| entry.tag != DT_NULL) {
            let slot = match tag {
                DT_SYMTAB => &mut symbols,
                DT_STRTAB => &mut strings,
                DT_GNU_HASH => &mut gnu,
                DT_HASH => &mut sysv,
                _ => continue,
            };
            *slot = memory.relocate(value as usize);
        }
        let hash = gnu.map(Hash::Gnu).or_else(|| sysv.map(Hash::SysV))?;
        Some(SymbolTable {
            memory,
            symbols: symbols?,
            strings: strings?,
            hash,
        })
    }

    /// The symbol of that name which this object defines.
    pub(crate) fn find(&self, name: &SymbolName) -> Option<Symbol> {
        let symbol = match self.hash {
            Hash::Gnu(table) => self.find_gnu(table, name),
            Hash::SysV(table) => self.find_sysv(table, name),
        }?;
        let address = self.memory.base().wrapping_add(symbol.st_value as usize);
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

    /// The header's four words, then `bloom_size` 64-bit words, then `buckets` 32-bit
    /// words, then one word a symbol from `first` on, the last of each chain with its
    /// low bit set: the layout that the loader's own do_lookup_x reads.
    fn find_gnu(&self, table: usize, name: &SymbolName) -> Option<Elf64_Sym> {
        let (memory, hash) = (self.memory, name.gnu_hash);
        let header = |index| memory.element::<u32>(table, index);
        let (buckets, first) = (header(0)?, header(1)?);
        let (bloom_size, bloom_shift) = (header(2)?, header(3)?);
        if buckets == 0 || bloom_size == 0 {
            return None;
        }
        let bloom = table.wrapping_add(16);
        let word: u64 = memory.element(bloom, hash / 64 % bloom_size)?;
        // The loader's processors take the shift modulo 32.
        let mask = 1u64 << (hash % 64) | 1u64 << (hash.wrapping_shr(bloom_shift) % 64);
        if word & mask != mask {
            return None;
        }
        let bucket = bloom.wrapping_add(8 * bloom_size as usize);
        let chain = bucket.wrapping_add(4 * buckets as usize);
        let mut index: u32 = memory.element(bucket, hash % buckets)?;
        for _ in 0..LONGEST_CHAIN {
            let entry: u32 = memory.element(chain, index.checked_sub(first)?)?;
            if entry | 1 == hash | 1
                && let Some(symbol) = self.symbol(index, name)
            {
                return Some(symbol);
            }
            if entry & 1 == 1 {
                return None;
            }
            index = index.checked_add(1)?;
        }
        None
    }

    /// gABI, "Hash Table": two counts, then `buckets` words, then one word a symbol;
    /// index 0 ends a chain.
    fn find_sysv(&self, table: usize, name: &SymbolName) -> Option<Elf64_Sym> {
        let memory = self.memory;
        let (buckets, symbols) = (memory.element::<u32>(table, 0)?, memory.element(table, 1)?);
        let bucket = table.wrapping_add(8);
        let chain = bucket.wrapping_add(4 * buckets as usize);
        let hash = sysv_hash(name.name);
        let mut index: u32 = memory.element(bucket, hash.checked_rem(buckets)?)?;
        for _ in 0..LONGEST_CHAIN.min(symbols) {
            if index == 0 {
                return None;
            }
            if let Some(symbol) = self.symbol(index, name) {
                return Some(symbol);
            }
            index = memory.element(chain, index)?;
        }
        None
    }

    /// The symbol at that place, if it is defined and has that name.
    fn symbol(&self, index: u32, name: &SymbolName) -> Option<Elf64_Sym> {
        let symbol: Elf64_Sym = self.memory.element(self.symbols, index)?;
        let at = self.strings.wrapping_add(symbol.st_name as usize);
        let is_it = symbol.st_shndx != SHN_UNDEF && self.memory.has_text(at, name.name.as_bytes());
        is_it.then_some(symbol)
    }
}

fn sysv_hash(name: &str) -> u32 {
    name.bytes().fold(0u32, |hash, byte| {
        let hash = (hash << 4).wrapping_add(u32::from(byte));
        let high = hash & 0xf000_0000;
        (hash ^ (high >> 24)) & !high
    })
}

/// Looks names up in a made-up object: its memory is `data` after two headers'
/// worth of numbers, and it was linked for another address.
#[cfg(fuzzing)]
pub(crate) fn fuzz(data: &[u8]) {
    use super::object_memory::{PF_R, PT_LOAD};
    let Some((numbers, memory)) = data.split_first_chunk::<24>() else {
        return;
    };
    let number = |index: usize| {
        let bytes = &numbers[8 * index..8 * index + 8];
        u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
    };
    // A copy of its own, so that the sanitizer sees where it ends.
    let memory = memory.to_vec();
    let link = number(0) as usize;
    // SAFETY: integers, for which zeros are valid.
    let mut headers: [Elf64_Phdr; 2] = unsafe { std::mem::zeroed() };
    headers[0].p_type = PT_LOAD;
    headers[0].p_flags = PF_R;
    headers[0].p_vaddr = link as u64;
    headers[0].p_memsz = memory.len() as u64;
    headers[1].p_type = PT_DYNAMIC;
    headers[1].p_vaddr = (link as u64).wrapping_add(number(1) % 4096);
    headers[1].p_memsz = number(2);
    let base = (memory.as_ptr() as usize).wrapping_sub(link);
    // SAFETY: the one segment is `memory`, which outlives the table.
    if let Some(table) = unsafe { SymbolTable::new(base, &headers) } {
        for name in [SymbolName::new("a"), SymbolName::new("openblas_get_config")] {
            let _ = table.find(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::object_memory::{PF_R, PT_LOAD};

    /// An object in memory with one symbol, by which hash table is chosen.
    fn object(gnu: bool, shift: u32) -> Vec<u64> {
        let name = SymbolName::new("ab");
        let words = |pairs: &[(u32, u32)]| -> Vec<u64> {
            let word = |(low, high): &(u32, u32)| u64::from(*low) | u64::from(*high) << 32;
            pairs.iter().map(word).collect()
        };
        let tag = if gnu { DT_GNU_HASH } else { DT_HASH } as u64;
        // dynamic section: 8 words; symbols at 64: two, of 3 words; text at 112; hash at 120
        let mut object = vec![DT_SYMTAB as u64, 64, DT_STRTAB as u64, 112, tag, 120, 0, 0];
        object.extend([0, 0, 0]);
        object.extend(words(&[(1, 0x0001_0000 | u32::from(STT_FUNC))]));
        object.extend([0x40, 0]);
        object.push(u64::from_le_bytes(*b"\0ab\0\0\0\0\0"));
        object.extend(if gnu {
            let bloom = words(&[(1, 1), (1, shift)]);
            [bloom, vec![u64::MAX], words(&[(1, name.gnu_hash | 1)])].concat()
        } else {
            words(&[(1, 2), (1, 0), (0, 0)])
        });
        object
    }

    /// Where the symbol is found, from the object's beginning on.
    fn find(
        mut object: Vec<u64>,
        link: usize,
        is_relocated: bool,
        text: &'static str,
    ) -> Option<u64> {
        // SAFETY: integers, for which zeros are valid.
        let mut headers: [Elf64_Phdr; 2] = unsafe { std::mem::zeroed() };
        headers[0].p_type = PT_LOAD;
        headers[0].p_flags = PF_R;
        headers[0].p_vaddr = link as u64;
        headers[0].p_memsz = size_of_val(&*object) as u64;
        headers[1].p_type = PT_DYNAMIC;
        headers[1].p_vaddr = link as u64;
        headers[1].p_memsz = 64;
        let start = object.as_ptr() as usize;
        let base = start.wrapping_sub(link);
        for address in [1, 3, 5] {
            let by = if is_relocated { start } else { link };
            object[address] = object[address].wrapping_add(by as u64);
        }
        // SAFETY: the one segment is `object`, which outlives the table.
        let table = unsafe { SymbolTable::new(base, &headers) }?;
        match table.find(&SymbolName::new(text))? {
            Symbol::Function(address) => Some(address.wrapping_sub(base) as u64),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_symbol_is_found_wherever_the_object_was_to_be() {
        // Above where it is: its base is less than nothing.
        for link in [0, 0x40_0000, usize::MAX - 0xffff] {
            for (is_gnu, is_relocated) in
                [(true, true), (true, false), (false, true), (false, false)]
            {
                let found = |text| find(object(is_gnu, 6), link, is_relocated, text);
                assert_eq!(found("ab"), Some(0x40), "{link:x} {is_gnu} {is_relocated}");
                assert_eq!(found("a"), None);
            }
        }
    }

    #[test]
    fn a_shift_of_any_size_is_one() {
        for shift in [0, 31, 32, 63, 64, u32::MAX] {
            assert_eq!(
                find(object(true, shift), 0, true, "ab"),
                Some(0x40),
                "{shift}"
            );
        }
    }

    #[test]
    fn a_damaged_table_is_none() {
        for is_gnu in [true, false] {
            for (place, value) in [(1, 1 << 40), (3, u64::MAX), (5, 0), (4, 77), (14, u64::MAX)] {
                let mut damaged = object(is_gnu, 6);
                damaged[place] = value;
                let _ = find(damaged, 0, true, "ab");
            }
        }
        let mut circle = object(false, 0);
        // The chain of the one symbol leads to itself, and its name is another.
        (circle[14], circle[17]) = (0, 1);
        assert_eq!(find(circle, 0, true, "ab"), None);
    }
}
