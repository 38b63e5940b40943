//! What the caller decides while a fit runs: threads, stop, progress.

use crate::{Error, Result};

/// What is known after an iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Progress {
    /// Which start this is, from 0 to `n_init - 1`.
    pub init: usize,
    /// Which iteration has ended, from 1.
    pub iteration: usize,
    /// How many samples changed their cluster; not known from blocks.
    pub changed: Option<usize>,
    /// The sum of the squared distances that the centers moved.
    pub shift: f64,
    /// The sum of squared distances to the nearest center before the centers
    /// moved, where it is known.
    pub inertia: Option<f64>,
}

/// Asked by a fit while it runs, from the thread that called it; only
/// [`cancelled`](Control::cancelled) is also asked by its workers.
///
/// # Examples
///
/// ```
/// use poolkeeper_kmeans::{Control, Threads};
///
/// assert_eq!(Threads(2).threads(), 2);
/// assert!(!Threads(2).cancelled());
/// ```
pub trait Control: Sync {
    /// How many threads the next iteration may use, the caller's included.
    /// 0 counts as 1.
    fn threads(&self) -> usize {
        1
    }

    /// Whether to stop. Asked between blocks of at most a few milliseconds.
    fn cancelled(&self) -> bool {
        false
    }

    /// Whether [`progress`](Control::progress) is to be told the inertia of each
    /// iteration, where that takes no other look at the samples.
    fn wants_inertia(&self) -> bool {
        false
    }

    /// Called after every iteration.
    fn progress(&self, _progress: Progress) {}
}

/// A [`Control`] with a fixed number of threads, that never stops a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads(pub usize);

impl Control for Threads {
    fn threads(&self) -> usize {
        self.0
    }
}

/// `Err(Cancelled)` when the caller wants to stop.
pub(crate) fn check(control: &dyn Control) -> Result<()> {
    if control.cancelled() {
        return Err(Error::Cancelled);
    }
    Ok(())
}
