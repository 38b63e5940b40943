//! The rules of overlapping scopes for one pool, without any pool: pure.
//!
//! A ledger keeps the live scopes of one pool (of one thread's view of a pool,
//! where its reach is `thread`), the value from before the first of them, and
//! the value that was last seen after setting it. Its caller says which value was
//! found, and the ledger answers what to set.

use crate::limit::claim::{Claim, ScopeId};
use crate::limit::claims::Claims;
use crate::runtimes::Saved;
use libc::c_int;

/// What a pool should have once a claim has been entered, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) threads: c_int,
    pub(crate) because: Because,
}

/// Why a pool's number is what it is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Because {
    /// A claim has the number.
    Claim,
    /// The pool had fewer threads before the first claim, and no claim may raise it.
    Ceiling,
}

/// What to do to the pool after a scope ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: the value is right as it is.
    Nothing,
    /// Other scopes are live: set this.
    Set(c_int),
    /// It was the last: restore this.
    Restore(Saved),
    /// The value found isn't the one set: leave it.
    Leave {
        /// What was set.
        expected: c_int,
    },
}

/// The live scopes of one pool.
#[derive(Debug)]
pub(crate) struct Ledger {
    baseline: Saved,
    /// The thread count that claims which only lower may not exceed: the one from
    /// before the first.
    ceiling: c_int,
    last: c_int,
    changed: bool,
    forgotten: bool,
    claims: Claims,
}

impl Default for Ledger {
    fn default() -> Self {
        Ledger {
            baseline: Saved::threads(0),
            ceiling: 0,
            last: 0,
            changed: false,
            forgotten: false,
            claims: Claims::default(),
        }
    }
}

impl Ledger {
    pub(crate) fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.claims.len()
    }

    /// Whether a live scope will have its say in what is restored.
    pub(crate) fn is_holding(&self) -> bool {
        self.claims.have_say()
    }

    /// Enters a claim; answers the value that the pool should have now.
    /// `found` is its present value, `saved` its present setting.
    pub(crate) fn join(&mut self, found: c_int, saved: Saved, claim: Claim) -> Target {
        if self.claims.is_empty() {
            self.begin(found, saved);
        } else if found != self.last {
            self.override_all(found, saved);
        }
        self.claims.push(claim);
        self.target().unwrap_or(Target {
            threads: found,
            because: Because::Claim,
        })
    }

    /// Notes that the pool was set, and so is to be restored.
    pub(crate) fn note_change(&mut self) {
        self.changed = true;
    }

    /// Notes what the pool was seen to have after every pool was set.
    pub(crate) fn note(&mut self, observed: c_int) {
        self.last = observed;
    }

    /// The value that was last noted.
    pub(crate) fn last(&self) -> c_int {
        self.last
    }

    /// Ends a scope's claim without restoring: the value stays, for good if no
    /// other scope is live, else until the last of those ends.
    pub(crate) fn keep(&mut self, scope: ScopeId) {
        if self.claims.keep(scope) && self.claims.are_all_kept() {
            self.claims.clear();
            self.changed = false;
        }
    }

    /// Ends a scope's claim; `None` if it has none here.
    pub(crate) fn leave(
        &mut self,
        scope: ScopeId,
        found: c_int,
        save: impl FnOnce() -> Saved,
    ) -> Option<Step> {
        let (expected, overridden) = self.claims.take(scope)?;
        self.drop_kept();
        let step = self.settle(found, save);
        if overridden && step == Step::Nothing {
            return Some(Step::Leave { expected });
        }
        Some(step)
    }

    /// Removes a scope's claim where the pool can't be set from here; says
    /// whether there was one. [`Ledger::settle`] does the rest later.
    pub(crate) fn forget(&mut self, scope: ScopeId) -> bool {
        let removed = self.claims.forget(scope);
        self.drop_kept();
        removed
    }

    /// Ends the claims of every thread but `thread`.
    pub(crate) fn keep_only_thread(&mut self, thread: u64) -> bool {
        let removed = self.claims.keep_only_thread(thread);
        self.drop_kept();
        removed
    }

    /// What to do after claims were removed.
    pub(crate) fn settle(&mut self, found: c_int, save: impl FnOnce() -> Saved) -> Step {
        if std::mem::take(&mut self.forgotten) {
            self.last = found;
        }
        if found != self.last {
            let expected = self.last;
            self.override_all(found, save());
            return Step::Leave { expected };
        }
        if self.is_holding() {
            let target = self.target().map_or(found, |target| target.threads);
            if target == found {
                return Step::Nothing;
            }
            self.changed = true;
            return Step::Set(target);
        }
        if !std::mem::take(&mut self.changed) {
            return Step::Nothing;
        }
        Step::Restore(self.baseline)
    }

    /// The runtime may have forgotten what was set, in a forked child: what
    /// [`Ledger::settle`] finds next is not somebody else's doing.
    pub(crate) fn expect_anything(&mut self) {
        self.forgotten = true;
    }

    /// Notes that the user set the pool outside every scope: that is what there was
    /// before the scopes that come.
    pub(crate) fn set_now(&mut self, baseline: Saved, observed: c_int) {
        self.set_baseline(baseline);
        self.ceiling = observed;
        self.last = observed;
    }

    /// Replaces the value to go back to when the live scopes have ended.
    pub(crate) fn set_baseline(&mut self, baseline: Saved) {
        self.baseline = baseline;
        self.changed = self.is_holding();
    }

    /// Values that ended scopes left behind last until the last live scope ends.
    fn drop_kept(&mut self) {
        if self.claims.are_all_kept() {
            self.claims.clear();
        }
    }

    fn begin(&mut self, found: c_int, baseline: Saved) {
        self.baseline = baseline;
        self.ceiling = found;
        self.last = found;
        self.changed = false;
    }

    /// Somebody else set `found`: what is live no longer has a say in what is
    /// restored, and what comes later goes back to `found`.
    fn override_all(&mut self, found: c_int, baseline: Saved) {
        self.claims.override_all();
        self.begin(found, baseline);
    }

    /// The smallest of the claims that count, if any does; no more than there was
    /// before the first, where none of them sets.
    fn target(&self) -> Option<Target> {
        let smallest = self.claims.smallest()?;
        // A runtime that doesn't tell its number has no ceiling.
        let has_ceiling = self.ceiling > 0 && !self.claims.set();
        if has_ceiling && self.ceiling < smallest {
            return Some(Target {
                threads: self.ceiling,
                because: Because::Ceiling,
            });
        }
        Some(Target {
            threads: smallest,
            because: Because::Claim,
        })
    }
}
