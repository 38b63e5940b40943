//! Signals: an interrupt is the program's, and the report comes after it.

use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI32, Ordering};

/// While this lives, a signal that would end this process is the watched
/// program's: from the terminal both get SIGINT and SIGQUIT, and SIGTERM and
/// SIGHUP, which may come to this process alone, are passed on. A signal that is
/// ignored stays so, here and in the program.
pub struct Deaf(Vec<(c_int, libc::sigaction)>);

/// The last signal to pass on; 0 for none.
static TO_PASS_ON: AtomicI32 = AtomicI32::new(0);

extern "C" fn nothing(_signal: c_int) {}

extern "C" fn remember(signal: c_int) {
    TO_PASS_ON.store(signal, Ordering::Relaxed);
}

impl Deaf {
    /// Begins, for a process that watches a child of its own.
    #[allow(clippy::new_without_default)] // It changes the whole process.
    pub fn new() -> Self {
        Self::with(&[
            (libc::SIGINT, nothing),
            (libc::SIGQUIT, nothing),
            (libc::SIGTERM, remember),
            (libc::SIGHUP, remember),
        ])
    }

    /// Begins, for a process that watches one which is not its child: a signal to
    /// end is this process's own, and [`was_told`] tells of it.
    pub fn listening() -> Self {
        Self::with(&[
            (libc::SIGINT, remember),
            (libc::SIGTERM, remember),
            (libc::SIGHUP, remember),
        ])
    }

    fn with(handlers: &[(c_int, extern "C" fn(c_int))]) -> Self {
        TO_PASS_ON.store(0, Ordering::Relaxed);
        // Not SIG_IGN, which the program would inherit.
        let handled = handlers.iter().filter_map(|(signal, handler)| {
            let earlier = action(*signal, None)?;
            if earlier.sa_sigaction == libc::SIG_IGN {
                return None;
            }
            // SAFETY: numbers and an empty set of signals, for which zeros are valid.
            let mut ours: libc::sigaction = unsafe { std::mem::zeroed() };
            ours.sa_sigaction = *handler as *const () as libc::sighandler_t;
            ours.sa_flags = libc::SA_RESTART;
            action(*signal, Some(&ours))?;
            Some((*signal, earlier))
        });
        Deaf(handled.collect())
    }
}

/// Whether a signal has come since [`Deaf::listening`], or since this was asked.
pub fn was_told() -> bool {
    TO_PASS_ON.swap(0, Ordering::Relaxed) != 0
}

/// Sets what a signal does, if that is given, and returns what it did.
fn action(signal: c_int, new: Option<&libc::sigaction>) -> Option<libc::sigaction> {
    let new = new.map_or(std::ptr::null(), std::ptr::from_ref);
    let mut earlier = MaybeUninit::uninit();
    // SAFETY: sigaction(2): null or an action whose handler only stores a number,
    // which is safe in any thread; it fills `earlier` if it returns 0.
    unsafe {
        let status = libc::sigaction(signal, new, earlier.as_mut_ptr());
        (status == 0).then(|| earlier.assume_init())
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        for (signal, earlier) in &self.0 {
            action(*signal, Some(earlier));
        }
    }
}

/// Sends a process the signal that has come for it, if one has; whether one had.
pub fn pass_signals_on(pid: u32) -> bool {
    let signal = TO_PASS_ON.swap(0, Ordering::Relaxed);
    if let (Ok(target), true) = (libc::pid_t::try_from(pid), signal != 0) {
        // SAFETY: kill(2): the process is our child, and not waited for yet.
        unsafe { libc::kill(target, signal) };
    }
    signal != 0
}

/// `"SIGSEGV"`; the number if it has no name.
pub(crate) fn signal_name(signal: c_int) -> String {
    let known = [
        (libc::SIGABRT, "SIGABRT"),
        (libc::SIGBUS, "SIGBUS"),
        (libc::SIGFPE, "SIGFPE"),
        (libc::SIGHUP, "SIGHUP"),
        (libc::SIGILL, "SIGILL"),
        (libc::SIGINT, "SIGINT"),
        (libc::SIGKILL, "SIGKILL"),
        (libc::SIGPIPE, "SIGPIPE"),
        (libc::SIGQUIT, "SIGQUIT"),
        (libc::SIGSEGV, "SIGSEGV"),
        (libc::SIGTERM, "SIGTERM"),
    ];
    let found = known.iter().find(|(number, _)| *number == signal);
    found.map_or_else(
        || format!("signal {signal}"),
        |(_, name)| (*name).to_owned(),
    )
}

/// What the system says of a signal: "Segmentation fault".
pub fn signal_meaning(signal: c_int) -> String {
    // SAFETY: strsignal(3) returns a text that is good until this thread's next call.
    unsafe {
        let text = libc::strsignal(signal);
        if text.is_null() {
            return String::new();
        }
        CStr::from_ptr(text).to_string_lossy().into_owned()
    }
}
