//! The values of an ELF file's dynamic symbols, read from the file: for a library
//! that another process has loaded. Source: the System V gABI, chapters 4 and 5.
//!
//! The file may be damaged, or be replaced while it is read: whatever lies outside
//! of it is no symbol.

/// The ELF magic, class 64 and little-endian.
const IDENT: &[u8] = b"\x7fELF\x02\x01";
const SHT_DYNSYM: u32 = 11;
const SYMBOL_BYTES: usize = 24;

/// A file of the 64-bit class in little-endian order.
pub(super) struct ElfFile<'a> {
    symbols: &'a [u8],
    names: &'a [u8],
}

impl<'a> ElfFile<'a> {
    /// `None` if the bytes are no such file, or have no dynamic symbols.
    pub(super) fn parse(file: &'a [u8]) -> Option<Self> {
        file.starts_with(IDENT).then_some(())?;
        let table = usize::try_from(u64_at(file, 40)?).ok()?;
        let size = usize::from(u16_at(file, 58)?);
        let count = usize::from(u16_at(file, 60)?);
        let section = |index: usize| file.get(table.checked_add(index.checked_mul(size)?)?..);
        let bytes = |section: &[u8]| {
            let start = usize::try_from(u64_at(section, 24)?).ok()?;
            let length = usize::try_from(u64_at(section, 32)?).ok()?;
            file.get(start..start.checked_add(length)?)
        };
        let symbols = (0..count)
            .filter_map(section)
            .find(|section| u32_at(section, 4) == Some(SHT_DYNSYM))?;
        let names = section(u32_at(symbols, 40)? as usize)?;
        Some(ElfFile {
            symbols: bytes(symbols)?,
            names: bytes(names)?,
        })
    }

    /// The value of a symbol that the file defines: an address relative to where it
    /// is loaded.
    pub(super) fn value(&self, name: &str) -> Option<usize> {
        let is_it = |symbol: &&[u8]| {
            let start = u32_at(symbol, 0).unwrap_or(0) as usize;
            let is_defined = u16_at(symbol, 6).is_some_and(|section| section != 0);
            let found = self.names.get(start..).unwrap_or_default();
            let found = found.strip_prefix(name.as_bytes());
            // Sections are symbols without a name, on arm64 in this table, too.
            let is_named = found.is_some_and(|rest| rest.first() == Some(&0)) && !name.is_empty();
            is_defined && is_named
        };
        let symbol = self.symbols.chunks_exact(SYMBOL_BYTES).find(is_it)?;
        usize::try_from(u64_at(symbol, 8)?).ok()
    }
}

fn bytes_at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..offset.checked_add(N)?)?.try_into().ok()
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes_at(bytes, offset).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes_at(bytes, offset).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    bytes_at(bytes, offset).map(u64::from_le_bytes)
}

/// Looks a name up in a made-up file.
#[cfg(fuzzing)]
pub(super) fn fuzz(data: &[u8]) {
    if let Some(file) = ElfFile::parse(data) {
        let _ = file.value("_rtld_global");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::mapped_file;

    fn c_library() -> Vec<u8> {
        let file = mapped_file(libc::getpid as *const () as usize).unwrap();
        std::fs::read(file).unwrap()
    }

    #[test]
    fn a_symbols_value_is_where_the_loader_put_it() {
        let bytes = c_library();
        let file = ElfFile::parse(&bytes).unwrap();
        let apart = file
            .value("getppid")
            .unwrap()
            .wrapping_sub(file.value("getpid").unwrap());
        let loaded =
            (libc::getppid as *const () as usize).wrapping_sub(libc::getpid as *const () as usize);
        assert_eq!(apart, loaded);
        assert_eq!(file.value("no_such_function"), None);
        assert_eq!(file.value(""), None);
    }

    #[test]
    fn a_file_that_is_cut_short_has_no_such_symbol() {
        let bytes = c_library();
        for length in [0, 5, 6, 40, 63, 64, 4096, bytes.len() / 2] {
            let cut = ElfFile::parse(&bytes[..length]);
            assert!(
                cut.and_then(|file| file.value("getpid")).is_none(),
                "{length}"
            );
        }
        assert!(ElfFile::parse(b"#!/bin/sh\n").is_none());
    }
}
