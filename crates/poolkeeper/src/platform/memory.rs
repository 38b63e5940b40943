//! Linux: words of a process's memory, read without stopping it.

/// The memory of a process. Where nothing is mapped, or where the system does not
/// allow it, there is no word: reading never faults.
#[derive(Debug, Clone, Copy)]
pub(super) struct Memory(Option<libc::pid_t>);

impl Memory {
    /// That of this process.
    pub(super) const OWN: Memory = Memory(None);

    /// That of the process of this number.
    pub(super) fn of(pid: u32) -> Memory {
        Memory(Some(pid.cast_signed()))
    }

    /// The word at an address.
    pub(super) fn word(self, address: usize) -> Option<usize> {
        let mut bytes = [0; size_of::<usize>()];
        self.copy(address, &mut bytes)
            .then(|| usize::from_ne_bytes(bytes))
    }

    /// Copies the bytes at an address; whether all of them could be read.
    pub(super) fn copy(self, address: usize, into: &mut [u8]) -> bool {
        let local = libc::iovec {
            iov_base: into.as_mut_ptr().cast(),
            iov_len: into.len(),
        };
        let remote = libc::iovec {
            iov_base: address as *mut libc::c_void,
            iov_len: into.len(),
        };
        // Asked each time: a forked child is another process.
        // SAFETY: getpid(2) is always successful.
        let pid = self.0.unwrap_or_else(|| unsafe { libc::getpid() });
        // SAFETY: process_vm_readv(2): writes at most so many bytes to `into`, and fails
        // with EFAULT where the address can't be read.
        let read =
            unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
        read == into.len().cast_signed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_not_mapped_is_no_word() {
        assert_eq!(Memory::OWN.word(8), None);
    }

    #[test]
    fn this_process_is_read_by_its_number_as_well() {
        let value = 0x1234_5678_usize;
        let address = (&raw const value) as usize;
        assert_eq!(Memory::of(std::process::id()).word(address), Some(value));
        assert_eq!(Memory::of(u32::MAX).word(address), None);
    }
}
