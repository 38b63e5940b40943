//! Linux: the dynamic loader's list of objects and its counters.

pub(crate) use super::elf::SymbolTable;
use super::forks;
use super::loaded::Epoch;
use crate::Result;
use libc::{c_int, c_void, dl_phdr_info, size_t};
use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// One object that the loader has mapped, for the time of a visit.
pub(crate) struct Image<'a> {
    info: &'a dl_phdr_info,
}

impl<'a> Image<'a> {
    /// The loader's name for it; empty for the program itself.
    pub(crate) fn name(&self) -> &'a CStr {
        if self.info.dlpi_name.is_null() {
            return c"";
        }
        // SAFETY: dl_iterate_phdr(3): dlpi_name is a NUL-terminated string that
        // lives as long as the visit.
        unsafe { CStr::from_ptr(self.info.dlpi_name) }
    }

    /// The address that its symbols' values are relative to.
    pub(crate) fn base(&self) -> usize {
        self.info.dlpi_addr as usize
    }

    /// Its dynamic symbols; `None` where it has none.
    pub(crate) fn symbols(&self) -> Option<SymbolTable<'a>> {
        if self.info.dlpi_phdr.is_null() {
            return None;
        }
        // SAFETY: dl_iterate_phdr(3): dlpi_phdr points to dlpi_phnum headers.
        let headers = unsafe {
            std::slice::from_raw_parts(self.info.dlpi_phdr, self.info.dlpi_phnum as usize)
        };
        // SAFETY: the loader holds its lock during the visit, so the object
        // stays mapped for 'a.
        unsafe { SymbolTable::new(self.base(), headers) }
    }
}

/// Shows every loaded object to `visit`, which must not load, unload or wait
/// for anything: the loader's lock is held.
///
/// # Errors
/// None on this system.
pub(crate) fn each_image(mut visit: impl FnMut(&Image<'_>)) -> Result<Epoch> {
    let mut epoch = Epoch {
        loaded: 0,
        unloaded: 0,
    };
    iterate(&mut |info| {
        epoch = counters(info);
        visit(&Image { info });
        true
    });
    Ok(epoch)
}

/// The loader's counters now, from the first object alone.
pub(crate) fn epoch() -> Epoch {
    let mut epoch = Epoch {
        loaded: 0,
        unloaded: 0,
    };
    iterate(&mut |info| {
        epoch = counters(info);
        false
    });
    epoch
}

fn counters(info: &dl_phdr_info) -> Epoch {
    Epoch {
        loaded: info.dlpi_adds,
        unloaded: info.dlpi_subs,
    }
}

/// Calls `visit` for each object until it says `false`.
fn iterate<F: FnMut(&dl_phdr_info) -> bool>(visit: &mut F) {
    unsafe extern "C" fn call<F: FnMut(&dl_phdr_info) -> bool>(
        info: *mut dl_phdr_info,
        _size: size_t,
        data: *mut c_void,
    ) -> c_int {
        // SAFETY: `data` is the `&mut F` passed below, used by no one else
        // during the walk; `info` is valid for this call (dl_iterate_phdr(3)).
        // glibc and musl fill dlpi_adds and dlpi_subs since 2.4 and 1.0.
        let (visit, info) = unsafe { (&mut *data.cast::<F>(), &*info) };
        c_int::from(!visit(info))
    }
    forks::walk(|| {
        // SAFETY: `call::<F>` matches the callback's signature, and `visit`
        // outlives the call.
        unsafe { libc::dl_iterate_phdr(Some(call::<F>), (&raw mut *visit).cast()) };
    });
}

/// A name of the loader's as a path.
pub(crate) fn path_of(name: &CStr) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(name.to_bytes()))
}
