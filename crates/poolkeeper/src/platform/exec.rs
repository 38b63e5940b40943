//! A command in this process's place, with the signals that this one was given.

use std::os::unix::process::CommandExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io, mem, process, ptr};

/// Whether SIGPIPE was ignored when this code was loaded: for a program of Rust's
/// that is before its runtime ignores it.
static IGNORED: AtomicBool = AtomicBool::new(false);

#[used]
// SAFETY: a function that takes nothing and returns nothing is what the loader calls
// there (System V gABI, "Initialization and Termination Functions").
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    // SAFETY: sigaction(2) with no new action only writes the old one, for which all
    // zeros are a value.
    let (status, action) = unsafe {
        let mut action: libc::sigaction = mem::zeroed();
        let status = libc::sigaction(libc::SIGPIPE, ptr::null(), &raw mut action);
        (status, action)
    };
    let is_ignored = status == 0 && action.sa_sigaction == libc::SIG_IGN;
    IGNORED.store(is_ignored, Ordering::Relaxed);
}

/// Replaces this process by a command; returns only if that fails.
///
/// The standard library clears the signal mask and puts SIGPIPE back to its default,
/// because it ignores that itself. A command for which the user has it ignored
/// (`trap '' PIPE`) must find it so. Python (`is_python`) ignores it too before
/// anything of ours runs; the shell that started it still tells. Python also ignores
/// SIGXFSZ, which a program that it becomes must not.
pub(crate) fn exec(command: &mut process::Command, is_python: bool) -> io::Error {
    as_started(command, is_python);
    command.exec()
}

/// Has a command begin with the signals that this process began with; see [`exec`].
pub(super) fn as_started(command: &mut process::Command, is_python: bool) {
    let is_ignored = if is_python {
        is_ignored_by_shell()
    } else {
        IGNORED.load(Ordering::Relaxed)
    };
    let set = move || {
        // SAFETY: signal(2): the default action is no function of ours.
        unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_DFL) };
        if is_ignored {
            // SAFETY: signal(2): to ignore is no function of ours.
            unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
        }
        Ok(())
    };
    // SAFETY: signal(2) is safe after fork, and nothing else is called.
    unsafe { command.pre_exec(set) };
}

/// Whether this process was started by a shell that ignores SIGPIPE. Shells do so only
/// if they were told to, and what they start inherits it.
fn is_ignored_by_shell() -> bool {
    const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "busybox"];
    let parent = std::os::unix::process::parent_id();
    let read = |name: &str| fs::read(format!("/proc/{parent}/{name}")).unwrap_or_default();
    let name = read("comm");
    if !SHELLS
        .iter()
        .any(|shell| shell.as_bytes() == name.trim_ascii())
    {
        return false;
    }
    let status = read("status");
    let mut lines = status.split(|byte| *byte == b'\n');
    let ignored = lines.find_map(|line| line.strip_prefix(b"SigIgn:"));
    let ignored = ignored.and_then(|mask| str::from_utf8(mask).ok());
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (libc::SIGPIPE - 1)) != 0)
}
