//! Runs a program on the stage, and watches it from outside until it ends.

use crate::error::Error;
use crate::messages;
use crate::observation::{End, Observation, Process, Starter};
use crate::read;
use crate::shim::ledger::Ledger;
use crate::stage::Stage;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);
/// Looks until the list of libraries is read again, which costs more; at first,
/// as libraries come, it is read each time.
const LOOKS: u32 = 5;
const FIRST_LOOKS: u32 = 50;
/// How long standard error is read on after the program has ended: a process
/// that it left behind may keep it open.
const REST: Duration = Duration::from_secs(1);

impl Stage {
    /// Runs `command` as if on the machine, to its end, and says what was seen.
    /// Its standard error passes through this process, unchanged. `is_pool` tells
    /// by its path whether a library may be a pool.
    ///
    /// # Errors
    /// [`Error::CannotRun`], or what the system says of the files.
    pub fn run(
        &self,
        command: &[OsString],
        is_pool: &dyn Fn(&Path) -> bool,
    ) -> Result<Observation, Error> {
        let _deaf = crate::interrupt::Deaf::new();
        let mut child = self.start(command)?;
        let messages = passed_on(child.stderr.take());
        let mut seen = Seen::new(child.id());
        let mut looks = 0;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            let at_libraries = looks < FIRST_LOOKS || looks % LOOKS == 0;
            seen.look(self, at_libraries, is_pool);
            looks += 1;
            std::thread::sleep(PAUSE);
        };
        seen.add(read::kept_files(&self.ledger()), is_pool);
        seen.add_memory(read::kept_memory(&self.ledger()));
        let ledger = read::ledger(&self.ledger())?;
        let words = command.iter().map(|word| word.to_string_lossy());
        Ok(Observation {
            machine: self.machine(),
            command: words.map(|word| word.into_owned()).collect(),
            end: end(status),
            is_shown: read::programs(&ledger) > 0,
            remarks: Vec::new(),
            messages: messages.recv_timeout(REST).unwrap_or_default(),
            libraries: seen.libraries(&ledger, is_pool),
            folders: seen.folders.iter().cloned().collect(),
            processes: seen.processes(&ledger),
        })
    }

    fn start(&self, command: &[OsString]) -> Result<Child, Error> {
        let cannot = |program: &OsString, why| Error::CannotRun {
            program: program.clone(),
            why,
        };
        let Some((program, arguments)) = command.split_first() else {
            let why = std::io::Error::other("no command was given");
            return Err(cannot(&OsString::new(), why));
        };
        Command::new(program)
            .args(arguments)
            .envs(self.variables())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|why| cannot(program, why))
    }
}

/// Passes a program's standard error on; the messages come when it is closed.
fn passed_on(pipe: Option<ChildStderr>) -> mpsc::Receiver<Vec<String>> {
    let (sender, messages) = mpsc::channel();
    if let Some(pipe) = pipe {
        std::thread::spawn(move || {
            // Nobody waits any more if the program left a process behind.
            let _ = sender.send(messages::pass_on(pipe, std::io::stderr()));
        });
    }
    messages
}

fn end(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited { code },
        (None, signal) => {
            let signal = signal.unwrap_or_default();
            End::Killed {
                signal,
                name: crate::interrupt::signal_name(signal),
            }
        }
    }
}

/// What was seen so far.
struct Seen {
    memory: BTreeMap<u32, read::Memory>,
    libraries: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
}

impl Seen {
    fn new(pid: u32) -> Self {
        Seen {
            memory: BTreeMap::from([(pid, read::Memory::default())]),
            libraries: BTreeSet::new(),
            folders: BTreeSet::new(),
        }
    }

    fn look(&mut self, stage: &Stage, at_libraries: bool, is_pool: &dyn Fn(&Path) -> bool) {
        if at_libraries && let Ok(ledger) = read::ledger(&stage.ledger()) {
            for pid in read::pids(&ledger) {
                self.memory.entry(pid).or_default();
            }
        }
        let mut loaded = Vec::new();
        for (pid, memory) in &mut self.memory {
            memory.raise(*pid);
            if at_libraries {
                loaded.extend(read::loaded_files(*pid));
            }
        }
        self.add(loaded, is_pool);
    }

    fn add_memory(&mut self, ended: Vec<(u32, read::Memory)>) {
        for (pid, last) in ended {
            // Processes without threads of their own are not told of.
            if let Some(memory) = self.memory.get_mut(&pid) {
                memory.resident = memory.resident.max(last.resident);
                memory.reserved = memory.reserved.max(last.reserved);
            }
        }
    }

    fn add(&mut self, loaded: Vec<PathBuf>, is_pool: &dyn Fn(&Path) -> bool) {
        let folders = loaded.iter().filter_map(|path| path.parent());
        self.folders.extend(folders.map(Path::to_owned));
        let pools = loaded.into_iter().filter(|path| is_pool(path));
        self.libraries.extend(pools);
    }

    /// Those that were seen loaded, and those that started threads.
    fn libraries(&self, ledger: &Ledger, is_pool: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
        let processes = self.processes(ledger);
        let starters = processes.iter().flat_map(|process| &process.starters);
        let starters = starters.map(|starter| starter.path.clone());
        let mut all = self.libraries.clone();
        all.extend(starters.filter(|path| is_pool(path)));
        all.into_iter().collect()
    }

    fn processes(&self, ledger: &Ledger) -> Vec<Process> {
        let mut processes = read::processes(ledger);
        for process in &mut processes {
            let memory = self.memory.get(&process.pid).copied().unwrap_or_default();
            process.peak_resident = memory.resident;
            process.peak_reserved = memory.reserved;
        }
        // The program's own process has its memory told even if it started no thread.
        for (pid, memory) in &self.memory {
            if processes.iter().all(|process| process.pid != *pid) {
                processes.push(Process {
                    pid: *pid,
                    peak_threads: 0,
                    refused_threads: 0,
                    starters: Vec::<Starter>::new(),
                    peak_resident: memory.resident,
                    peak_reserved: memory.reserved,
                });
            }
        }
        processes.sort_by_key(|process| process.pid);
        processes
    }
}
