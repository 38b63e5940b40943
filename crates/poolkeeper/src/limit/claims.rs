//! The claims of live scopes on one pool, in the order in which they were made.
//!
//! A program may have a hundred thousand tasks inside scopes at once, which end
//! in any order. So nothing here goes through all claims: an ended claim keeps
//! its place until many have ended, a tree of minima answers which claim is the
//! smallest, and ordered sets find the neighbours of threadpoolctl's kind.

use crate::limit::claim::{Claim, Rule, ScopeId};
use crate::limit::minima::Minima;
use libc::c_int;
use std::collections::BTreeSet;

/// Orders the claims of one ledger; never used again.
type Number = u64;

/// So many ended claims may keep their places before the others move up.
const MOST_ENDED: usize = 16;

/// So many claims are gone through faster than a tree is kept.
const MOST_LISTED: usize = 8;

/// Memory for more claims than this is given back when the last one ends.
const MOST_RESERVED: usize = 256;

#[derive(Debug, Clone, Copy)]
struct Entry {
    claim: Claim,
    number: Number,
    /// It was made before this many changes by somebody else.
    round: u64,
    /// Its scope ended, and left its value to the scopes around it.
    kept: bool,
    ended: bool,
    /// It is no earlier claim of a context that has a later one.
    counts: bool,
}

impl Entry {
    /// Its number of threads, where that counts.
    fn counted(&self) -> Option<c_int> {
        (self.counts && !self.ended).then_some(self.claim.threads)
    }
}

/// The claims on one pool. Those of one context of threadpoolctl's kind are
/// nested; see [`Rule`].
#[derive(Debug, Default)]
pub(crate) struct Claims {
    /// By number.
    entries: Vec<Entry>,
    ended: usize,
    last_number: Number,
    /// Scopes are numbered as they begin, and nearly always claim in that order.
    by_scope: bool,
    /// How often somebody else has changed the value.
    round: u64,
    /// Claims that are to be restored for.
    with_say: usize,
    /// Claims whose scope is live.
    live: usize,
    /// The numbers of threads that count, once there were many claims.
    minima: Option<Minima>,
    forced: BTreeSet<Number>,
    innermost: BTreeSet<(u64, Number)>,
    live_of_context: BTreeSet<(u64, Number)>,
    kept_of_context: BTreeSet<(u64, Number)>,
}

impl Claims {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len() - self.ended
    }

    /// Whether any claim has its say in what is restored.
    #[inline]
    pub(crate) fn have_say(&self) -> bool {
        self.with_say > 0
    }

    /// Whether any claim sets its number, and does not only lower.
    pub(crate) fn set(&self) -> bool {
        !(self.forced.is_empty() && self.innermost.is_empty())
    }

    /// Somebody else changed the value: no present claim has its say any more.
    pub(crate) fn override_all(&mut self) {
        self.round += 1;
        self.with_say = 0;
    }

    /// Adds a claim, the latest.
    #[inline]
    pub(crate) fn push(&mut self, claim: Claim) {
        let earlier = self.entries.last();
        self.by_scope = earlier.is_none_or(|last| self.by_scope && last.claim.scope <= claim.scope);
        self.last_number += 1;
        let number = self.last_number;
        let counts = !matches!(claim.rule, Rule::Witness(_));
        if claim.rule != Rule::Keep {
            self.note_rule(claim.rule, number);
        }
        self.with_say += usize::from(counts);
        self.live += 1;
        self.entries.push(Entry {
            claim,
            number,
            round: self.round,
            kept: false,
            ended: false,
            counts,
        });
        if self.minima.is_none() && self.entries.len() > MOST_LISTED {
            self.minima = Some(Minima::of(self.entries.iter().map(Entry::counted)));
        } else {
            self.note_count(self.entries.len() - 1);
        }
    }

    /// Notes a new claim among those that it may suspend.
    fn note_rule(&mut self, rule: Rule, number: Number) {
        if rule == Rule::Force {
            self.forced.insert(number);
        }
        if let Rule::Innermost(context) = rule {
            self.set_innermost_counts(context, false);
            self.innermost.insert((context, number));
        }
        if let Some(context) = rule.context() {
            self.live_of_context.insert((context, number));
        }
    }

    /// Notes whether a claim counts, and for how much.
    #[inline]
    fn note_count(&mut self, place: usize) {
        if let Some(minima) = &mut self.minima {
            minima.set(place, self.entries[place].counted());
        }
    }

    /// Removes the latest claim of a scope, with what its context left behind
    /// since. Answers its number of threads, and whether it had lost its say to
    /// somebody else.
    #[inline]
    pub(crate) fn take(&mut self, scope: ScopeId) -> Option<(c_int, bool)> {
        let is_simple = |entry: &mut Entry| {
            entry.claim.scope == scope && entry.claim.rule == Rule::Keep && !entry.kept
        };
        // Mostly the latest scope ends, and there are few.
        if self.minima.is_none()
            && self.ended == 0
            && let Some(entry) = self.entries.pop_if(is_simple)
        {
            let overridden = entry.round != self.round;
            self.live -= 1;
            self.with_say -= usize::from(!overridden);
            return Some((entry.claim.threads, overridden));
        }
        self.take_any(scope)
    }

    fn take_any(&mut self, scope: ScopeId) -> Option<(c_int, bool)> {
        let place = self.find(scope)?;
        let entry = self.remove(place);
        if let Some(context) = entry.claim.rule.context() {
            self.remove_kept(context, entry.number, Number::MAX);
        }
        self.tidy();
        Some((entry.claim.threads, entry.round != self.round))
    }

    /// Removes every claim of a scope, and nothing else; says whether there was
    /// one.
    pub(crate) fn forget(&mut self, scope: ScopeId) -> bool {
        let mut found = false;
        while let Some(place) = self.find(scope) {
            self.remove(place);
            self.tidy();
            found = true;
        }
        found
    }

    /// Ends a scope whose value stays; `false` if it has no claim here.
    pub(crate) fn keep(&mut self, scope: ScopeId) -> bool {
        let Some(place) = self.find(scope) else {
            return false;
        };
        let entry = &mut self.entries[place];
        if !std::mem::replace(&mut entry.kept, true) {
            self.live -= 1;
        }
        let number = entry.number;
        let Some(context) = entry.claim.rule.context() else {
            return true;
        };
        self.live_of_context.remove(&(context, number));
        self.kept_of_context.insert((context, number));
        // Of those left behind since the latest live scope of this context, only
        // the last has a say.
        let earlier = (context, 0)..(context, number);
        let around = self.live_of_context.range(earlier).next_back();
        let around = around.map_or(0, |(_, number)| *number);
        self.remove_kept(context, around, number);
        self.tidy();
        true
    }

    /// Removes the claims of every thread but `thread`; says whether there was
    /// one.
    pub(crate) fn keep_only_thread(&mut self, thread: u64) -> bool {
        let mut found = false;
        for place in 0..self.entries.len() {
            let entry = &self.entries[place];
            if !entry.ended && entry.claim.thread != thread {
                self.remove(place);
                found = true;
            }
        }
        self.tidy();
        found
    }

    /// Whether every claim's scope has ended.
    #[inline]
    pub(crate) fn are_all_kept(&self) -> bool {
        self.live == 0
    }

    #[inline]
    pub(crate) fn clear(&mut self) {
        if !self.is_empty() {
            self.clear_all();
        }
    }

    fn clear_all(&mut self) {
        self.entries.clear();
        self.ended = 0;
        self.with_say = 0;
        self.live = 0;
        self.minima = None;
        self.forced.clear();
        self.innermost.clear();
        self.live_of_context.clear();
        self.kept_of_context.clear();
        self.give_memory_back();
    }

    fn give_memory_back(&mut self) {
        if self.entries.capacity() > MOST_RESERVED {
            *self = Claims::default();
        }
    }

    /// The smallest of the claims that count: those from the latest forced one
    /// on, of each context the innermost.
    #[inline]
    pub(crate) fn smallest(&self) -> Option<c_int> {
        let from = self.forced.last().map_or(0, |number| self.place(*number));
        match (&self.minima, &self.entries[from..]) {
            (Some(minima), _) => minima.from(from),
            (None, [only]) => only.counted(),
            (None, few) => few.iter().filter_map(Entry::counted).min(),
        }
    }

    /// The place of a scope's latest claim.
    fn find(&self, scope: ScopeId) -> Option<usize> {
        let is_it = |entry: &Entry| entry.claim.scope == scope && !entry.ended;
        if !self.by_scope {
            return self.entries.iter().rposition(is_it);
        }
        let end = match self.entries.last() {
            Some(last) if last.claim.scope <= scope => self.entries.len(),
            _ => self.entries.partition_point(|e| e.claim.scope <= scope),
        };
        let same = self.entries[..end].iter().rev();
        let mut same = same.take_while(|entry| entry.claim.scope == scope);
        same.position(is_it).map(|back| end - 1 - back)
    }

    fn place(&self, number: Number) -> usize {
        self.entries.partition_point(|entry| entry.number < number)
    }

    /// Ends a claim; [`Claims::tidy`] gives its place back.
    fn remove(&mut self, place: usize) -> Entry {
        let entry = self.entries[place];
        let (rule, number) = (entry.claim.rule, entry.number);
        self.entries[place].ended = true;
        self.ended += 1;
        self.note_count(place);
        if entry.round == self.round && !matches!(rule, Rule::Witness(_)) {
            self.with_say -= 1;
        }
        if !entry.kept {
            self.live -= 1;
        }
        if rule == Rule::Force {
            self.forced.remove(&number);
        }
        if let Rule::Innermost(context) = rule {
            self.innermost.remove(&(context, number));
            self.set_innermost_counts(context, true);
        }
        if let Some(context) = rule.context() {
            self.live_of_context.remove(&(context, number));
            self.kept_of_context.remove(&(context, number));
        }
        entry
    }

    /// Whether a context's latest claim counts: it does unless another one
    /// follows.
    fn set_innermost_counts(&mut self, context: u64, counts: bool) {
        let of_context = (context, 0)..=(context, Number::MAX);
        let Some((_, number)) = self.innermost.range(of_context).next_back() else {
            return;
        };
        let place = self.place(*number);
        let entry = &mut self.entries[place];
        if entry.counts != counts {
            entry.counts = counts;
            self.note_count(place);
        }
    }

    /// Removes what a context left behind between two of its claims.
    fn remove_kept(&mut self, context: u64, after: Number, before: Number) {
        let between = (context, after + 1)..(context, before);
        while let Some((_, number)) = self.kept_of_context.range(between.clone()).next() {
            self.remove(self.place(*number));
        }
    }

    /// Gives back the places of ended claims.
    fn tidy(&mut self) {
        while self.entries.pop_if(|entry| entry.ended).is_some() {
            self.ended -= 1;
        }
        if self.entries.is_empty() {
            self.minima = None;
            self.give_memory_back();
        } else if self.ended > MOST_ENDED.max(self.entries.len() / 2) {
            self.entries.retain(|entry| !entry.ended);
            self.ended = 0;
            self.minima = Some(Minima::of(self.entries.iter().map(Entry::counted)));
        }
    }
}
