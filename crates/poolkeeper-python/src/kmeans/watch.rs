//! What happens beside a call: its threads, Ctrl-C, progress.

use poolkeeper::kmeans_pool::{self, Caller, Want};
use poolkeeper_kmeans::{Control, Error, Progress, Result};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// How often Python is asked whether there was a signal. An ask waits for the
/// GIL, which another thread may hold for its switch interval of 5 ms.
const BETWEEN_SIGNALS: Duration = Duration::from_millis(50);

/// Fewer multiplications than this run on the calling thread: nobody is asked
/// for more, and the budget, which takes longer, need not be read.
const SMALL: usize = 1 << 20;

pub(crate) struct Watch {
    /// A small call takes no part in the sharing.
    caller: Option<Caller>,
    /// Python's `f(init, iteration, changed, shift, inertia)`.
    progress: Option<Py<PyAny>>,
    thread: ThreadId,
    asked: Mutex<Instant>,
    stop: AtomicBool,
    raised: Mutex<Option<PyErr>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    /// `work` is the multiplications of one iteration.
    ///
    /// # Errors
    /// If the budget is wanted and can't be read.
    pub(crate) fn begin(
        n_jobs: Option<i64>,
        work: usize,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Watch> {
        let caller = if work < SMALL {
            None
        } else {
            Some(Caller::begin(wanted(n_jobs)?))
        };
        Ok(Watch {
            caller,
            progress,
            thread: thread::current().id(),
            asked: Mutex::new(Instant::now()),
            stop: AtomicBool::new(false),
            raised: Mutex::new(None),
        })
    }

    /// Calls the library, detached.
    ///
    /// # Errors
    /// What a signal handler or `progress` raised; the library's own error as a
    /// `ValueError` with its `code` and `row`.
    pub(crate) fn run<T: Send>(
        &self,
        py: Python<'_>,
        call: impl FnOnce() -> Result<T> + Send,
    ) -> PyResult<T> {
        let result = py.detach(call);
        if let Some(error) = lock(&self.raised).take() {
            return Err(error);
        }
        result.map_err(|error| raise(py, &error))
    }

    /// Remembers what was raised, and stops.
    fn note(&self, outcome: PyResult<()>) {
        if let Err(error) = outcome {
            lock(&self.raised).get_or_insert(error);
            self.stop.store(true, Relaxed);
        }
    }

    fn is_time_to_ask(&self) -> bool {
        let mut asked = lock(&self.asked);
        let due = asked.elapsed() >= BETWEEN_SIGNALS;
        if due {
            *asked = Instant::now();
        }
        due
    }
}

impl Control for Watch {
    fn threads(&self) -> usize {
        self.caller
            .as_ref()
            .map_or(1, |caller| caller.threads() as usize)
    }

    /// Python runs signal handlers in its main thread only, and there only when
    /// that thread asks: the one that called, perhaps.
    fn cancelled(&self) -> bool {
        if thread::current().id() == self.thread && self.is_time_to_ask() {
            self.note(Python::attach(|py| py.check_signals()));
        }
        self.stop.load(Relaxed)
    }

    fn wants_inertia(&self) -> bool {
        self.progress.is_some()
    }

    fn progress(&self, now: Progress) {
        if let Some(progress) = &self.progress {
            let facts = (now.init, now.iteration, now.changed, now.shift, now.inertia);
            self.note(Python::attach(|py| progress.call1(py, facts).map(drop)));
        }
    }
}

/// # Errors
/// If the budget is wanted and can't be read.
fn wanted(n_jobs: Option<i64>) -> PyResult<Want> {
    let Some(n_jobs) = n_jobs else {
        kmeans_pool::read_budget().map_err(crate::errors::raise)?;
        return Ok(Want::Usual);
    };
    match u32::try_from(n_jobs).ok().and_then(NonZeroU32::new) {
        Some(threads) => Ok(Want::Exactly(threads)),
        None => {
            kmeans_pool::read_budget().map_err(crate::errors::raise)?;
            Ok(Want::Budget)
        }
    }
}

pub(super) fn raise(py: Python<'_>, error: &Error) -> PyErr {
    let raised = PyValueError::new_err(error.to_string());
    let value = raised.value(py);
    let named = value.setattr("code", error.code());
    let named = named.and_then(|()| value.setattr("row", error.row()));
    match named {
        Ok(()) => raised,
        Err(failure) => failure,
    }
}
