//! The files that a program needs to see another machine, in a folder of their own.

use crate::error::Error;
use crate::machine::Machine;
use crate::shim::ledger::Ledger;
use crate::{SHIM, shim};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// Names the folder in which poolkeeper looks for `/sys` and `/proc`.
const ROOT: &str = "POOLKEEPER_SIMULATE_ROOT";

/// Variables that are set unless the user did.
const STAND_INS: [(&str, &str); 4] = [
    // Intel's OpenMP reads /proc/cpuinfo, unless it is not to bind threads.
    ("KMP_AFFINITY", "disabled"),
    // Idle threads that wait busily, as they may on as many CPUs, would keep this
    // machine's few from the others: minutes instead of seconds. They change no count.
    ("KMP_BLOCKTIME", "0"),
    ("OMP_WAIT_POLICY", "passive"),
    ("OPENBLAS_THREAD_TIMEOUT", "4"),
];

/// The files with which programs are shown a machine, in a folder that goes
/// with this value.
pub struct Stage {
    machine: Machine,
    folder: TempDir,
}

impl Stage {
    /// Writes the files.
    ///
    /// # Errors
    /// [`Error::Unsupported`], [`Error::Folder`], [`Error::Io`].
    pub fn new(machine: Machine) -> Result<Self, Error> {
        if SHIM.is_empty() {
            return Err(Error::Unsupported);
        }
        let folder = tempfile::Builder::new().prefix("poolkeeper-").tempdir()?;
        let name = folder.path().as_os_str().as_bytes();
        if name.iter().any(|byte| *byte == b' ' || *byte == b':') {
            let folder = std::env::temp_dir();
            return Err(Error::Folder { folder });
        }
        let stage = Stage { machine, folder };
        fs::write(stage.path("shim.so"), SHIM)?;
        fs::File::create(stage.ledger())?.set_len(size_of::<Ledger>() as u64)?;
        machine.write_files(&stage.path("root"))?;
        fs::create_dir(stage.path("bin"))?;
        let lscpu = stage.path("bin/lscpu");
        fs::write(&lscpu, machine.lscpu())?;
        fs::set_permissions(&lscpu, fs::Permissions::from_mode(0o755))?;
        Ok(stage)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn machine(&self) -> Machine {
        self.machine
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.path("ledger")
    }

    /// The variables to set for the program, beside this process's own.
    pub(crate) fn variables(&self) -> Vec<(String, OsString)> {
        let lookup = |name: &str| std::env::var_os(name);
        let before = |first: PathBuf, name: &str, between: &str| {
            let mut value = first.into_os_string();
            if let Some(rest) = lookup(name).filter(|rest| !rest.is_empty()) {
                value.push(between);
                value.push(rest);
            }
            value
        };
        let name = |name: &std::ffi::CStr| name.to_string_lossy().into_owned();
        let mut variables = vec![
            (name(shim::CPUS), self.machine.cpus().to_string().into()),
            (name(shim::LEDGER), self.ledger().into()),
            (ROOT.to_owned(), self.path("root").into()),
            (
                "LD_PRELOAD".to_owned(),
                before(self.path("shim.so"), "LD_PRELOAD", ":"),
            ),
            ("PATH".to_owned(), before(self.path("bin"), "PATH", ":")),
        ];
        let unset = STAND_INS.iter().filter(|(name, _)| lookup(name).is_none());
        variables.extend(unset.map(|(name, value)| ((*name).to_owned(), OsString::from(value))));
        variables
    }

    /// Runs a helper that is shown the same machine and finds libraries in these
    /// folders too, with this on its standard input, and returns what it says.
    ///
    /// # Errors
    /// It can't be started, or not be written to.
    pub fn ask(
        &self,
        helper: &[OsString],
        folders: &[PathBuf],
        input: &[u8],
    ) -> io::Result<Output> {
        let theirs = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
        let theirs = std::env::split_paths(&theirs);
        let path = std::env::join_paths(theirs.chain(folders.iter().cloned()));
        let (program, arguments) = helper
            .split_first()
            .ok_or_else(|| io::Error::other("there is no helper"))?;
        let mut child = Command::new(program)
            .args(arguments)
            .envs(self.variables())
            .envs(path.ok().map(|path| ("LD_LIBRARY_PATH", path)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut pipe) = child.stdin.take() {
            pipe.write_all(input)?;
        }
        child.wait_with_output()
    }
}
