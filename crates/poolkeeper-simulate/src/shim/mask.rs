//! Masks of CPUs as the kernel hands them out: words of bits.

use super::system::{EFAULT, EINVAL};
use core::ffi::{c_int, c_void};

/// The most CPUs: what a fixed `cpu_set_t` has room for.
pub const MOST_CPUS: u32 = 1024;
const BITS: usize = u64::BITS as usize;
const BYTES: usize = BITS / 8;
pub const WORDS: usize = MOST_CPUS as usize / BITS;
pub type Mask = [u64; WORDS];

/// Every CPU of a machine with so many.
pub fn all(cpus: u32) -> Mask {
    let mut mask = [0; WORDS];
    for (word, bits) in mask.iter_mut().enumerate() {
        let below = (cpus as usize).saturating_sub(word * BITS).min(BITS);
        *bits = u64::MAX.checked_shr((BITS - below) as u32).unwrap_or(0);
    }
    mask
}

/// Bytes of the mask of a machine with so many CPUs: whole words.
pub fn size(cpus: u32) -> usize {
    (cpus as usize).div_ceil(BITS) * BYTES
}

/// Writes a mask to a caller's buffer as the kernel does, and returns the bytes
/// that it wrote.
///
/// # Errors
/// `EINVAL` if the buffer has no room for every CPU, or is no whole number of
/// words; `EFAULT` if there is none.
///
/// # Safety
/// `to` is null or has `length` writable bytes.
pub unsafe fn write(
    mask: &Mask,
    cpus: u32,
    length: usize,
    to: *mut c_void,
) -> Result<usize, c_int> {
    if length.saturating_mul(8) < cpus as usize || !length.is_multiple_of(BYTES) {
        return Err(EINVAL);
    }
    if to.is_null() {
        return Err(EFAULT);
    }
    let bytes = length.min(size(cpus));
    // SAFETY: both have so many bytes, and the caller's buffer is not ours.
    unsafe { core::ptr::copy_nonoverlapping(mask.as_ptr().cast::<u8>(), to.cast(), bytes) };
    Ok(bytes)
}

/// Reads a caller's mask: the CPUs of it that the machine has.
///
/// # Errors
/// `EINVAL` if it has none of them; `EFAULT` if there is no mask.
///
/// # Safety
/// `from` is null or has `length` readable bytes.
pub unsafe fn read(cpus: u32, length: usize, from: *const c_void) -> Result<Mask, c_int> {
    if from.is_null() {
        return Err(EFAULT);
    }
    let mut mask = [0_u64; WORDS];
    let bytes = length.min(size(cpus));
    // SAFETY: both have so many bytes, and ours is new.
    unsafe { core::ptr::copy_nonoverlapping(from.cast(), mask.as_mut_ptr().cast::<u8>(), bytes) };
    let all = all(cpus);
    for (word, exists) in mask.iter_mut().zip(all) {
        *word &= exists;
    }
    if mask == [0; WORDS] {
        return Err(EINVAL);
    }
    Ok(mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(mask: &Mask) -> u32 {
        mask.iter().map(|word| word.count_ones()).sum()
    }

    #[test]
    fn every_machine_has_room() {
        assert_eq!(MOST_CPUS, crate::MOST_CPUS);
    }

    #[test]
    fn all_has_every_cpu_and_no_other() {
        for cpus in [1, 2, 63, 64, 65, 128, 1000, 1024] {
            assert_eq!(count(&all(cpus)), cpus);
        }
        assert_eq!(all(3)[0], 0b111);
        assert_eq!((size(1), size(64), size(65), size(1024)), (8, 8, 16, 128));
    }

    #[test]
    fn a_buffer_without_room_is_refused_as_the_kernel_does() {
        let mut buffer = [0_u64; 3];
        let to = buffer.as_mut_ptr().cast();
        // SAFETY: three words, and never more are said.
        unsafe {
            assert_eq!(write(&all(128), 128, 8, to), Err(EINVAL));
            assert_eq!(write(&all(128), 128, 17, to), Err(EINVAL));
            assert_eq!(
                write(&all(128), 128, 16, core::ptr::null_mut()),
                Err(EFAULT)
            );
            assert_eq!(write(&all(128), 128, 24, to), Ok(16));
        }
        assert_eq!(buffer, [u64::MAX, u64::MAX, 0]);
    }

    #[test]
    fn a_mask_without_a_cpu_of_the_machine_is_refused() {
        let wanted = [0b1100_u64, 1];
        let from = wanted.as_ptr().cast();
        // SAFETY: two words.
        unsafe {
            assert_eq!(read(128, 16, from).map(|mask| count(&mask)), Ok(3));
            assert_eq!(read(3, 16, from).map(|mask| mask[0]), Ok(0b100));
            assert_eq!(read(2, 16, from), Err(EINVAL));
            assert_eq!(read(128, 0, from), Err(EINVAL));
            assert_eq!(read(128, 16, core::ptr::null()), Err(EFAULT));
        }
    }
}
