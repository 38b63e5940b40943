//! Signals: an interrupt is the program's, and the report comes after it.

use std::ffi::{CStr, c_int};

/// While this lives, SIGINT and SIGQUIT from the terminal end the program that
/// is watched, and not the one that watches.
pub(crate) struct Deaf([(c_int, libc::sighandler_t); 2]);

extern "C" fn nothing(_signal: c_int) {}

impl Deaf {
    pub(crate) fn new() -> Self {
        Deaf([libc::SIGINT, libc::SIGQUIT].map(|signal| {
            // Not SIG_IGN, which the program would inherit.
            let handler = nothing as extern "C" fn(c_int) as libc::sighandler_t;
            // SAFETY: signal(2): a handler that does nothing is safe in any thread.
            (signal, unsafe { libc::signal(signal, handler) })
        }))
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        for (signal, earlier) in self.0 {
            // SAFETY: signal(2): what was there before.
            unsafe { libc::signal(signal, earlier) };
        }
    }
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
