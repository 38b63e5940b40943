//! The live scopes, in the order in which they began.
//!
//! Scopes are numbered as they begin, so the list is sorted by their numbers. An
//! ended one keeps its place until many have ended: a program may have a hundred
//! thousand tasks inside scopes at once, which end in any order.

use crate::discover::PoolId;
use crate::limit::claim::ScopeId;
use crate::limit::hold::Holds;
use crate::limit::request::Request;
use crate::limit::threads::ThreadRef;

/// So many ended scopes may keep their places before the others move up.
const MOST_ENDED: usize = 16;

/// Memory for more scopes than this is given back when the last one ends.
const MOST_RESERVED: usize = 256;

/// A scope from its beginning to its end, as the registry keeps it.
pub(crate) struct LiveScope {
    pub(crate) thread: ThreadRef,
    /// `None` where it leaves alone what is loaded while it lives.
    pub(crate) late: Option<Late>,
}

/// How a scope covers what is loaded while it lives.
pub(crate) struct Late {
    pub(crate) request: Request,
    /// The last pools that were looked at for it: of those that all threads share, and of
    /// those where each thread has its own number.
    pub(crate) seen: [PoolId; 2],
    pub(crate) holds: Vec<Holds>,
}

/// Every live scope by its number.
#[derive(Default)]
pub(crate) struct LiveScopes {
    scopes: Vec<(ScopeId, Option<LiveScope>)>,
    ended: usize,
}

impl LiveScopes {
    pub(crate) fn is_empty(&self) -> bool {
        self.scopes.is_empty()
    }

    /// Adds a scope, whose number is the largest so far.
    pub(crate) fn push(&mut self, id: ScopeId, scope: LiveScope) {
        self.scopes.push((id, Some(scope)));
    }

    pub(crate) fn get(&self, id: ScopeId) -> Option<&LiveScope> {
        self.scopes[self.place(id)?].1.as_ref()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (ScopeId, &mut LiveScope)> {
        let scopes = self.scopes.iter_mut();
        scopes.filter_map(|(id, scope)| Some((*id, scope.as_mut()?)))
    }

    /// Takes a scope out, if it is live, and gives `late` what it has taken hold of
    /// since it began. Says whether it covered what was loaded.
    pub(crate) fn end(&mut self, id: ScopeId, late: &mut Vec<Holds>) -> Option<bool> {
        let place = self.place(id)?;
        let scope = &mut self.scopes[place].1;
        let covers = match &mut scope.as_mut()?.late {
            Some(covering) => {
                *late = std::mem::take(&mut covering.holds);
                true
            }
            None => false,
        };
        *scope = None;
        self.ended += 1;
        self.tidy();
        Some(covers)
    }

    pub(crate) fn retain(&mut self, stays: impl Fn(&LiveScope) -> bool) {
        self.scopes
            .retain(|(_, scope)| scope.as_ref().is_some_and(&stays));
        self.ended = 0;
    }

    fn place(&self, id: ScopeId) -> Option<usize> {
        // Nearly always the latest.
        if self.scopes.last().is_some_and(|(last, _)| *last == id) {
            return Some(self.scopes.len() - 1);
        }
        self.scopes.binary_search_by_key(&id, |(id, _)| *id).ok()
    }

    /// Gives back the places of ended scopes.
    fn tidy(&mut self) {
        while self.scopes.pop_if(|(_, scope)| scope.is_none()).is_some() {
            self.ended -= 1;
        }
        if self.scopes.is_empty() {
            if self.scopes.capacity() > MOST_RESERVED {
                *self = LiveScopes::default();
            }
        } else if self.ended > MOST_ENDED.max(self.scopes.len() / 2) {
            self.scopes.retain(|(_, scope)| scope.is_some());
            self.ended = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn scope() -> LiveScope {
        LiveScope {
            thread: ThreadRef::default(),
            late: None,
        }
    }

    proptest! {
        #[test]
        fn it_keeps_what_a_set_keeps(
            events in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 1..300),
        ) {
            let (mut live, mut model, mut last) = (LiveScopes::default(), BTreeSet::new(), 0);
            for (begins, which) in events {
                if begins || last == 0 {
                    last += 1;
                    live.push(last, scope());
                    model.insert(last);
                } else {
                    let id = 1 + which.index(last as usize) as ScopeId;
                    prop_assert_eq!(live.end(id, &mut Vec::new()).is_some(), model.remove(&id));
                }
                let listed: Vec<_> = live.iter_mut().map(|(id, _)| id).collect();
                prop_assert!(model.iter().eq(listed.iter()));
                prop_assert_eq!(live.is_empty(), model.is_empty());
                prop_assert!(model.iter().all(|id| live.get(*id).is_some()));
            }
        }
    }
}
