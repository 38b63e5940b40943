//! Linux: a command as a child of this process, and its end.

use super::exec::as_started;
use std::io;
use std::process::{Child, Command};

/// Starts a command as a child, with the signals that this process was started
/// with, as [`exec`](super::exec) would leave them.
///
/// # Errors
/// Those of fork(2) and execvp(3).
pub(crate) fn spawn(command: &mut Command, is_python: bool) -> io::Result<Child> {
    as_started(command, is_python);
    command.spawn()
}

/// Waits until a child has ended, and leaves it there to be looked at: the child's
/// `wait` lets it go.
///
/// # Errors
/// Those of waitid(2).
pub(crate) fn until_ended(pid: u32) -> io::Result<()> {
    loop {
        // SAFETY: a siginfo_t is numbers and addresses, for which zeros are valid.
        let mut told: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let flags = libc::WEXITED | libc::WNOWAIT;
        // SAFETY: waitid(2) fills the structure.
        if unsafe { libc::waitid(libc::P_PID, pid, &raw mut told, flags) } == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
