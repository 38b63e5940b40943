//! What a thread used between two looks, and when it used that.

use std::time::Duration;

/// What one thread used since it was last looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::usage) struct Stretch {
    /// Its process, in the order in which they were found.
    pub(in crate::usage) process: usize,
    /// Its owner, in the order in which they were found.
    pub(in crate::usage) owner: usize,
    /// When it was looked at before; for a new thread, when it can have begun.
    pub(in crate::usage) since: Duration,
    /// Now.
    pub(in crate::usage) until: Duration,
    /// Time on a CPU.
    pub(in crate::usage) ran: Duration,
    /// Time for which it had none, and wanted one.
    pub(in crate::usage) waited: Duration,
    /// Whether it may have done nothing for most of the stretch: it is a new
    /// thread, or one that is looked at seldom.
    pub(in crate::usage) was_idle: bool,
    /// Whether the thread has worked for [`WORKED`](crate::usage::WORKED) by now, and
    /// had not before.
    pub(in crate::usage) begins_to_count: bool,
}

impl Stretch {
    /// When it began to run. A thread that did nothing for a while and then works
    /// without a pause has begun so long ago as it ran and waited.
    pub(in crate::usage) fn ran_since(&self, interval: Duration) -> Duration {
        if !self.was_idle {
            return self.since;
        }
        let wanted = (self.ran + self.waited).max(interval);
        self.until.saturating_sub(wanted).max(self.since)
    }

    /// When it began to wait. The kernel adds a wait when it ends, which may have
    /// begun before the last look.
    pub(in crate::usage) fn waited_since(&self, interval: Duration) -> Duration {
        let wanted = self.ran + self.waited;
        let begun = self.until.saturating_sub(wanted);
        begun.min(self.ran_since(interval))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(50);

    fn stretch(dt: u64, ran: u64, waited: u64, was_idle: bool) -> (u64, u64) {
        let stretch = Stretch {
            process: 0,
            owner: 0,
            since: Duration::from_millis(10_000 - dt),
            until: Duration::from_millis(10_000),
            ran: Duration::from_millis(ran),
            waited: Duration::from_millis(waited),
            was_idle,
            begins_to_count: false,
        };
        let before = |at: Duration| 10_000 - at.as_millis() as u64;
        (
            before(stretch.ran_since(INTERVAL)),
            before(stretch.waited_since(INTERVAL)),
        )
    }

    #[test]
    fn a_busy_thread_used_the_time_since_the_last_look() {
        assert_eq!(stretch(50, 30, 10, false), (50, 50));
        assert_eq!(stretch(50, 0, 0, false), (50, 50));
    }

    #[test]
    fn a_long_wait_began_before_the_last_look() {
        assert_eq!(stretch(50, 10, 190, false), (50, 200));
    }

    #[test]
    fn a_thread_that_slept_began_to_work_late() {
        assert_eq!(stretch(800, 200, 100, true), (300, 300));
        assert_eq!(stretch(800, 1, 0, true), (50, 50));
        assert_eq!(stretch(800, 500, 600, true), (800, 1100));
    }

    #[test]
    fn nothing_begins_before_the_recording() {
        let early = Stretch {
            process: 0,
            owner: 0,
            since: Duration::ZERO,
            until: Duration::from_millis(10),
            ran: Duration::from_millis(4),
            waited: Duration::from_secs(60),
            was_idle: true,
            begins_to_count: false,
        };
        assert_eq!(early.waited_since(INTERVAL), Duration::ZERO);
    }
}
