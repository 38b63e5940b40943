//! Linux: the kernel's account of one thread of any process, kept open.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// What a thread has used since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// Time on a CPU.
    pub(crate) ran: Duration,
    /// Time for which it was ready and had no CPU. The kernel adds a wait when it
    /// ends. `None` where the kernel doesn't tell.
    pub(crate) waited: Option<Duration>,
}

/// The account of one thread: one read at each look, and no other file.
pub(crate) struct Counters {
    /// `None` where this process may open no more files.
    file: Option<File>,
    path: String,
    /// `schedstat`, and not `stat`.
    is_precise: bool,
}

impl Counters {
    /// Opens the account of a thread. It stays that thread's: when the thread is
    /// gone it can't be read, even if its number is used again.
    ///
    /// # Errors
    /// Those of open(2): the thread may be gone.
    pub(crate) fn open(pid: u32, thread: u32) -> io::Result<Counters> {
        let folder = format!("/proc/{pid}/task/{thread}");
        // Some kernels, such as gVisor, have `stat` alone.
        let precise = Self::at(format!("{folder}/schedstat"), true);
        precise.or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Self::at(format!("{folder}/stat"), false),
            _ => Err(error),
        })
    }

    fn at(path: String, is_precise: bool) -> io::Result<Counters> {
        let file = match File::open(&path) {
            Ok(file) => Some(file),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => None,
            Err(error) => return Err(error),
        };
        Ok(Counters {
            file,
            path,
            is_precise,
        })
    }

    /// The account now.
    ///
    /// # Errors
    /// Those of pread(2): ESRCH when the thread is gone.
    pub(crate) fn read(&self) -> io::Result<Account> {
        let mut bytes = [0; 512];
        let length = match &self.file {
            Some(file) => file.read_at(&mut bytes, 0)?,
            None => File::open(&self.path)?.read_at(&mut bytes, 0)?,
        };
        let parsed = if self.is_precise {
            parse(&bytes[..length])
        } else {
            let task = super::tasks::parse("0", &bytes[..length]);
            task.map(|task| Account {
                ran: task.cpu,
                waited: None,
            })
        };
        parsed.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// "119334 94327 2": nanoseconds that it ran, nanoseconds that it waited, times
/// that it got a CPU (the kernel's `Documentation/scheduler/sched-stats.rst`).
pub(super) fn parse(text: &[u8]) -> Option<Account> {
    let mut words = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
    let mut time = || Some(Duration::from_nanos(words.next()?.parse().ok()?));
    Some(Account {
        ran: time()?,
        waited: Some(time()?),
    })
}

/// Lets this process open as many files as the system allows it: one for each
/// thread that is watched.
pub(crate) fn allow_files() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: getrlimit(2) fills the structure.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0 {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: setrlimit(2) reads the structure; where it fails nothing changes.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::own_task;

    #[test]
    fn two_numbers_are_an_account_and_less_is_none() {
        let account = parse(b"119334 94327 2\n").unwrap();
        assert_eq!(account.ran, Duration::from_nanos(119_334));
        assert_eq!(account.waited, Some(Duration::from_nanos(94_327)));
        for text in [&b""[..], b"1", b"x 1 2", b"-1 2 3", b"\xff 1"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_thread_that_works_runs_on_and_one_that_is_gone_is_gone() {
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let worker = std::thread::spawn(move || {
            tell.send(own_task()).unwrap();
            let _ = ended.recv();
        });
        let counters = Counters::open(std::process::id(), told.recv().unwrap()).unwrap();
        assert!(counters.read().unwrap().ran > Duration::ZERO);
        drop(end);
        worker.join().unwrap();
        // pthread_join returns a moment before the kernel has let it go.
        while counters.read().is_ok() {
            std::thread::yield_now();
        }
        assert!(Counters::open(std::process::id(), u32::MAX).is_err());
    }
}
