//! The files that a program needs to see another machine, in a folder of their own.

use crate::error::Error;
use crate::interrupt::{self, Deaf};
use crate::machine::Machine;
use crate::preloaded::SHIM;
use crate::shim;
use crate::shim::ledger::Ledger;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Names the folder in which poolkeeper looks for `/sys` and `/proc`.
const ROOT: &str = "POOLKEEPER_SIMULATE_ROOT";

const ASAN_OPTIONS: &str = "ASAN_OPTIONS";

/// How long a helper may take: one of the libraries may never come back.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(10);

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
    /// After the folder: what ends this process must not leave it behind.
    _deaf: Deaf,
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
        let _deaf = Deaf::new();
        let _private = OwnerOnly::new();
        let folder = tempfile::Builder::new()
            .prefix("poolkeeper-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()?;
        let name = folder.path().as_os_str().as_bytes();
        if name.iter().any(|byte| *byte == b' ' || *byte == b':') {
            let folder = std::env::temp_dir();
            return Err(Error::Folder { folder });
        }
        let stage = Stage {
            machine,
            folder,
            _deaf,
        };
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
            (
                name(shim::names::CPUS),
                self.machine.cpus().to_string().into(),
            ),
            (name(shim::names::LEDGER), self.ledger().into()),
            (ROOT.to_owned(), self.path("root").into()),
            (
                "LD_PRELOAD".to_owned(),
                before(self.path("shim.so"), "LD_PRELOAD", ":"),
            ),
            ("PATH".to_owned(), self.search_path(lookup("PATH"))),
            // The address sanitizer wants to be the first library of a program.
            (
                ASAN_OPTIONS.to_owned(),
                with_option(lookup(ASAN_OPTIONS), "verify_asan_link_order", "0"),
            ),
        ];
        let unset = STAND_INS.iter().filter(|(name, _)| lookup(name).is_none());
        variables.extend(unset.map(|(name, value)| ((*name).to_owned(), OsString::from(value))));
        variables
    }

    /// The stand-ins' folder before the user's own; where there is no variable,
    /// before what execvp(3) looks through then.
    fn search_path(&self, own: Option<OsString>) -> OsString {
        let mut value = self.path("bin").into_os_string();
        value.push(":");
        value.push(own.unwrap_or_else(|| "/bin:/usr/bin".into()));
        value
    }

    /// Runs a helper that is shown the same machine, with this on its standard
    /// input and without these variables, and returns what it writes to the file
    /// that `--report` names.
    ///
    /// # Errors
    /// It can't be started, does not end well or in time, or writes nothing.
    pub fn ask(&self, helper: &[OsString], input: &[u8], unset: &[&str]) -> io::Result<Vec<u8>> {
        let report = self.path("report");
        let (program, arguments) = helper
            .split_first()
            .ok_or_else(|| io::Error::other("there is no helper"))?;
        let mut command = Command::new(program);
        for name in unset {
            command.env_remove(name);
        }
        let mut child = command
            .args(arguments)
            .arg("--report")
            .arg(&report)
            .envs(self.variables())
            .stdin(Stdio::piped())
            // A library may print as it is loaded: the report has its own way.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        // It reads all of it before it does anything else, or has ended.
        let written = child.stdin.take().map(|mut pipe| pipe.write_all(input));
        let status = wait_for(&mut child)?;
        written.transpose()?;
        if !status.success() {
            return Err(io::Error::other("the helper failed"));
        }
        let report = fs::read(report)?;
        let is_empty = report
            .is_empty()
            .then(|| io::ErrorKind::UnexpectedEof.into());
        is_empty.map_or(Ok(report), Err)
    }
}

/// Waits for a helper; ends it when it takes too long, or when this process is to
/// end.
fn wait_for(child: &mut Child) -> io::Result<ExitStatus> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupt::pass_signals_on(child.id()) || began.elapsed() > PATIENCE {
            child.kill()?;
            return child.wait();
        }
        std::thread::sleep(PAUSE);
    }
}

/// An option beside the user's own ones, which may say it as well.
fn with_option(own: Option<OsString>, name: &str, value: &str) -> OsString {
    let own = own.unwrap_or_default();
    let ours = format!("{name}={value}");
    if own.is_empty() {
        return ours.into();
    }
    if own.to_string_lossy().contains(name) {
        return own;
    }
    let mut all = own;
    all.push(":");
    all.push(ours);
    all
}

/// While this lives, what is made here is for its owner alone, whatever the user's
/// umask says: the files are run, by the program and the helper.
struct OwnerOnly(libc::mode_t);

impl OwnerOnly {
    fn new() -> Self {
        // SAFETY: umask(2) always succeeds.
        OwnerOnly(unsafe { libc::umask(0o077) })
    }
}

impl Drop for OwnerOnly {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { libc::umask(self.0) };
    }
}
