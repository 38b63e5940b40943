//! What the shim writes down: a file that every process of the program maps, so
//! that it survives whatever becomes of them.

use super::mask::{self, Mask, WORDS};
use super::system::{self, map_file, object_of, variable_of};
use core::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering};

const PROCESSES: usize = 128;
const STARTERS: usize = 24;
const PATH: usize = 512;

/// The whole file. All zeros is an empty one.
#[repr(C)]
pub struct Ledger {
    /// Programs that have loaded the shim.
    pub programs: AtomicU32,
    /// Records that have been asked for; there may be fewer.
    pub used: AtomicU32,
    /// A record for each process (and each program in it) that had something to say.
    pub processes: [Process; PROCESSES],
}

/// One process.
#[repr(C)]
pub struct Process {
    /// Its number; 0 until the record is taken.
    pub pid: AtomicU32,
    /// 1 if `mask` is set.
    has_mask: AtomicU32,
    mask: [AtomicU64; WORDS],
    /// Threads alive now, without the main thread.
    pub live: AtomicU32,
    /// The most of them at once.
    pub peak: AtomicU32,
    /// Threads that could not be started.
    pub failed: AtomicU32,
    starters_used: AtomicU32,
    starters: [Starter; STARTERS],
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
    is_ready: AtomicU32,
    /// Where that count is, in that process.
    blas_count: AtomicU64,
    path: [AtomicU8; PATH],
}

static LEDGER: AtomicPtr<Ledger> = AtomicPtr::new(core::ptr::null_mut());
/// This process's record, and the process that it was taken for: a forked child
/// inherits both, and takes its own.
static RECORD: AtomicPtr<Process> = AtomicPtr::new(core::ptr::null_mut());

/// The ledger, if the variable names one.
pub fn open() -> Option<&'static Ledger> {
    let mut ledger = LEDGER.load(Ordering::Acquire);
    if ledger.is_null() {
        let path = system::variable(super::LEDGER)?;
        ledger = map_file(path, size_of::<Ledger>())?.cast();
        LEDGER.store(ledger, Ordering::Release);
    }
    // SAFETY: mapped for good, as long as a `Ledger`, which any bytes are.
    Some(unsafe { &*ledger })
}

/// This process's record; a new one at its first call.
pub fn record() -> Option<&'static Process> {
    let pid = system::process();
    let known = RECORD.load(Ordering::Acquire);
    if !known.is_null() {
        // SAFETY: it points into the ledger, which stays mapped.
        let known: &'static Process = unsafe { &*known };
        if known.pid.load(Ordering::Relaxed) == pid {
            return Some(known);
        }
    }
    let ledger = open()?;
    let inherited = ledger.inherited(pid);
    let index = ledger.used.fetch_add(1, Ordering::Relaxed) as usize;
    let record = ledger.processes.get(index)?;
    if let Some(mask) = inherited {
        record.keep_mask(&mask);
    }
    record.pid.store(pid, Ordering::Release);
    RECORD.store(core::ptr::from_ref(record).cast_mut(), Ordering::Release);
    Some(record)
}

/// The mask of a process: what it set, or inherited, or every CPU.
pub fn mask_of(pid: u32, cpus: u32) -> Mask {
    let kept = open().and_then(|ledger| ledger.inherited(pid));
    kept.unwrap_or_else(|| mask::all(cpus))
}

/// Keeps this process's mask.
pub fn keep_mask(mask: &Mask) -> Option<()> {
    record().map(|record| record.keep_mask(mask))
}

/// Writes an inherited mask down under this process's number, for the programs
/// that it starts: they look no further than at it.
pub fn keep_inherited_mask() {
    let pid = system::process();
    if open().and_then(|ledger| ledger.inherited(pid)).is_some() {
        let _ = record();
    }
}

impl Ledger {
    /// The records that were taken.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &Process> {
        let used = self.used.load(Ordering::Acquire) as usize;
        let records = self.processes.iter().take(used);
        records.filter(|record| record.pid.load(Ordering::Acquire) != 0)
    }

    /// The mask of a process's newest record, which a new program in the same
    /// process inherits, or else of the process that started this one.
    fn inherited(&self, pid: u32) -> Option<Mask> {
        let newest = |pid: u32| {
            let mut records = self.records().rev();
            records.find(|record| record.pid.load(Ordering::Relaxed) == pid)
        };
        let parent = || (pid == system::process()).then(system::parent);
        newest(pid).or_else(|| newest(parent()?))?.mask()
    }
}

impl Process {
    fn mask(&self) -> Option<Mask> {
        let mask = core::array::from_fn(|word| self.mask[word].load(Ordering::Relaxed));
        (self.has_mask.load(Ordering::Acquire) == 1).then_some(mask)
    }

    fn keep_mask(&self, mask: &Mask) {
        for (to, word) in self.mask.iter().zip(mask) {
            to.store(*word, Ordering::Relaxed);
        }
        self.has_mask.store(1, Ordering::Release);
    }

    /// What has started threads.
    pub fn starters(&self) -> impl Iterator<Item = &Starter> {
        let used = self.starters_used.load(Ordering::Acquire) as usize;
        let starters = self.starters.iter().take(used);
        starters.filter(|starter| starter.is_ready.load(Ordering::Acquire) == 1)
    }

    /// The starter with this routine; a new one if there is room.
    pub fn starter(&self, routine: usize) -> Option<&Starter> {
        let is_it = |starter: &&Starter| starter.routine.load(Ordering::Relaxed) == routine as u64;
        if let Some(known) = self.starters().find(is_it) {
            return Some(known);
        }
        let index = self.starters_used.fetch_add(1, Ordering::AcqRel) as usize;
        let starter = self.starters.get(index)?;
        starter.describe(routine);
        Some(starter)
    }

    /// A thread is about to start.
    pub fn enter(&self, starter: &Starter) {
        raise(&self.live, &self.peak);
        starter.made.fetch_add(1, Ordering::Relaxed);
        let blas = self.blas_threads(starter);
        if raise(&starter.live, &starter.peak) {
            starter.blas_threads.store(blas, Ordering::Relaxed);
        } else if starter.live.load(Ordering::Relaxed) == starter.peak.load(Ordering::Relaxed) {
            starter.blas_threads.fetch_max(blas, Ordering::Relaxed);
        }
    }

    /// A thread has ended, or could not be started.
    pub fn leave(&self, starter: &Starter) {
        self.live.fetch_sub(1, Ordering::Relaxed);
        starter.live.fetch_sub(1, Ordering::Relaxed);
    }

    /// The largest thread count now of an OpenBLAS other than this starter.
    fn blas_threads(&self, but: &Starter) -> u32 {
        let others = self.starters().filter(|other| !core::ptr::eq(*other, but));
        others.filter_map(Starter::threads_now).max().unwrap_or(0)
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
        self.is_ready.store(1, Ordering::Release);
    }

    /// The thread count that an OpenBLAS has now.
    fn threads_now(&self) -> Option<u32> {
        let address = self.blas_count.load(Ordering::Relaxed);
        // SAFETY: OpenBLAS common.h: `extern int blas_cpu_number`, in an object
        // that stays loaded; `record` belongs to this process, not to a parent.
        let count = (address != 0).then(|| unsafe { (address as *const i32).read_volatile() })?;
        u32::try_from(count).ok()
    }

    /// The bytes of the object's path; none if it isn't known.
    pub fn path(&self) -> impl Iterator<Item = u8> {
        let bytes = self.path.iter().map(|byte| byte.load(Ordering::Relaxed));
        bytes.take_while(|byte| *byte != 0)
    }
}

/// Counts one more; whether that is a new peak.
fn raise(live: &AtomicU32, peak: &AtomicU32) -> bool {
    let now = live.fetch_add(1, Ordering::Relaxed) + 1;
    peak.fetch_max(now, Ordering::Relaxed) < now
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::empty;

    #[test]
    fn a_starter_is_known_by_its_routine_and_named_by_its_object() {
        let ledger = empty();
        let process = &ledger.processes[0];
        let routine = empty as *const () as usize;
        let starter = process.starter(routine).expect("there is room");
        assert!(core::ptr::eq(starter, process.starter(routine).unwrap()));
        let path = String::from_utf8(starter.path().collect()).unwrap();
        assert!(path.contains("poolkeeper_simulate"), "{path}");
        assert_eq!(process.starters().count(), 1);
    }

    #[test]
    fn the_peak_is_the_most_at_once() {
        let ledger = empty();
        let process = &ledger.processes[0];
        let starter = process.starter(1).unwrap();
        for _ in 0..3 {
            process.enter(starter);
        }
        process.leave(starter);
        process.enter(starter);
        let read = |count: &AtomicU32| count.load(Ordering::Relaxed);
        assert_eq!((read(&starter.peak), read(&starter.made)), (3, 4));
        assert_eq!((read(&process.peak), read(&process.live)), (3, 3));
    }

    #[test]
    fn a_full_record_says_no() {
        let ledger = empty();
        let process = &ledger.processes[0];
        for routine in 1..=STARTERS {
            assert!(process.starter(routine).is_some());
        }
        assert!(process.starter(STARTERS + 1).is_none());
        assert_eq!(process.starters().count(), STARTERS);
    }
}
