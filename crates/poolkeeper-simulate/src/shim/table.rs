//! The masks of threads that have one of their own.

use super::mask::{Mask, WORDS};
use super::system::Thread;
use core::ffi::c_int;
use core::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};

/// Threads with a mask of their own; further ones keep their process's.
const MOST_THREADS: usize = 1024;
/// A thread whose number in the kernel was never told. Zeros keep the table out
/// of the library's file.
pub const UNKNOWN_NUMBER: c_int = 0;

struct Entry {
    /// The thread; 0 if the entry is free.
    thread: AtomicUsize,
    number: AtomicI32,
    mask: [AtomicU64; WORDS],
}

static TABLE: [Entry; MOST_THREADS] = [const {
    Entry {
        thread: AtomicUsize::new(0),
        number: AtomicI32::new(UNKNOWN_NUMBER),
        mask: [const { AtomicU64::new(0) }; WORDS],
    }
}; MOST_THREADS];

impl Entry {
    fn mask(&self) -> Mask {
        core::array::from_fn(|word| self.mask[word].load(Ordering::Relaxed))
    }

    fn store(&self, mask: &Mask) {
        for (to, word) in self.mask.iter().zip(mask) {
            to.store(*word, Ordering::Relaxed);
        }
    }
}

/// The entry of a thread. Only the first ones are looked at as long as few
/// threads have one: entries are taken from the front.
fn find(thread: Thread) -> Option<&'static Entry> {
    used().find(|entry| entry.thread.load(Ordering::Acquire) == thread)
}

/// Entries that have ever been taken.
static USED: AtomicUsize = AtomicUsize::new(0);

fn used() -> impl Iterator<Item = &'static Entry> {
    TABLE.iter().take(USED.load(Ordering::Acquire))
}

/// The mask that a thread has of its own.
pub fn of_thread(thread: Thread) -> Option<Mask> {
    find(thread).map(Entry::mask)
}

/// The same by its number in the kernel.
pub fn of_number(number: c_int) -> Option<Mask> {
    by_number(number).map(Entry::mask)
}

fn by_number(number: c_int) -> Option<&'static Entry> {
    used().find(|entry| {
        let is_taken = entry.thread.load(Ordering::Acquire) != 0;
        is_taken && entry.number.load(Ordering::Relaxed) == number
    })
}

/// Changes the mask of the thread with this number, if it has one of its own.
pub fn change(number: c_int, mask: &Mask) -> bool {
    let found = by_number(number);
    found.inspect(|entry| entry.store(mask)).is_some()
}

/// Gives a thread a mask of its own.
pub fn set(thread: Thread, number: c_int, mask: &Mask) {
    let Some(entry) = find(thread).or_else(|| take(thread)) else {
        return;
    };
    entry.store(mask);
    if number != UNKNOWN_NUMBER {
        entry.number.store(number, Ordering::Relaxed);
    }
}

fn take(thread: Thread) -> Option<&'static Entry> {
    let claim = |entry: &&Entry| {
        let claimed = entry
            .thread
            .compare_exchange(0, thread, Ordering::AcqRel, Ordering::Relaxed);
        claimed.is_ok()
    };
    let (index, entry) = TABLE.iter().enumerate().find(|(_, entry)| claim(entry))?;
    entry.number.store(UNKNOWN_NUMBER, Ordering::Relaxed);
    USED.fetch_max(index + 1, Ordering::AcqRel);
    Some(entry)
}

/// Forgets a thread that ends.
pub fn forget(thread: Thread) {
    if let Some(entry) = find(thread) {
        entry.thread.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_kept_until_its_thread_ends() {
        let mask = [7; WORDS];
        let (one, other) = (0xdead_0001, 0xdead_0002);
        set(one, UNKNOWN_NUMBER, &mask);
        set(other, 4_000_001, &[1; WORDS]);
        assert_eq!(of_thread(one), Some(mask));
        assert_eq!(of_number(4_000_001), Some([1; WORDS]));
        assert!(change(4_000_001, &[2; WORDS]) && !change(4_000_002, &mask));
        assert_eq!(of_thread(other), Some([2; WORDS]));
        forget(other);
        assert_eq!((of_thread(other), of_number(4_000_001)), (None, None));
        assert_eq!(of_thread(one), Some(mask));
        forget(one);
    }
}
