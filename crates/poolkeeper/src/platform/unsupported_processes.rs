//! Other processes on systems that are not supported yet: none is seen.

use super::loaded::SymbolName;
use super::unsupported::SymbolTable;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn unsupported<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Never made here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) ran: Duration,
    pub(crate) waited: Option<Duration>,
}

/// Never made here.
pub(crate) struct Counters(std::convert::Infallible);

impl Counters {
    /// # Errors
    /// Always.
    pub(crate) fn open(_pid: u32, _thread: u32) -> io::Result<Counters> {
        unsupported()
    }
    /// # Errors
    /// There are none to read.
    pub(crate) fn read(&self) -> io::Result<Account> {
        match self.0 {}
    }
}

pub(crate) fn allow_files() {}

/// Never made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Birth {
    pub(crate) parent: u32,
    pub(crate) began: u64,
    pub(crate) spent: Duration,
    pub(crate) is_over: bool,
}

pub(crate) fn birth(_pid: u32) -> Option<Birth> {
    None
}

/// # Errors
/// Always.
pub(crate) fn process_links() -> io::Result<u64> {
    unsupported()
}

/// # Errors
/// Always.
pub(crate) fn process_ids() -> io::Result<Vec<u32>> {
    unsupported()
}

/// # Errors
/// Always.
pub(crate) fn thread_links(_pid: u32) -> io::Result<u64> {
    unsupported()
}

/// # Errors
/// Always.
pub(crate) fn thread_ids(_pid: u32) -> io::Result<Vec<u32>> {
    unsupported()
}

pub(crate) fn thread_name(_pid: u32, _thread: u32) -> Option<String> {
    None
}

pub(crate) fn command_line(_pid: u32) -> Vec<String> {
    Vec::new()
}

pub(crate) fn inner_id(_pid: u32, _thread: u32) -> Option<u32> {
    None
}

/// # Errors
/// Always.
pub(crate) fn busy(_cpus: &[u32]) -> io::Result<Duration> {
    unsupported()
}

/// Never has a file here.
#[derive(Default)]
pub(crate) struct MappedFiles;

impl MappedFiles {
    pub(crate) fn of(_pid: u32) -> Self {
        MappedFiles
    }
    pub(crate) fn at(&self, _address: usize) -> Option<PathBuf> {
        None
    }
}

/// Never made here.
pub(crate) struct Distant(std::convert::Infallible);

impl Distant {
    /// # Errors
    /// Always.
    pub(crate) fn of(_pid: u32, _own_id: u32) -> io::Result<Distant> {
        unsupported()
    }
    pub(crate) fn places(&self) -> impl Iterator<Item = LoadPlace<'_>> {
        let _ = self;
        std::iter::empty()
    }
}

/// Never made here.
pub(crate) struct LoadPlace<'a> {
    pub(crate) start: usize,
    pub(crate) file: &'a Path,
    never: std::convert::Infallible,
}

impl<'a> LoadPlace<'a> {
    pub(crate) fn object(&self) -> Option<DistantObject<'a>> {
        match self.never {}
    }
}

/// Never made here.
pub(crate) struct DistantObject<'a> {
    pub(crate) file: PathBuf,
    never: std::convert::Infallible,
    distant: std::marker::PhantomData<&'a Distant>,
}

impl DistantObject<'_> {
    pub(crate) fn symbols(&self) -> Option<SymbolTable<'_>> {
        let _ = &self.distant;
        match self.never {}
    }
    pub(crate) fn int(&self, _name: &SymbolName) -> Option<i32> {
        match self.never {}
    }
    pub(crate) fn answer(&self, _name: &SymbolName) -> Option<i32> {
        match self.never {}
    }
    pub(crate) fn stored(&self, _name: &SymbolName) -> Option<i32> {
        match self.never {}
    }
    pub(crate) fn text_beside(&self, _name: &SymbolName, _start: &str) -> Option<String> {
        match self.never {}
    }
}

pub(crate) fn is_runnable(_pid: u32, _thread: u32) -> bool {
    false
}

pub(crate) fn user_of(_pid: u32) -> Option<u32> {
    None
}

pub(crate) fn group_of(_pid: u32) -> Option<u32> {
    None
}

pub(crate) fn is_of_kernel(_pid: u32) -> bool {
    false
}
