//! How a scope's hold on a pool ended.

use serde::Serialize;

/// How a scope's hold on a pool ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EndStatus {
    /// The pool is back at its value from before, or was never changed.
    Restored,
    /// Other live scopes still hold it, at this many threads.
    Held {
        /// Threads that the pool runs now.
        threads: i32,
    },
    /// Other code changed the pool meanwhile, so it was left as found.
    Left {
        /// What the scope had set.
        expected: i32,
        /// What was found.
        found: i32,
    },
    /// The scope began on another thread, whose own value can only be changed
    /// there: it goes back at that thread's next call of poolkeeper.
    OtherThread,
    /// The thread that the scope began on has ended, and its value with it; or
    /// it does not exist in this process, which was forked.
    ThreadGone,
}

impl EndStatus {
    /// `"restored"`, `"held"`, `"left"`, `"other-thread"` or `"thread-gone"`.
    pub fn name(&self) -> &'static str {
        match self {
            EndStatus::Restored => "restored",
            EndStatus::Held { .. } => "held",
            EndStatus::Left { .. } => "left",
            EndStatus::OtherThread => "other-thread",
            EndStatus::ThreadGone => "thread-gone",
        }
    }

    /// Whether the user should be told: the pool is not as they would expect.
    pub fn is_notable(&self) -> bool {
        matches!(self, EndStatus::Left { .. } | EndStatus::OtherThread)
    }
}
