//! What the budget is read from: files under a root, variables, a mask.

use crate::{Error, Result, platform};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

/// The variable by which `poolkeeper simulate` names the folder with the files of
/// the machine that it pretends: no group of that machine has a quota.
const PRETENDED_ROOT: &str = "POOLKEEPER_SIMULATE_ROOT";

/// What can be seen of a process: the file system (under a root, for tests),
/// its environment and its affinity mask.
#[derive(Debug, Clone)]
pub struct Observed {
    root: PathBuf,
    /// Name under `/proc`.
    process: String,
    environment: HashMap<String, String>,
    affinity: Vec<u32>,
}

impl Observed {
    /// The calling thread's process, as it is now.
    ///
    /// # Errors
    /// [`Error::UnsupportedPlatform`].
    pub fn this_process() -> Result<Self> {
        let variables = std::env::vars_os();
        let pretended = std::env::var_os(PRETENDED_ROOT).filter(|root| !root.is_empty());
        Ok(Observed {
            root: pretended.map_or_else(|| PathBuf::from("/"), PathBuf::from),
            process: of_this_thread(),
            environment: variables
                .map(|(name, value)| (lossy(name), lossy(value)))
                .collect(),
            affinity: platform::affinity(None)?,
        })
    }

    /// Another process, with the environment that it was started with.
    ///
    /// # Errors
    /// [`Error::NoProcess`], [`Error::UnsupportedPlatform`].
    pub fn process(pid: u32) -> Result<Self> {
        let affinity = platform::affinity(Some(pid))?;
        let path = format!("/proc/{pid}/environ");
        let environment = std::fs::read(&path).map_err(|error| Error::NoProcess {
            pid,
            why: format!("{path}: {error}"),
        })?;
        let variables = environment.split(|byte| *byte == 0);
        Ok(Observed {
            root: PathBuf::from("/"),
            process: pid.to_string(),
            environment: variables
                .filter_map(|variable| {
                    let text = String::from_utf8_lossy(variable);
                    let (name, value) = text.split_once('=')?;
                    Some((name.to_owned(), value.to_owned()))
                })
                .collect(),
            affinity,
        })
    }

    /// A process that exists only in files under `root`, which are laid out as
    /// `/proc` and `/sys` are, with these variables and this affinity mask.
    pub fn under(root: impl Into<PathBuf>, variables: &[(&str, &str)], affinity: &[u32]) -> Self {
        Observed {
            root: root.into(),
            process: "self".to_owned(),
            environment: variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            affinity: affinity.to_owned(),
        }
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    /// The CPUs of the affinity mask, in order.
    pub(super) fn affinity(&self) -> &[u32] {
        &self.affinity
    }

    /// Reads a file by the path that it has on the observed system; bytes that
    /// are not UTF-8 become U+FFFD, which no parser takes for anything.
    pub(super) fn read(&self, path: impl AsRef<Path>) -> io::Result<String> {
        let bytes = std::fs::read(self.at(path.as_ref()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Reads a file of the process's folder under `/proc`.
    pub(super) fn read_of_process(&self, name: &str) -> io::Result<String> {
        self.read(self.place_of_process(name))
    }

    /// That file's path.
    pub(super) fn place_of_process(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.process)
    }

    /// The mounts as this process sees them: the kernel writes another
    /// process's cgroup path relative to the reader.
    pub(super) fn read_mounts(&self) -> io::Result<String> {
        self.read("/proc/self/mountinfo")
    }

    /// Whether there is such a folder.
    pub(super) fn has_folder(&self, path: &Path) -> bool {
        self.at(path).is_dir()
    }

    fn at(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// The calling thread's name under `/proc`: a thread may be in a cgroup of its
/// own, and what it starts is in the same. Kernels before 3.17 don't tell.
fn of_this_thread() -> String {
    let name = "thread-self";
    let is_told = Path::new("/proc").join(name).exists();
    (if is_told { name } else { "self" }).to_owned()
}

fn lossy(text: std::ffi::OsString) -> String {
    text.to_string_lossy().into_owned()
}
