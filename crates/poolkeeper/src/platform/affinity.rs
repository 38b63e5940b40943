//! Linux: the CPUs that a thread may run on.

use crate::{Error, Result};
use std::io;

/// What [`affinity`] asks.
pub(crate) const AFFINITY: &str = "sched_getaffinity";

/// Bits of one word of a mask.
const WORD: usize = u64::BITS as usize;
/// The most words that a mask is tried with: 2^20 CPUs.
const MOST_WORDS: usize = (1 << 20) / WORD;

/// The numbers of the CPUs that the calling thread (or another process) may
/// run on, in order.
///
/// # Errors
/// [`Error::NoProcess`], or [`Error::System`] for the calling thread.
pub(crate) fn affinity(pid: Option<u32>) -> Result<Vec<u32>> {
    let target = pid.map_or(Ok(0), libc::pid_t::try_from);
    let failed = |error: io::Error| match pid {
        Some(pid) => Error::NoProcess {
            pid,
            why: error.to_string(),
        },
        None => Error::System {
            function: AFFINITY,
            why: error.to_string(),
        },
    };
    // A number that no process can have: pid 0 would mean the caller.
    let target = target.ok().filter(|target| pid.is_none() || *target > 0);
    let target = target.ok_or_else(|| failed(io::Error::from_raw_os_error(libc::ESRCH)))?;
    let mut mask = vec![0_u64; 16];
    loop {
        let bytes = std::mem::size_of_val(mask.as_slice());
        // SAFETY: sched_setaffinity(2): writes at most `bytes` bytes to a mask of
        // words, and `mask` is as long.
        let status = unsafe { libc::sched_getaffinity(target, bytes, mask.as_mut_ptr().cast()) };
        if status == 0 {
            return Ok(cpus_of(&mask));
        }
        let error = io::Error::last_os_error();
        // EINVAL: the kernel's mask is larger.
        if error.raw_os_error() != Some(libc::EINVAL) || mask.len() >= MOST_WORDS {
            return Err(failed(error));
        }
        mask.resize(mask.len() * 2, 0);
    }
}

/// Binds the calling thread, and what it starts, to these CPUs.
///
/// # Errors
/// [`Error::System`].
pub(crate) fn set_affinity(cpus: &[u32]) -> Result<()> {
    let most = cpus.iter().max().map_or(0, |cpu| *cpu as usize);
    let mut mask = vec![0_u64; most / WORD + 1];
    for cpu in cpus {
        mask[*cpu as usize / WORD] |= 1 << (*cpu as usize % WORD);
    }
    let bytes = std::mem::size_of_val(mask.as_slice());
    // SAFETY: sched_setaffinity(2): reads `bytes` bytes of a mask of words, and
    // `mask` is as long.
    match unsafe { libc::sched_setaffinity(0, bytes, mask.as_ptr().cast()) } {
        0 => Ok(()),
        _ => Err(Error::System {
            function: "sched_setaffinity",
            why: io::Error::last_os_error().to_string(),
        }),
    }
}

fn cpus_of(mask: &[u64]) -> Vec<u32> {
    let bits = mask.iter().enumerate().flat_map(|(i, word)| {
        let set = (0..WORD).filter(move |bit| word >> bit & 1 == 1);
        set.map(move |bit| (i * WORD + bit) as u32)
    });
    bits.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_cpus() {
        assert_eq!(cpus_of(&[0b101, 1]), [0, 2, 64]);
    }

    #[test]
    fn a_process_that_cannot_be_is_none() {
        for pid in [0, u32::MAX, i32::MAX as u32] {
            assert_eq!(affinity(Some(pid)).unwrap_err().code(), "no-process");
        }
    }
}
