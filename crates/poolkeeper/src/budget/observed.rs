//! What the budget is read from: files under a root, variables, a mask.

use super::cpu_list::parse_list;
use crate::{Error, Result, platform};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

/// The variable by which `poolkeeper simulate` names the folder with the files of
/// the machine that it pretends: no group of that machine has a quota.
const PRETENDED_ROOT: &str = "POOLKEEPER_SIMULATE_ROOT";

/// The most bytes of a file that the kernel writes: far above any table of mounts.
const MOST: u64 = 16 << 20;
/// The most bytes of a file that a variable names: a list of a job's hosts.
const MOST_NAMED: u64 = 1 << 20;

/// The CPUs that run.
pub(super) const ONLINE: &str = "/sys/devices/system/cpu/online";

/// What can be seen of a process: the file system (under a root, for tests),
/// its environment and its affinity mask.
#[derive(Debug, Clone)]
pub struct Observed {
    root: PathBuf,
    /// Name under `/proc`.
    process: String,
    environment: HashMap<String, String>,
    /// Why the environment can't be seen: another user's process.
    hidden: Option<String>,
    affinity: Vec<u32>,
    whose: Whose,
    /// The CPUs that the calling worker may use.
    share: Option<u32>,
}

/// Which process it is; this decides what can be asked about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// The calling process, whose libraries can be asked, too.
    Own,
    /// Another process, which may see other files.
    Others,
    /// A process that exists only in files.
    Pretended,
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
            hidden: None,
            affinity: platform::affinity(None)?,
            whose: Whose::Own,
            share: None,
        })
    }

    /// Another process, with the environment that it was started with. An environment
    /// that can't be seen (another user's) becomes a source that is unknown.
    ///
    /// # Errors
    /// [`Error::NoProcess`], [`Error::UnsupportedPlatform`].
    pub fn process(pid: u32) -> Result<Self> {
        let affinity = platform::affinity(Some(pid))?;
        let path = format!("/proc/{pid}/environ");
        let (environment, hidden) = match platform::read_regular(Path::new(&path), MOST) {
            Ok(bytes) => (bytes, None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                (Vec::new(), Some(error.kind().to_string()))
            }
            Err(error) => {
                return Err(Error::NoProcess {
                    pid,
                    why: format!("{path}: {error}"),
                });
            }
        };
        Ok(Observed {
            root: PathBuf::from("/"),
            process: pid.to_string(),
            environment: variables(&environment),
            hidden,
            affinity,
            whose: Whose::Others,
            share: None,
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
            hidden: None,
            affinity: affinity.to_owned(),
            whose: Whose::Pretended,
            share: None,
        }
    }

    /// This process, as one of several workers in it sees it, which may use this
    /// number of its CPUs.
    ///
    /// # Examples
    ///
    /// ```
    /// use poolkeeper::budget::{Budget, Observed};
    /// let worker = Observed::this_process()?.by_worker(1);
    /// assert_eq!(Budget::read(&worker)?.cpus, 1);
    /// # Ok::<(), poolkeeper::Error>(())
    /// ```
    pub fn by_worker(self, cpus: u32) -> Self {
        Observed {
            share: Some(cpus),
            ..self
        }
    }

    pub(super) fn share(&self) -> Option<u32> {
        self.share
    }

    /// Why the process's variables can't be seen, if they can't.
    pub(super) fn hidden_environment(&self) -> Option<&str> {
        self.hidden.as_deref()
    }

    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    /// The CPUs of the affinity mask, in order.
    pub(super) fn affinity(&self) -> &[u32] {
        &self.affinity
    }

    /// Whether this is the calling process, whose libraries can be asked.
    pub(super) fn is_own(&self) -> bool {
        self.whose == Whose::Own
    }

    /// Reads a file by the path that it has on the observed system; bytes that
    /// are not UTF-8 become U+FFFD, which no parser takes for anything.
    pub(super) fn read(&self, path: impl AsRef<Path>) -> io::Result<String> {
        text(&self.at(path.as_ref()), MOST)
    }

    /// Reads a file that a variable of the process names: among the files that
    /// the process itself sees, and from the folder that it is in.
    pub(super) fn read_named(&self, path: &str) -> io::Result<String> {
        let named = Path::new(path);
        let below = named.strip_prefix("/").unwrap_or(named);
        let at = match self.whose {
            Whose::Own if named.is_relative() => named.to_owned(),
            Whose::Own | Whose::Pretended => self.at(named),
            Whose::Others => {
                let from = if named.is_relative() { "cwd" } else { "root" };
                Path::new(&self.place_of_process(from)).join(below)
            }
        };
        text(&at, MOST_NAMED)
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

    /// This machine's name; `None` where the kernel doesn't tell.
    pub(super) fn hostname(&self) -> Option<String> {
        let name = self.read("/proc/sys/kernel/hostname").ok()?;
        Some(name.trim().to_owned()).filter(|name| !name.is_empty())
    }

    /// Which start of which machine this is: random(4), `boot_id`.
    pub(super) fn boot(&self) -> Option<String> {
        let id = self.read("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned()).filter(|id| !id.is_empty())
    }

    /// The affinity mask of each thread of the process.
    pub(super) fn masks_of_threads(&self) -> Vec<Vec<u32>> {
        let folder = self.at(Path::new(&self.place_of_process("task")));
        let tasks = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let statuses = tasks.filter_map(|task| text(&task.path().join("status"), MOST).ok());
        statuses
            .filter_map(|status| self.mask_in(&status))
            .collect()
    }

    /// The affinity mask of whoever launched this process: of the nearest
    /// ancestor that was not itself started with `variable`. `None` where that
    /// can't be seen.
    ///
    /// An ancestor that belongs to another user (Slurm's daemon, say) doesn't
    /// show its environment, and is none of the launched.
    ///
    /// # Sources
    /// proc_pid_environ(5), proc_pid_status(5).
    pub(super) fn mask_of_launcher(&self, variable: &str) -> Option<Vec<u32>> {
        const MOST_STEPS: usize = 64;
        let mut status = self.read_of_process("status").ok()?;
        for _ in 0..MOST_STEPS {
            let parent: u32 = field(&status, "PPid:")?.parse().ok()?;
            let of_parent = |name: &str| self.at(Path::new(&format!("/proc/{parent}/{name}")));
            status = text(&of_parent("status"), MOST).ok()?;
            let is_launched = match platform::read_regular(&of_parent("environ"), MOST) {
                Ok(bytes) => variables(&bytes).contains_key(variable),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => false,
                Err(_) => return None,
            };
            if !is_launched {
                return self.mask_in(&status);
            }
        }
        None
    }

    /// The CPUs that run, if the kernel tells.
    pub(super) fn online(&self) -> Option<Vec<u32>> {
        parse_list(&self.read(ONLINE).ok()?)
    }

    /// The CPUs that a `status` file allows, without those that are switched off.
    fn mask_in(&self, status: &str) -> Option<Vec<u32>> {
        let allowed = parse_list(field(status, "Cpus_allowed_list:")?)?;
        Some(match self.online() {
            Some(online) => allowed
                .into_iter()
                .filter(|cpu| online.binary_search(cpu).is_ok())
                .collect(),
            None => allowed,
        })
    }

    fn at(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

fn text(path: &Path, most: u64) -> io::Result<String> {
    let bytes = platform::read_regular(path, most)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The variables in an `environ` file; of a name that stands twice, the first
/// counts, as for getenv(3).
fn variables(environ: &[u8]) -> HashMap<String, String> {
    let mut found = HashMap::new();
    for variable in environ.split(|byte| *byte == 0) {
        let text = String::from_utf8_lossy(variable);
        if let Some((name, value)) = text.split_once('=') {
            let name = name.to_owned();
            found.entry(name).or_insert_with(|| value.to_owned());
        }
    }
    found
}

/// The word after a name in a `status` file.
fn field<'text>(status: &'text str, name: &str) -> Option<&'text str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()
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
