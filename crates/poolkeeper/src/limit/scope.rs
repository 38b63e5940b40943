//! The guard: a limit for as long as it lives.

use crate::Result;
use crate::limit::hold::Holds;
use crate::limit::outcome::{Ending, Outcome};
use crate::limit::plan::names;
use crate::limit::refresh::current;
use crate::limit::registry::Live;
use crate::limit::request::{Request, Selector};
use crate::limit::{gate, threads};
use crate::platform;

/// A live limit; dropping it ends it.
///
/// A scope may end on another thread than it began on. Pools with thread reach
/// then keep the limit on the first thread until that thread next calls
/// poolkeeper; [`Scope::release`] reports it.
#[must_use = "the limit ends when the scope is dropped: bind it to a name, like `let _scope`"]
pub struct Scope {
    live: Live,
    request: Request,
    ended: bool,
}

impl Scope {
    pub(crate) fn begin(request: Request) -> Result<Scope> {
        let (mut registry, thread) = current()?;
        let live = registry.enter(&request, thread)?;
        Ok(Scope {
            live,
            request,
            ended: false,
        })
    }

    /// What became of the limit in each pool, read back when the scope began
    /// (or, for a late library, when it was covered).
    pub fn outcomes(&self) -> Vec<Outcome> {
        // In a pool's own function what came late can't be told.
        let registry = gate::lock().ok();
        let ended = self.live.late.iter().flat_map(Holds::iter);
        let covered = registry
            .iter()
            .flat_map(|registry| registry.late_holds(self.live.id));
        let late: Vec<_> = ended.chain(covered).collect();
        // A name that nothing answered to at first may be loaded by now.
        let found = |selector: &&Selector| late.iter().any(|(held, _)| names(selector, held.pool));
        let unmatched = self
            .live
            .unmatched
            .iter()
            .filter(|selector| !found(selector));
        let unmatched: Vec<_> = unmatched.cloned().collect();
        let mut all = outcomes(&self.live.holds, &unmatched, &self.request);
        all.extend(late.into_iter().map(Outcome::of));
        all
    }

    /// The thread count that each pool had before the scope, by its
    /// [`id`](crate::Pool::id).
    pub fn before(&self) -> impl Iterator<Item = (u32, i32)> {
        self.live
            .holds()
            .map(|(held, hold)| (held.pool.id, hold.before))
    }

    /// What this scope asked for.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Whether the scope has ended.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// Ends the scope; a second call does nothing. [`Scope::endings`] says what was
    /// done to each pool.
    pub fn end(&mut self) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        match gate::lock() {
            Ok(mut registry) => registry.leave(&mut self.live, threads::current_if_known()),
            Err(_) => gate::end_later(self.live.take()),
        }
    }

    /// Ends the scope as [`Scope::end`] does, unless that would wait for another
    /// thread that is at work on limits. Says whether the scope has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut scope = poolkeeper::limit(1)?;
    /// if !scope.try_end() {
    ///     scope.end();
    /// }
    /// assert!(scope.is_ended());
    /// # Ok::<(), poolkeeper::Error>(())
    /// ```
    pub fn try_end(&mut self) -> bool {
        if !self.ended
            && let Some(mut registry) = gate::try_lock()
        {
            registry.leave(&mut self.live, threads::current_if_known());
            self.ended = true;
        }
        self.ended
    }

    /// Ends the scope without restoring anything. The numbers that it set stay for
    /// good if no other scope is live, else until the last of those ends.
    pub fn keep(&mut self) {
        if !std::mem::replace(&mut self.ended, true)
            && let Ok(mut registry) = gate::lock()
        {
            registry.keep(&mut self.live);
        }
    }

    /// What was done to each pool when the scope ended; empty before.
    pub fn endings(&self) -> Vec<Ending> {
        self.live.holds().filter_map(Ending::of).collect()
    }

    /// The [`endings`](Scope::endings) that the user should know of.
    pub fn notable_endings(&self) -> impl Iterator<Item = Ending> {
        let all = self.live.is_notable.then(|| self.live.holds());
        let all = all.into_iter().flatten();
        let notable = all.filter(|(_, hold)| hold.end.is_some_and(|end| end.is_notable()));
        notable.filter_map(Ending::of)
    }

    /// Ends the scope, and returns what was done to each pool.
    pub fn release(mut self) -> Vec<Ending> {
        self.end();
        self.endings()
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        self.end();
    }
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scope")
            .field("outcomes", &self.outcomes())
            .finish()
    }
}

/// The holds and the unmatched names of a request, as users read them.
pub(crate) fn outcomes(holds: &Holds, unmatched: &[Selector], request: &Request) -> Vec<Outcome> {
    // Where no pool can be seen, a limit of all pools would have nothing to tell of.
    let of_all = match platform::unsupported() {
        Some(_) => request.rules().find(|(other, _)| **other == Selector::All),
        None => None,
    };
    let of_all = of_all.map(|(selector, _)| selector);
    let missing = of_all
        .into_iter()
        .chain(unmatched.iter().filter(|s| Some(*s) != of_all));
    let missing = missing.map(|selector| {
        let asked = request.rules().find(|(other, _)| *other == selector);
        Outcome::unmatched(selector, asked.map_or(0, |(_, threads)| threads))
    });
    holds.iter().map(Outcome::of).chain(missing).collect()
}
