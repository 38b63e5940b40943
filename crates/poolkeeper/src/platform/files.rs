//! Linux: files that somebody else named, read without trusting the name.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Reads a regular file of at most `most` bytes. A FIFO without a writer does
/// not block, a device is not read, and a longer file is an error: the name may
/// come from another process's environment.
///
/// # Errors
/// Those of open(2) and read(2); [`io::ErrorKind::InvalidInput`] for what is no
/// regular file; [`io::ErrorKind::FileTooLarge`].
pub(crate) fn read_regular(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        let why = "not a regular file";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    // The kernel's own files don't tell their length: most fit in one read.
    let mut bytes = Vec::with_capacity(8192);
    file.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let why = format!("larger than {most} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

/// O_NONBLOCK: opening a FIFO returns at once (fifo(7)); it changes nothing for
/// regular files. O_NOCTTY: a terminal does not become this process's own.
fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Whether there is shared memory of this name and of this process's user, as
/// LLVM's OpenMP runtime names it.
pub(crate) fn has_shared_memory(name: &str) -> bool {
    // SAFETY: getuid(2) is always successful.
    let user = unsafe { libc::getuid() };
    ["/dev/shm", "/tmp"]
        .iter()
        .any(|folder| Path::new(folder).join(format!("{name}_{user}")).exists())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_device_and_a_fifo_are_refused_at_once() {
        let error = read_regular(Path::new("/dev/zero"), 10).unwrap_err();
        assert_eq!(error.to_string(), "not a regular file");
        let fifo = std::env::temp_dir().join(format!("poolkeeper-fifo-{}", std::process::id()));
        let name = CString::new(fifo.as_os_str().as_bytes()).unwrap();
        // SAFETY: mkfifo(3) with a C string.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        let error = read_regular(&fifo, 10).unwrap_err();
        std::fs::remove_file(&fifo).unwrap();
        assert_eq!(error.to_string(), "not a regular file");
    }

    #[test]
    fn a_long_file_is_not_read_to_its_end() {
        let path = std::env::temp_dir().join(format!("poolkeeper-long-{}", std::process::id()));
        std::fs::write(&path, "0123456789").unwrap();
        let (whole, cut) = (read_regular(&path, 10), read_regular(&path, 9));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(whole.unwrap(), b"0123456789");
        assert_eq!(cut.unwrap_err().to_string(), "larger than 9 bytes");
    }
}
