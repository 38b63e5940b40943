//! What is preloaded into the program: it answers every question about CPUs
//! with the pretended machine, and keeps a ledger of threads.
//!
//! No allocation, no panic, no lock, no standard library: it runs in signal
//! handlers, in constructors of other libraries, before `malloc` is ready and
//! between `fork` and `exec`. Without its variables it passes everything on.
//!
//! The functions have their C names only in the preloaded library. In this
//! crate they are ordinary functions, which are linted and tested.

pub mod affinity;
pub mod confine;
pub mod counts;
pub mod ledger;
pub mod maps;
pub mod mask;
pub mod names;
pub mod system;
pub mod table;
pub mod threads;

use core::sync::atomic::{AtomicU32, Ordering};
use mask::MOST_CPUS;
use names::CPUS;

const NOT_READ: u32 = u32::MAX;
static PRETENDED: AtomicU32 = AtomicU32::new(NOT_READ);

/// The CPUs to pretend; `None` passes every question on.
pub fn cpus() -> Option<u32> {
    let mut cpus = PRETENDED.load(Ordering::Relaxed);
    if cpus == NOT_READ {
        if !system::has_environment() {
            return None;
        }
        cpus = system::variable(CPUS).and_then(number).unwrap_or(0);
        PRETENDED.store(cpus, Ordering::Relaxed);
    }
    (cpus > 0).then_some(cpus)
}

/// Pretends so many CPUs from here on; 0 stops it.
pub fn pretend(cpus: u32) {
    PRETENDED.store(cpus.min(MOST_CPUS), Ordering::Relaxed);
}

fn number(text: &[u8]) -> Option<u32> {
    let mut number = 0_u32;
    for digit in text {
        let digit = u32::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        number = number.checked_mul(10)?.checked_add(digit)?;
    }
    (1..=MOST_CPUS).contains(&number).then_some(number)
}

/// Tells the ledger that a program could be shown the machine.
#[cfg(poolkeeper_shim)]
extern "C" fn loaded() {
    system::remember_main_thread();
    if let Some(ledger) = ledger::open() {
        ledger.programs.fetch_add(1, Ordering::Relaxed);
        ledger::keep_inherited_mask();
    }
}

#[cfg(poolkeeper_shim)]
#[used]
// SAFETY: the loader calls each entry of this section once, with arguments that
// C allows to ignore.
#[unsafe(link_section = ".init_array")]
static LOADED: extern "C" fn() = loaded;

/// Keeps what was loaded.
#[cfg(poolkeeper_shim)]
extern "C" fn ended() {
    // A program that has forbidden itself system calls has kept them before.
    if cpus().is_some() && !system::is_confined() {
        maps::save();
    }
}

#[cfg(poolkeeper_shim)]
#[used]
// SAFETY: the loader calls each entry of this section once, at exit(3).
#[unsafe(link_section = ".fini_array")]
static ENDED: extern "C" fn() = ended;

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn only_a_number_of_cpus_is_one() {
        assert_eq!(number(b"128"), Some(128));
        assert_eq!(number(b"1024"), Some(1024));
        for wrong in [&b"0"[..], b"1025", b"", b"-1", b"12 ", b"99999999999"] {
            assert_eq!(number(wrong), None, "{wrong:?}");
        }
    }
}
