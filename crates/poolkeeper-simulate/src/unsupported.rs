//! Systems on which nothing can be pretended yet: each says so.

use crate::error::Error;
use crate::machine::Machine;
use crate::observation::{End, Observation};
use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Never made here.
pub struct Stage(Infallible);

impl Stage {
    /// # Errors
    /// Always [`Error::Unsupported`].
    pub fn new(_machine: Machine) -> Result<Self, Error> {
        Err(Error::Unsupported)
    }

    /// # Errors
    /// There is no stage to run anything on.
    pub fn run(
        &self,
        _command: &[OsString],
        _is_pool: &dyn Fn(&Path) -> bool,
    ) -> Result<Observation, Error> {
        match self.0 {}
    }

    /// # Errors
    /// There is no stage to run anything on.
    pub fn ask(&self, _helper: &[OsString], _input: &[u8], _unset: &[&str]) -> io::Result<Vec<u8>> {
        match self.0 {}
    }
}

/// Knows of no file here.
pub struct Loaded;

impl Loaded {
    /// Reads nothing.
    pub fn read(_files: &[PathBuf]) -> Self {
        Loaded
    }

    /// Loads nothing.
    pub fn load_needed(&self, _library: &Path) {}
}

/// What the system says of a signal: nothing, here.
pub fn signal_meaning(_signal: i32) -> String {
    String::new()
}

/// Changes nothing here.
pub struct Deaf;

impl Deaf {
    /// Changes nothing.
    #[allow(clippy::new_without_default)] // As on Linux, where it changes the process.
    pub fn new() -> Self {
        Deaf
    }

    /// Changes nothing.
    pub fn listening() -> Self {
        Deaf
    }
}

/// Tells of no signal here.
pub fn was_told() -> bool {
    false
}

/// Passes nothing on here.
pub fn pass_signals_on(_pid: u32) -> bool {
    false
}

/// How a program ended; signals are not told of here.
pub fn end_of(status: std::process::ExitStatus) -> End {
    End::Exited {
        code: status.code().unwrap_or(1),
    }
}
