//! The rules of overlap for a thread count that lives outside this library.

use crate::limit::claim::{Claim, Rule};
use crate::limit::ledger::{Ledger, Step};
use crate::runtimes::Saved;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Overlapping scopes over one value that the caller reads and sets itself.
///
/// This is [`limit`](crate::limit) for a pool that only the caller can reach (by a
/// controller written in Python, say). It follows threadpoolctl's rule,
/// [`Request::innermost_of`]. The caller must keep other threads out from reading
/// the value until it is set.
///
/// [`Request::innermost_of`]: crate::Request::innermost_of
///
/// # Examples
///
/// ```
/// use poolkeeper::compatible::Overlap;
/// let overlap = Overlap::default();
/// let (outer, value) = overlap.join(8, Some(4), 1);
/// assert_eq!(value, 4, "the caller sets 4");
/// let (inner, value) = overlap.join(4, Some(2), 2);
/// assert_eq!(value, 2);
/// assert_eq!(overlap.leave(outer, Some(2)), None, "the inner one holds it");
/// assert_eq!(overlap.leave(inner, Some(2)), Some(8), "the caller restores 8");
/// ```
#[derive(Debug, Default)]
pub struct Overlap(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    ledger: Ledger,
    last: u64,
}

impl Overlap {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a scope that wants `threads` (`None`: a witness) where `found` is
    /// the present value. Returns the scope's ticket and the value to set.
    pub fn join(&self, found: i32, threads: Option<i32>, context: u64) -> (u64, i32) {
        let mut state = self.state();
        state.last += 1;
        let claim = Claim {
            scope: state.last,
            thread: context,
            threads: threads.unwrap_or_default(),
            rule: threads.map_or(Rule::Witness(context), |_| Rule::Innermost(context)),
        };
        let joined = state.ledger.join(found, Saved::threads(found), claim);
        let target = joined.threads;
        if target != found {
            state.ledger.note_change();
            state.ledger.note(target);
        }
        (state.last, target)
    }

    /// Notes the value that was read back after setting it.
    pub fn note(&self, observed: i32) {
        self.state().ledger.note(observed);
    }

    /// Ends a scope where `found` is the present value (`None`: it can't be read,
    /// and is taken for the one that was set). Returns the value to set, if any.
    pub fn leave(&self, ticket: u64, found: Option<i32>) -> Option<i32> {
        let mut state = self.state();
        let found = found.unwrap_or_else(|| state.ledger.last());
        let target = match state
            .ledger
            .leave(ticket, found, || Saved::threads(found))?
        {
            Step::Nothing | Step::Leave { .. } => return None,
            Step::Set(threads) => threads,
            Step::Restore(saved) => saved.as_c_int(),
        };
        state.ledger.note(target);
        Some(target)
    }

    /// Ends a scope without restoring, as [`Scope::keep`](crate::Scope::keep).
    pub fn keep(&self, ticket: u64) {
        self.state().ledger.keep(ticket);
    }
}
