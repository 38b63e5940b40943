//! The ledger's rules, on one in memory.

use super::*;
use crate::read::empty;

fn read(count: &AtomicU32) -> u32 {
    count.load(Ordering::Relaxed)
}

/// The number of a process that has ended.
fn ended() -> u32 {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    child.id()
}

#[test]
fn a_starter_is_known_by_its_routine_and_named_by_its_object() {
    let ledger = empty();
    let process = &ledger.processes[0];
    let routine = empty as *const () as usize;
    let starter = ledger.starter(process, routine).expect("there is room");
    assert!(core::ptr::eq(
        starter,
        ledger.starter(process, routine).unwrap()
    ));
    let path = String::from_utf8(starter.path().collect()).unwrap();
    assert!(path.contains("poolkeeper_simulate"), "{path}");
    assert_eq!(ledger.starters(process).count(), 1);
}

#[test]
fn starters_belong_to_one_process() {
    let ledger = empty();
    let [one, other] = [&ledger.processes[0], &ledger.processes[1]];
    for routine in 1..=3 {
        assert!(ledger.starter(one, routine).is_some());
        assert!(ledger.starter(other, routine).is_some());
    }
    let routines = |process| {
        let starters = ledger.starters(process);
        let routines = starters.map(|starter| starter.routine.load(Ordering::Relaxed));
        routines.collect::<Vec<_>>()
    };
    assert_eq!(routines(one), [3, 2, 1]);
    assert_eq!(routines(other), [3, 2, 1]);
}

#[test]
fn the_peak_is_the_most_at_once() {
    let ledger = empty();
    let process = &ledger.processes[0];
    let starter = ledger.starter(process, 1).unwrap();
    for _ in 0..3 {
        ledger.enter(process, starter);
    }
    process.leave(starter);
    ledger.enter(process, starter);
    assert_eq!((read(&starter.peak), read(&starter.made)), (3, 4));
    assert_eq!((read(&process.peak), read(&process.live)), (3, 3));
}

#[test]
fn a_full_record_says_no() {
    let ledger = empty();
    let process = &ledger.processes[0];
    for routine in 1..=STARTERS_OF_ONE as usize {
        assert!(ledger.starter(process, routine).is_some());
    }
    assert!(ledger.starter(process, usize::MAX).is_none());
    let count = ledger.starters(process).count();
    assert_eq!(count, STARTERS_OF_ONE as usize);
}

#[test]
fn processes_without_threads_give_their_records_back() {
    let ledger = empty();
    let (gone, own) = (ended(), std::process::id());
    let mask = [5; WORDS];
    ledger.used.store(PROCESSES as u32, Ordering::Relaxed);
    for record in &ledger.processes {
        record.keep_mask(&mask);
        record.pid.store(gone, Ordering::Relaxed);
    }
    ledger.processes[7].peak.store(1, Ordering::Relaxed);
    for _ in 0..20 {
        let record = ledger.take(own).expect("another has ended");
        assert_eq!(record.mask(), None, "an earlier process's mask");
        assert!(!core::ptr::eq(record, &ledger.processes[7]));
    }
    // With the one that had a thread, 21 are taken.
    for record in &ledger.processes[22..] {
        record.failed.store(1, Ordering::Relaxed);
    }
    assert!(ledger.take(own).is_some(), "one was left over");
    assert!(ledger.take(own).is_none(), "all live, or had threads");
    assert_eq!(ledger.records().count(), PROCESSES);
}

#[test]
fn the_newest_record_of_a_process_counts() {
    let ledger = empty();
    let pid = std::process::id();
    for bits in 1..=3 {
        ledger.take(pid).unwrap().keep_mask(&[bits; WORDS]);
    }
    assert_eq!(ledger.inherited(pid), Some([3; WORDS]));
}

#[test]
fn a_damaged_list_of_starters_ends() {
    let ledger = empty();
    let process = &ledger.processes[0];
    let starter = ledger.starter(process, 1).unwrap();
    starter.next.store(1, Ordering::Relaxed);
    assert_eq!(ledger.starters(process).count(), STARTERS_OF_ONE as usize);
    process.newest_starter.store(u32::MAX, Ordering::Relaxed);
    assert_eq!(ledger.starters(process).count(), 0);
}
