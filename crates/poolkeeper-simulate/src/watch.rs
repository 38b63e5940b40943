//! Runs a program on the stage, and watches it from outside until it ends.

use crate::error::Error;
use crate::messages;
use crate::observation::{End, Observation, Process, Starter};
use crate::read;
use crate::shim::ledger::{Ledger, PROCESSES, STARTERS};
use crate::stage::Stage;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
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
        let mut child = self.start(command)?;
        let messages = passed_on(child.stderr.take());
        let mut seen = Seen::new(child.id());
        let mut looks = 0;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            crate::interrupt::pass_signals_on(child.id());
            let at_libraries = looks < FIRST_LOOKS || looks % LOOKS == 0;
            seen.look(self, at_libraries, is_pool);
            looks += 1;
            std::thread::sleep(PAUSE);
        };
        seen.add(read::kept_files(&self.ledger()), is_pool);
        seen.add_memory(read::kept_memory(&self.ledger()));
        // Nothing that happens to the ledger is to take the program's exit code along.
        let (ledger, damage) = match read::ledger(&self.ledger()) {
            Ok(ledger) => (ledger, None),
            Err(error) => (read::empty(), Some(error)),
        };
        let remarks = remarks(&ledger, damage.as_ref());
        let words = command.iter().map(|word| word.to_string_lossy());
        Ok(Observation {
            machine: self.machine(),
            command: words.map(|word| word.into_owned()).collect(),
            end: end_of(status),
            is_shown: read::programs(&ledger) > 0 || damage.is_some(),
            is_complete: remarks.is_empty(),
            remarks,
            messages: messages.recv_timeout(REST).unwrap_or_default(),
            libraries: seen.libraries(&ledger, is_pool),
            loaded: seen.loaded.iter().cloned().collect(),
            processes: seen.processes(&ledger),
        })
    }

    fn start(&self, command: &[OsString]) -> Result<Child, Error> {
        let cannot = |program: &OsString, why| Error::CannotRun {
            program: program.clone(),
            why,
        };
        let Some((program, arguments)) = command.split_first() else {
            let why = io::Error::other("no command was given");
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

/// What could not be seen, a sentence each.
fn remarks(ledger: &Ledger, damage: Option<&io::Error>) -> Vec<String> {
    let damage = damage.map(|error| {
        format!("what the program did with threads is not known: its record is damaged ({error})")
    });
    let uncounted = Some(read::uncounted(ledger)).filter(|count| *count > 0);
    let uncounted = uncounted.map(|count| {
        let threads = if count == 1 {
            "thread is"
        } else {
            "threads are"
        };
        format!(
            "{count} more {threads} not counted below: there was room for {PROCESSES} processes \
             and {STARTERS} functions that start threads"
        )
    });
    damage.into_iter().chain(uncounted).collect()
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

/// How a program ended, by what its parent was told.
pub fn end_of(status: ExitStatus) -> End {
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
    /// Processes that have ended: there is nothing left to look at.
    ended: BTreeSet<u32>,
    libraries: BTreeSet<PathBuf>,
    loaded: BTreeSet<PathBuf>,
}

impl Seen {
    fn new(pid: u32) -> Self {
        Seen {
            memory: BTreeMap::from([(pid, read::Memory::default())]),
            ended: BTreeSet::new(),
            libraries: BTreeSet::new(),
            loaded: BTreeSet::new(),
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
            if self.ended.contains(pid) {
                continue;
            }
            if !memory.raise(*pid) {
                self.ended.insert(*pid);
            } else if at_libraries {
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
        let pools = loaded.iter().filter(|path| is_pool(path));
        self.libraries.extend(pools.cloned());
        self.loaded.extend(loaded);
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
