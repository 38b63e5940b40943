//! What the shim writes down: a file that every process of the program maps, so
//! that it survives whatever becomes of them.

use super::mask::{self, Mask, WORDS};
use super::names;
use super::system::{self, map_file, object_of, variable_of};
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering};

/// Records of processes. One that ended and had no threads gives its own back.
pub const PROCESSES: usize = 4096;
/// Start routines of all processes together, and of one of them.
pub const STARTERS: usize = 4096;
const STARTERS_OF_ONE: u32 = 64;
const PATH: usize = 512;

/// The whole file. All zeros is an empty one.
#[repr(C)]
pub struct Ledger {
    /// Programs that have loaded the shim.
    pub programs: AtomicU32,
    /// Records that have been taken from the front.
    used: AtomicU32,
    starters_used: AtomicU32,
    /// Threads that were started and not counted: there was no room.
    pub uncounted: AtomicU32,
    /// Where to look first for a record that can be given again.
    next_free: AtomicU32,
    /// Counts records, those given again too: the newest of a process counts.
    sequence: AtomicU64,
    /// A record for each process (and each program in it) that had something to say.
    pub processes: [Process; PROCESSES],
    starters: [Starter; STARTERS],
}

/// One process.
#[repr(C)]
pub struct Process {
    /// Its number; 0 until the record is taken.
    pub pid: AtomicU32,
    /// 1 if `mask` is set.
    has_mask: AtomicU32,
    mask: [AtomicU64; WORDS],
    sequence: AtomicU64,
    /// Threads alive now, without the main thread.
    pub live: AtomicU32,
    /// The most of them at once.
    pub peak: AtomicU32,
    /// Threads that could not be started.
    pub failed: AtomicU32,
    /// How many starters it has asked for, and the place of the newest and one; 0
    /// if there is none.
    starters_asked: AtomicU32,
    newest_starter: AtomicU32,
}

/// What starts threads: one start routine.
#[repr(C)]
pub struct Starter {
    routine: AtomicU64,
    /// Its threads alive now.
    pub live: AtomicU32,
    /// The most of them at once.
    pub peak: AtomicU32,
    /// All of them.
    pub made: AtomicU32,
    /// The largest thread count of an OpenBLAS when these were the most; 0 if
    /// there was none.
    pub blas_threads: AtomicU32,
    /// 1 if this is an OpenBLAS whose thread count can be read.
    pub is_blas: AtomicU32,
    /// The place, and one, of the process's next starter; 0 ends the list.
    next: AtomicU32,
    /// Where that count is, in that process.
    blas_count: AtomicU64,
    path: [AtomicU8; PATH],
}

static LEDGER: AtomicPtr<Ledger> = AtomicPtr::new(core::ptr::null_mut());
/// This process's record, and the process that it was taken for: a forked child
/// inherits both, and takes its own.
static RECORD: AtomicPtr<Process> = AtomicPtr::new(core::ptr::null_mut());
/// The process that found no room for a record: it does not look again.
static WITHOUT: AtomicU32 = AtomicU32::new(0);
/// The mask of a process without a record, which a forked child inherits.
static MASK: [AtomicU64; WORDS] = [const { AtomicU64::new(0) }; WORDS];
static HAS_MASK: AtomicU32 = AtomicU32::new(0);

/// The ledger, if the variable names one.
pub fn open() -> Option<&'static Ledger> {
    let mut ledger = LEDGER.load(Ordering::Acquire);
    if ledger.is_null() {
        if system::is_confined() {
            return None;
        }
        let path = system::variable(names::LEDGER)?;
        ledger = map_file(path, size_of::<Ledger>())?.cast();
        LEDGER.store(ledger, Ordering::Release);
    }
    // SAFETY: mapped for good, as long as a `Ledger`, which any bytes are.
    Some(unsafe { &*ledger })
}

/// This process's record; a new one at its first call.
pub fn record() -> Option<&'static Process> {
    let pid = system::process();
    if let Some(known) = known(pid) {
        return Some(known);
    }
    if WITHOUT.load(Ordering::Relaxed) == pid {
        return None;
    }
    let ledger = open()?;
    let record = match ledger.newest(pid) {
        // A program that became another one before it started threads.
        Some(earlier) if earlier.has_no_threads() => earlier,
        _ => ledger.take(pid)?,
    };
    RECORD.store(core::ptr::from_ref(record).cast_mut(), Ordering::Release);
    Some(record)
}

/// The record that this process has taken.
fn known(pid: u32) -> Option<&'static Process> {
    let known = RECORD.load(Ordering::Acquire);
    // SAFETY: null, or it points into the ledger, which stays mapped.
    let known: &'static Process = unsafe { known.as_ref() }?;
    (known.pid.load(Ordering::Relaxed) == pid).then_some(known)
}

/// The mask of a process: what it set, or inherited, or every CPU.
pub fn mask_of(pid: u32, cpus: u32) -> Mask {
    let own = (pid == system::process()).then(|| own_mask(pid)).flatten();
    let kept = own.or_else(|| open().and_then(|ledger| ledger.inherited(pid)));
    kept.unwrap_or_else(|| mask::all(cpus))
}

fn own_mask(pid: u32) -> Option<Mask> {
    let without_a_record = || (HAS_MASK.load(Ordering::Acquire) == 1).then(|| load(&MASK));
    known(pid).map_or_else(without_a_record, Process::mask)
}

/// Keeps this process's mask.
pub fn keep_mask(mask: &Mask) {
    match record() {
        Some(record) => record.keep_mask(mask),
        None => {
            store(&MASK, mask);
            HAS_MASK.store(1, Ordering::Release);
        }
    }
}

/// Writes an inherited mask down under this process's number, for the programs
/// that it starts: they look no further than at it.
pub fn keep_inherited_mask() {
    let pid = system::process();
    if open().and_then(|ledger| ledger.inherited(pid)).is_some() {
        let _ = record();
    }
}

/// Counts a thread that is started without being counted.
pub fn miss() {
    if let Some(ledger) = open() {
        ledger.uncounted.fetch_add(1, Ordering::Relaxed);
    }
}

impl Ledger {
    /// The records that were taken.
    pub fn records(&self) -> impl Iterator<Item = &Process> {
        let used = self.used.load(Ordering::Acquire) as usize;
        let records = self.processes.iter().take(used);
        records.filter(|record| record.pid.load(Ordering::Acquire) != 0)
    }

    /// A process's newest record: a new program in the same process may have one
    /// of its own.
    fn newest(&self, pid: u32) -> Option<&Process> {
        let own = self
            .records()
            .filter(|record| record.pid.load(Ordering::Relaxed) == pid);
        own.max_by_key(|record| record.sequence.load(Ordering::Relaxed))
    }

    /// The mask of a process's newest record, which a new program in the same
    /// process inherits, or else of the process that started this one.
    fn inherited(&self, pid: u32) -> Option<Mask> {
        let parent = || (pid == system::process()).then(system::parent);
        self.newest(pid).or_else(|| self.newest(parent()?))?.mask()
    }

    /// A new record, with the mask that its process inherits.
    fn take(&self, pid: u32) -> Option<&Process> {
        let inherited = self.inherited(pid).or_else(|| own_mask(pid));
        let Some(record) = self.unused().or_else(|| self.given_back()) else {
            WITHOUT.store(pid, Ordering::Relaxed);
            return None;
        };
        record.has_mask.store(0, Ordering::Relaxed);
        if let Some(mask) = inherited {
            record.keep_mask(&mask);
        }
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed);
        record.sequence.store(sequence, Ordering::Relaxed);
        record.pid.store(pid, Ordering::Release);
        Some(record)
    }

    /// A record that nobody has had.
    fn unused(&self) -> Option<&Process> {
        if self.used.load(Ordering::Relaxed) as usize >= PROCESSES {
            return None;
        }
        let index = self.used.fetch_add(1, Ordering::Relaxed) as usize;
        self.processes.get(index)
    }

    /// The record of a process that has ended and had nothing to tell.
    fn given_back(&self) -> Option<&Process> {
        let first = self.next_free.load(Ordering::Relaxed) as usize % PROCESSES;
        let (before, from) = self.processes.split_at_checked(first)?;
        let (index, record) = from.iter().chain(before).enumerate().find(|(_, record)| {
            let pid = record.pid.load(Ordering::Acquire);
            let is_over = pid != 0 && record.has_no_threads() && !system::is_alive(pid);
            // Whoever gets the 0 in has the record.
            let swap = |record: &Process| {
                let swapped =
                    record
                        .pid
                        .compare_exchange(pid, 0, Ordering::AcqRel, Ordering::Relaxed);
                swapped.is_ok()
            };
            is_over && swap(record)
        })?;
        let next = (first + index + 1) as u32;
        self.next_free.store(next, Ordering::Relaxed);
        Some(record)
    }

    /// What has started threads of a process. A list that someone has damaged
    /// ends all the same.
    pub fn starters<'ledger>(
        &'ledger self,
        process: &'ledger Process,
    ) -> impl Iterator<Item = &'ledger Starter> {
        let mut place = process.newest_starter.load(Ordering::Acquire);
        let walk = core::iter::from_fn(move || {
            let starter = self.starters.get(place.checked_sub(1)? as usize)?;
            place = starter.next.load(Ordering::Acquire);
            Some(starter)
        });
        walk.take(STARTERS_OF_ONE as usize)
    }

    /// The starter with this routine; a new one if there is room.
    pub fn starter<'ledger>(
        &'ledger self,
        process: &'ledger Process,
        routine: usize,
    ) -> Option<&'ledger Starter> {
        let is_it = |starter: &&Starter| starter.routine.load(Ordering::Relaxed) == routine as u64;
        if let Some(known) = self.starters(process).find(is_it) {
            return Some(known);
        }
        if self.starters_used.load(Ordering::Relaxed) as usize >= STARTERS
            || process.starters_asked.load(Ordering::Relaxed) >= STARTERS_OF_ONE
            || process.starters_asked.fetch_add(1, Ordering::Relaxed) >= STARTERS_OF_ONE
        {
            return None;
        }
        let index = self.starters_used.fetch_add(1, Ordering::Relaxed);
        let starter = self.starters.get(index as usize)?;
        starter.describe(routine);
        let mut newest = process.newest_starter.load(Ordering::Relaxed);
        loop {
            starter.next.store(newest, Ordering::Release);
            let (order, other) = (Ordering::AcqRel, Ordering::Relaxed);
            let place = &process.newest_starter;
            match place.compare_exchange_weak(newest, index + 1, order, other) {
                Ok(_) => return Some(starter),
                Err(now) => newest = now,
            }
        }
    }

    /// A thread is about to start.
    pub fn enter(&self, process: &Process, starter: &Starter) {
        raise(&process.live, &process.peak);
        starter.made.fetch_add(1, Ordering::Relaxed);
        let others = self.starters(process);
        let others = others.filter(|other| !core::ptr::eq(*other, starter));
        // The largest thread count now of an OpenBLAS other than this starter.
        let blas = others.filter_map(Starter::threads_now).max().unwrap_or(0);
        if raise(&starter.live, &starter.peak) {
            starter.blas_threads.store(blas, Ordering::Relaxed);
        } else if starter.live.load(Ordering::Relaxed) == starter.peak.load(Ordering::Relaxed) {
            starter.blas_threads.fetch_max(blas, Ordering::Relaxed);
        }
    }
}

impl Process {
    fn mask(&self) -> Option<Mask> {
        (self.has_mask.load(Ordering::Acquire) == 1).then(|| load(&self.mask))
    }

    fn keep_mask(&self, mask: &Mask) {
        store(&self.mask, mask);
        self.has_mask.store(1, Ordering::Release);
    }

    fn has_no_threads(&self) -> bool {
        let counts = [&self.peak, &self.failed, &self.newest_starter];
        counts
            .iter()
            .all(|count| count.load(Ordering::Relaxed) == 0)
    }

    /// A thread has ended, or could not be started.
    pub fn leave(&self, starter: &Starter) {
        self.live.fetch_sub(1, Ordering::Relaxed);
        starter.live.fetch_sub(1, Ordering::Relaxed);
    }
}

fn load(words: &[AtomicU64; WORDS]) -> Mask {
    core::array::from_fn(|word| words[word].load(Ordering::Relaxed))
}

fn store(words: &[AtomicU64; WORDS], mask: &Mask) {
    for (to, word) in words.iter().zip(mask) {
        to.store(*word, Ordering::Relaxed);
    }
}

impl Starter {
    /// Writes down whose routine this is.
    fn describe(&self, routine: usize) {
        self.routine.store(routine as u64, Ordering::Relaxed);
        if let Some((path, base)) = object_of(routine) {
            let room = self.path.iter().take(PATH - 1);
            for (to, byte) in room.zip(path.to_bytes()) {
                to.store(*byte, Ordering::Relaxed);
            }
            if let Some(address) = variable_of(path, base, c"blas_cpu_number") {
                self.blas_count.store(address as u64, Ordering::Relaxed);
                self.is_blas.store(1, Ordering::Relaxed);
            }
        }
    }

    /// The thread count that an OpenBLAS has now.
    fn threads_now(&self) -> Option<u32> {
        let address = self.blas_count.load(Ordering::Relaxed);
        // SAFETY: OpenBLAS common.h: `extern int blas_cpu_number`, in an object
        // that stays loaded; the record belongs to this process, not to a parent.
        let count = (address != 0).then(|| unsafe { (address as *const i32).read_volatile() })?;
        u32::try_from(count).ok()
    }

    /// Whether the routine is one of C++'s standard library.
    pub fn is_cpp_library(&self) -> bool {
        let name_at = self.path().enumerate().filter(|(_, byte)| *byte == b'/');
        let start = name_at.last().map_or(0, |(place, _)| place + 1);
        self.path().skip(start).take(9).eq(*b"libstdc++")
    }

    /// The bytes of the object's path; none if it isn't known.
    pub fn path(&self) -> impl Iterator<Item = u8> {
        let bytes = self.path.iter().map(|byte| byte.load(Ordering::Relaxed));
        bytes.take_while(|byte| *byte != 0)
    }
}

/// Counts one more; whether that is a new peak.
fn raise(live: &AtomicU32, peak: &AtomicU32) -> bool {
    let now = live.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
    peak.fetch_max(now, Ordering::Relaxed) < now
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
