//! What is known of one thread between two looks.

use super::stretch::Stretch;
use crate::platform::Account;
use crate::usage::measured::WORKED;
use std::time::Duration;

/// One thread that is watched.
#[derive(Debug)]
pub(in crate::usage) struct Watch {
    /// Its account at the last look.
    last: Account,
    /// When that was; for a new thread, when it can have begun.
    since: Duration,
    /// What it ran in all while it was watched.
    total: Duration,
    is_idle: bool,
    is_new: bool,
}

impl Watch {
    /// A thread that can have begun at `since` at the earliest.
    pub(in crate::usage) fn new(since: Duration) -> Self {
        Watch {
            last: Account::default(),
            since,
            total: Duration::ZERO,
            is_idle: false,
            is_new: true,
        }
    }

    /// Whether it is to be looked at: one that did nothing is when `all` are.
    pub(in crate::usage) fn is_due(&self, all: bool) -> bool {
        all || !self.is_idle
    }

    /// Takes what it has used so far for used before.
    pub(in crate::usage) fn begin(&mut self, account: Account, now: Duration) {
        self.last = account;
        self.since = now;
        self.is_new = false;
    }

    /// What it has used since the last look.
    pub(in crate::usage) fn book(
        &mut self,
        (process, owner): (usize, usize),
        account: Account,
        now: Duration,
    ) -> Option<Stretch> {
        let waited = |account: Account| account.waited.unwrap_or_default();
        let ran = account.ran.saturating_sub(self.last.ran);
        let had_worked = self.total >= WORKED;
        self.total += ran;
        let used = Stretch {
            process,
            owner,
            since: self.since,
            until: now,
            ran,
            waited: waited(account).saturating_sub(waited(self.last)),
            was_idle: self.is_idle || self.is_new,
            begins_to_count: !had_worked && self.total >= WORKED,
        };
        self.is_idle = account == self.last;
        self.begin(account, now);
        Some(used).filter(|used| used.ran + used.waited > Duration::ZERO)
    }
}
