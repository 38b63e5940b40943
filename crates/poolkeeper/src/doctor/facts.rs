//! What the rules judge: a process and its machine as plain data.
//!
//! Rules read nothing else, so that facts can be gathered from this process,
//! or describe a machine that isn't here.

use super::finding::Evidence;
use crate::model::{Level, Pool};
use crate::runtimes::{self, Behaviour, Card, Layer, Workers};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A process and its machine, as the rules see them.
///
/// # Examples
///
/// ```
/// use poolkeeper::doctor::{Facts, Host, diagnose};
/// let here = Facts::gather(Host::default())?;
/// // The same program on a machine with 128 CPUs.
/// let there = here.on_machine(128)?;
/// println!("{:?}", diagnose(&there).findings);
/// # Ok::<(), poolkeeper::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The loaded pools.
    pub pools: Vec<PoolFacts>,
    /// Loaded libraries with threads that no limit reaches.
    pub unreached: Vec<Unreached>,
    /// Threads that the program's own code has started, and no library's pool;
    /// there may be more.
    pub own_threads: u32,
    /// Threads whose starter is not known.
    pub unknown_threads: u32,
    /// What the doctor could not look at, or could not do before looking, a few words
    /// each. Rules that ask for these facts had nothing to judge.
    pub unseen: Vec<String>,
    /// The CPUs of the process and of the machine.
    pub cpus: CpuFacts,
    /// Environment variables.
    pub environment: Variables,
    /// Limits of the system on threads and memory.
    pub system: SystemFacts,
    /// What only the program's language can tell.
    pub host: Host,
}

/// A loaded pool.
#[derive(Debug, Clone)]
pub struct PoolFacts {
    /// The pool, as [`crate::pools`] describes it.
    pub pool: Pool,
    /// Threads that the pool's OpenMP runtime was told to use (OMP_THREAD_LIMIT may allow
    /// fewer); for other pools the thread count; 0 if it isn't known.
    pub told: u32,
    /// Why its thread count can't be set, if it can't.
    pub fixed: Option<&'static str>,
    /// Whether a live limit of poolkeeper holds it.
    pub is_limited: bool,
    /// Threads of the process that were seen to belong to it; there may be more.
    pub workers: u32,
}

/// A loaded library with threads of its own that no limit reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// Its name.
    pub name: &'static str,
    /// The loaded file.
    pub file: PathBuf,
    /// Threads of the process that were seen to belong to it; there may be more.
    pub threads: u32,
    /// Whether a forked child that uses it waits for ever for these threads.
    pub waits_after_fork: bool,
    /// How to give it a number of threads, with `{n}` for the number.
    pub call: &'static str,
}

/// The CPUs of the process and of the machine.
#[derive(Debug, Clone, Default)]
pub struct CpuFacts {
    /// CPUs that the process may really use, whole.
    pub budget: u32,
    /// Who says so: `"the quota in /sys/fs/cgroup/cpu.max"`.
    pub source: String,
    /// CPUs that a library would count now: those of the affinity mask.
    pub counted: u32,
    /// The affinity mask when the process (or its extension) started; `None` if
    /// nobody looked.
    pub mask_at_start: Option<Vec<u32>>,
    /// The calling thread's affinity mask now.
    pub mask: Vec<u32>,
    /// The CPUs that the process's threads may run on. A thread that bound itself to
    /// CPUs that the process did not have does not count.
    pub mask_of_any_thread: Vec<u32>,
    /// The CPUs that the process was bound to when it started, by `poolkeeper run
    /// --pin` or otherwise; `None` if that isn't known.
    pub bound_to: Option<Vec<u32>>,
    /// CPUs that the process did not have, and that threads have bound themselves to.
    pub bound_elsewhere: Vec<u32>,
    /// Whether these are a pretended machine's.
    pub is_pretended: bool,
}

/// Environment variables, when the process started and now.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    /// The environment that the process was started with; `None` if it isn't known.
    pub at_start: Option<BTreeMap<String, String>>,
    /// The environment now.
    pub now: BTreeMap<String, String>,
}

/// Limits of the system on threads and memory; `None` where there is none, or
/// it isn't known.
#[derive(Debug, Clone, Default)]
pub struct SystemFacts {
    /// The limits on the number of threads that hold for this process.
    pub threads: Vec<Room>,
    /// The limit on its address space, in bytes.
    pub address_space: Option<Room>,
    /// Bytes of address space that a new thread's stack takes.
    pub stack: Option<u64>,
}

/// A limit of the system, and how much of it is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Who sets it: `"RLIMIT_NPROC (ulimit -u)"`.
    pub place: String,
    /// The limit.
    pub limit: u64,
    /// How much of the limit is taken.
    pub used: u64,
}

impl Room {
    /// How much of the limit is left.
    pub fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// Facts that only the program's language can tell; empty for a program without Python.
#[derive(Debug, Clone, Default)]
pub struct Host {
    /// The modules that rules ask for and that have been imported.
    pub modules: Vec<String>,
    /// How multiprocessing starts a process: `"fork"`, `"spawn"`, `"forkserver"`.
    pub start_method: Option<String>,
    /// How often this process has forked a child that went on with its code.
    pub forks: u32,
    /// Worker processes that run now and began with this process's thread counts.
    pub workers: u32,
    /// The threading layer that numba has taken: `"omp"`, `"tbb"`, `"workqueue"`.
    pub numba_layer: Option<String>,
    /// Pools that have no interface in C, and keep the size that they began with.
    pub fixed_pools: Vec<FixedPool>,
    /// Live limits that the user has typed, as far as they are known.
    pub limits: Vec<LiveLimit>,
    /// The notebook whose magics are loaded, if this is one.
    pub notebook: Option<Notebook>,
}

/// A live limit that the user has typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveLimit {
    /// The text of the limit (`"%limit openmp=8"`), or where it is kept (`"Out[3]"`).
    pub words: String,
    /// The files of the pools that it holds, and the threads that it asked for.
    pub pools: Vec<(PathBuf, u32)>,
}

/// A notebook with poolkeeper's magics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notebook {
    /// What its `%limit` says, by name; the empty name is for every pool.
    pub limits: Vec<(String, u64)>,
}

/// A pool that keeps the size it began with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedPool {
    /// Its library.
    pub name: String,
    /// The number of its threads.
    pub threads: u32,
    /// The variable to set before it is loaded.
    pub variable: String,
}

impl Facts {
    /// The pools of a level.
    pub(super) fn of_level(&self, level: Level) -> impl Iterator<Item = &PoolFacts> {
        self.pools
            .iter()
            .filter(move |found| found.pool.level == level)
    }

    /// Whether a module has been imported, of those that [`Host::modules`] names.
    pub(super) fn has_module(&self, name: &str) -> bool {
        self.host.modules.iter().any(|module| module == name)
    }

    /// The pools of a runtime, by its id among [`crate::runtimes::all`].
    pub(super) fn of_runtime(&self, runtime: &str) -> impl Iterator<Item = &PoolFacts> {
        self.pools
            .iter()
            .filter(move |found| found.pool.runtime == runtime)
    }

    /// The pools that have a thread count of their own.
    pub(super) fn independent(&self) -> impl Iterator<Item = &PoolFacts> {
        self.pools
            .iter()
            .filter(|found| found.pool.runs_on.is_none())
    }

    /// Those of them that start all of their threads, and fail without one.
    pub(super) fn complete(&self) -> impl Iterator<Item = &PoolFacts> {
        self.independent().filter(|found| !found.starts_as_needed())
    }

    /// Those of them whose threads need CPUs.
    pub(super) fn computing(&self) -> impl Iterator<Item = &PoolFacts> {
        self.independent().filter(|found| !found.behaviour().waits)
    }

    /// The pool with the most threads of those whose threads do something.
    pub(super) fn widest_openmp(&self, does: fn(&Behaviour) -> bool) -> Option<&PoolFacts> {
        self.of_level(Level::Openmp)
            .filter(|found| does(found.behaviour()))
            .max_by_key(|found| found.threads())
    }
}

impl PoolFacts {
    /// Threads of its next parallel call; 0 if that isn't known.
    pub(super) fn threads(&self) -> u32 {
        self.pool.num_threads.map_or(0, |threads| threads.get())
    }

    /// What is known of its runtime.
    pub(super) fn card(&self) -> Option<&'static Card> {
        runtimes::find(self.pool.runtime)
    }

    /// What its threads do.
    pub(super) fn behaviour(&self) -> &'static Behaviour {
        self.card()
            .map_or(&Behaviour::USUAL, |card| &card.behaviour)
    }

    /// What is special about the threading layer that it was built on.
    pub(super) fn layer(&self) -> Option<Layer> {
        self.behaviour().layer(self.pool.threading_layer.as_deref())
    }

    /// The number of simultaneous callers that the pool is safe with, if it counts
    /// them: its capacity, or the buffers that the workers seen so far leave. A worker
    /// that sleeps since a limit began still holds its buffer, and not every build
    /// counts it.
    pub(super) fn safe_callers(&self) -> Option<u32> {
        let capacity = self.pool.capacity?;
        let left = self.pool.capacity_beside(self.workers);
        Some(left.map_or(capacity, |left| left.min(capacity)))
    }

    /// Whether its threads were started when it was loaded.
    pub(super) fn starts_at_load(&self) -> bool {
        self.is_on_pthreads() && self.behaviour().workers == Workers::AtLoad
    }

    /// Whether fewer threads than it may have will do.
    pub(super) fn starts_as_needed(&self) -> bool {
        self.behaviour().workers == Workers::AsNeeded
    }

    /// Whether its threads are made with pthreads, beside OpenMP's.
    pub(super) fn is_on_pthreads(&self) -> bool {
        self.pool.threading_layer.as_deref() == Some("pthreads")
    }

    /// Its name and version: "OpenBLAS 0.3.31".
    pub(super) fn title(&self) -> String {
        match &self.pool.version {
            Some(version) => format!("{} {version}", self.pool.name),
            None => self.pool.name.to_owned(),
        }
    }

    /// Evidence about it.
    pub(super) fn says(&self, what: &str) -> Evidence {
        Evidence {
            text: format!("{}: {what}", self.title()),
            file: Some(self.pool.filepath.clone()),
        }
    }

    /// Its thread count as evidence.
    pub(super) fn says_threads(&self) -> Evidence {
        self.says(&counted(self.threads().into(), "thread"))
    }
}

/// "1 thread", "4 threads".
pub(super) fn counted(count: u64, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

impl Variables {
    /// The value now.
    pub fn now(&self, name: &str) -> Option<&str> {
        self.now.get(name).map(String::as_str)
    }

    /// Whether it is known that the process itself set it, or changed it.
    pub fn is_changed(&self, name: &str) -> bool {
        let at_start = self.at_start.as_ref();
        at_start.is_some_and(|at_start| at_start.get(name) != self.now.get(name))
    }
}
