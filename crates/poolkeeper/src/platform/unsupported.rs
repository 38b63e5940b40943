//! Systems that are not supported yet: no library is seen there, and every other
//! question gets an error or nothing, never a wrong number.

use super::loaded::{Epoch, Symbol, SymbolName};
use crate::{Error, Result};
use std::ffi::CStr;
use std::marker::PhantomData;
use std::time::Duration;

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
    pub(crate) fn find(&self, _name: &SymbolName) -> Option<Symbol> {
        None
    }
    pub(crate) fn has_function(&self, _name: &SymbolName) -> bool {
        false
    }
}

/// What [`affinity`] asks.
pub(crate) const AFFINITY: &str = "available_parallelism";

/// As many CPUs as the standard library says that this process may use; it doesn't
/// say which.
///
/// # Errors
/// [`Error::UnsupportedPlatform`] for another process, or where the standard library
/// doesn't know.
pub(crate) fn affinity(pid: Option<u32>) -> Result<Vec<u32>> {
    let counted = std::thread::available_parallelism().ok();
    let counted = counted.filter(|_| pid.is_none()).ok_or_else(unsupported)?;
    Ok((0..u32::try_from(counted.get()).unwrap_or(u32::MAX)).collect())
}

/// # Errors
/// Always [`Error::UnsupportedPlatform`].
pub(crate) fn set_affinity(_cpus: &[u32]) -> Result<()> {
    Err(unsupported())
}

/// Visits nothing; [`unsupported`](super::unsupported) says why.
///
/// # Errors
/// None.
pub(crate) fn each_image(_visit: impl FnMut(&Image<'_>)) -> Result<Epoch> {
    Ok(epoch())
}

/// # Errors
/// Those of reading the file: no name from elsewhere is read here.
pub(crate) fn read_regular(path: &std::path::Path, _most: u64) -> std::io::Result<Vec<u8>> {
    std::fs::read(path)
}

pub(crate) fn has_shared_memory(_name: &str) -> bool {
    false
}

fn unsupported() -> Error {
    super::unsupported().expect("this file is compiled for such systems alone")
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

/// Nothing waits for the end of a thread here.
pub(crate) fn load_for_ends_of_threads() {}

pub(crate) fn on_fork(
    _prepare: unsafe extern "C" fn(),
    _parent: unsafe extern "C" fn(),
    _child: unsafe extern "C" fn(),
) {
}

/// Runs a command to its end, and ends with its code: returns only if it can't be
/// started. (This process stays: not every system can become another program.)
pub(crate) fn exec(command: &mut std::process::Command, _is_python: bool) -> std::io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}

/// Never made here.
pub(crate) struct Task {
    pub(crate) id: u32,
    pub(crate) began: u64,
    pub(crate) cpu: Duration,
    pub(crate) is_runnable: bool,
}

/// Never made here.
pub(crate) struct Spent {
    pub(crate) cpu: Duration,
    pub(crate) voluntary_switches: u64,
    pub(crate) involuntary_switches: u64,
}

/// # Errors
/// Always.
pub(crate) fn tasks() -> std::io::Result<Vec<Task>> {
    Err(std::io::Error::other(unsupported()))
}

pub(crate) fn own_task() -> u32 {
    0
}

pub(crate) fn spent_by_process() -> Spent {
    Spent {
        cpu: Duration::ZERO,
        voluntary_switches: 0,
        involuntary_switches: 0,
    }
}

pub(crate) fn spent_by_thread() -> Spent {
    spent_by_process()
}

/// Never made here.
#[derive(Clone, Copy)]
pub(crate) struct Beginning(std::convert::Infallible);

impl Beginning {
    pub(crate) fn maker(
        self,
        _file_of: impl FnMut(usize) -> Option<std::path::PathBuf>,
    ) -> Option<std::path::PathBuf> {
        match self.0 {}
    }
}

/// Never made here.
pub(crate) struct StartRoutines(std::convert::Infallible);

impl StartRoutines {
    pub(crate) fn find() -> Option<Self> {
        None
    }
    /// # Errors
    /// Always.
    pub(crate) fn find_in(_pid: u32) -> std::io::Result<Option<Self>> {
        Err(std::io::ErrorKind::Unsupported.into())
    }
    pub(crate) fn read(&self, _expected: usize) -> std::collections::HashMap<u32, Beginning> {
        match self.0 {}
    }
}

pub(crate) fn thread_owners() -> std::io::Result<Vec<std::path::PathBuf>> {
    Ok(Vec::new())
}

pub(crate) fn file_of(path: &[u8]) -> std::path::PathBuf {
    String::from_utf8_lossy(path).into_owned().into()
}

/// # Errors
/// Always.
pub(crate) fn spawn(
    _command: &mut std::process::Command,
    _is_python: bool,
) -> std::io::Result<std::process::Child> {
    // What is started so is watched, which can't be done here.
    Err(std::io::Error::other(unsupported()))
}

/// # Errors
/// Always.
pub(crate) fn until_ended(_pid: u32) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
