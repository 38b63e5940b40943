//! Systems that are not supported yet: every question gets an error or
//! nothing, never a wrong number.

use super::{Epoch, SymbolName};
use crate::{Error, Result};
use std::ffi::CStr;
use std::marker::PhantomData;

/// No object is ever visited here.
pub(crate) struct Image<'a>(PhantomData<&'a ()>);

impl<'a> Image<'a> {
    pub(crate) fn name(&self) -> &'a CStr {
        c""
    }
    pub(crate) fn base(&self) -> usize {
        0
    }
    pub(crate) fn symbols(&self) -> Option<SymbolTable<'a>> {
        None
    }
}

/// Never made here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SymbolTable<'image>(PhantomData<&'image ()>);

impl SymbolTable<'_> {
    pub(crate) fn find(&self, _name: &SymbolName) -> Option<super::Symbol> {
        None
    }
    pub(crate) fn has_function(&self, _name: &SymbolName) -> bool {
        false
    }
}

/// # Errors
/// Always [`Error::UnsupportedPlatform`].
pub(crate) fn affinity(_pid: Option<u32>) -> Result<Vec<u32>> {
    Err(unsupported())
}

/// # Errors
/// Always [`Error::UnsupportedPlatform`].
pub(crate) fn set_affinity(_cpus: &[u32]) -> Result<()> {
    Err(unsupported())
}

/// # Errors
/// Always [`Error::UnsupportedPlatform`].
pub(crate) fn each_image(_visit: impl FnMut(&Image<'_>)) -> Result<Epoch> {
    Err(unsupported())
}

fn unsupported() -> Error {
    Error::UnsupportedPlatform {
        system: std::env::consts::OS,
    }
}

pub(crate) fn epoch() -> Epoch {
    Epoch {
        loaded: 0,
        unloaded: 0,
    }
}

/// Never made here.
pub(crate) struct Library(std::convert::Infallible);

impl Library {
    pub(crate) fn pin(_name: &CStr, _base: usize) -> Option<Library> {
        None
    }
    pub(crate) fn resolve(&self, _name: &str) -> Option<usize> {
        match self.0 {}
    }
    pub(crate) fn find(&self, _name: &str) -> Option<usize> {
        match self.0 {}
    }
}

pub(crate) fn path_of(_name: &CStr) -> std::path::PathBuf {
    std::path::PathBuf::new()
}

pub(crate) fn mapped_file(_address: usize) -> Option<std::path::PathBuf> {
    None
}

pub(crate) fn on_fork(
    _prepare: unsafe extern "C" fn(),
    _parent: unsafe extern "C" fn(),
    _child: unsafe extern "C" fn(),
) {
}

pub(crate) fn exec(_command: &mut std::process::Command) -> std::io::Error {
    std::io::ErrorKind::Unsupported.into()
}

pub(crate) fn thread_owners() -> Vec<std::path::PathBuf> {
    Vec::new()
}
