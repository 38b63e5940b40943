//! A ledger's claims against a plain list of them.

use crate::limit::claim::{Claim, Rule, ScopeId};
use crate::limit::claims::Claims;
use proptest::prelude::*;

/// The rules once more, by going through a list.
#[derive(Default)]
struct List(Vec<Listed>);

#[derive(Clone)]
struct Listed {
    claim: Claim,
    overridden: bool,
    kept: bool,
}

impl Listed {
    fn shares_context(&self, other: &Listed) -> bool {
        let context = self.claim.rule.context();
        context.is_some() && context == other.claim.rule.context()
    }
}

impl List {
    fn find(&self, scope: ScopeId) -> Option<usize> {
        self.0.iter().rposition(|it| it.claim.scope == scope)
    }

    fn have_say(&self) -> bool {
        self.0
            .iter()
            .any(|it| !it.overridden && !matches!(it.claim.rule, Rule::Witness(_)))
    }

    fn take(&mut self, scope: ScopeId) -> Option<bool> {
        let place = self.find(scope)?;
        let taken = self.0.remove(place);
        let mut places = 0..;
        self.0.retain(|other| {
            let is_earlier = places.next() < Some(place);
            is_earlier || !other.kept || !other.shares_context(&taken)
        });
        Some(taken.overridden)
    }

    fn keep(&mut self, scope: ScopeId) {
        let Some(place) = self.find(scope) else {
            return;
        };
        self.0[place].kept = true;
        let claim = self.0[place].clone();
        let is_around = |other: &Listed| !other.kept && other.shares_context(&claim);
        let since = self.0[..place]
            .iter()
            .rposition(is_around)
            .map_or(0, |it| it + 1);
        let mut places = 0..;
        self.0.retain(|other| {
            let is_between = places.next().is_some_and(|it| (since..place).contains(&it));
            !(is_between && other.kept && other.shares_context(&claim))
        });
    }

    fn smallest(&self) -> Option<i32> {
        let mut counted = Vec::new();
        let mut contexts = Vec::new();
        for it in self.0.iter().rev() {
            match it.claim.rule {
                Rule::Witness(_) => continue,
                Rule::Innermost(context) if contexts.contains(&context) => continue,
                Rule::Innermost(context) => contexts.push(context),
                Rule::Keep | Rule::Force => {}
            }
            counted.push(it.claim.threads);
            if it.claim.rule == Rule::Force {
                break;
            }
        }
        counted.into_iter().min()
    }
}

#[derive(Debug, Clone)]
enum Event {
    Join {
        rule: Rule,
        threads: i32,
        thread: u64,
    },
    /// A scope that began before others joins after them, as a late one may.
    JoinLate,
    Leave(prop::sample::Index),
    Keep(prop::sample::Index),
    Forget(prop::sample::Index),
    SomebodySets,
    Fork(u64),
    DropKept,
}

fn event() -> impl Strategy<Value = Event> {
    let rule = prop_oneof![
        6 => Just(Rule::Keep),
        1 => Just(Rule::Force),
        6 => (0u64..4).prop_map(Rule::Innermost),
        2 => (0u64..4).prop_map(Rule::Witness),
    ];
    let join = (rule, 1i32..9, 1u64..4).prop_map(|(rule, threads, thread)| Event::Join {
        rule,
        threads,
        thread,
    });
    prop_oneof![
        40 => join,
        1 => Just(Event::JoinLate),
        30 => any::<prop::sample::Index>().prop_map(Event::Leave),
        6 => any::<prop::sample::Index>().prop_map(Event::Keep),
        4 => any::<prop::sample::Index>().prop_map(Event::Forget),
        2 => Just(Event::SomebodySets),
        1 => (1u64..4).prop_map(Event::Fork),
        2 => Just(Event::DropKept),
    ]
}

/// Both, side by side.
#[derive(Default)]
struct Both {
    claims: Claims,
    list: List,
    last: ScopeId,
}

impl Both {
    fn join(&mut self, scope: ScopeId, rule: Rule, threads: i32, thread: u64) {
        let claim = Claim {
            scope,
            thread,
            threads,
            rule,
        };
        self.claims.push(claim);
        self.list.0.push(Listed {
            claim,
            overridden: false,
            kept: false,
        });
    }

    fn happen(&mut self, event: &Event) -> Result<(), TestCaseError> {
        match event {
            Event::Join {
                rule,
                threads,
                thread,
            } => {
                self.last += 2;
                self.join(self.last, *rule, *threads, *thread);
            }
            Event::JoinLate => self.join(self.last.saturating_sub(5) | 1, Rule::Keep, 3, 1),
            Event::Leave(which) => {
                let scope = self.pick(which);
                let taken = self.claims.take(scope);
                prop_assert_eq!(
                    taken.map(|(_, overridden)| overridden),
                    self.list.take(scope)
                );
            }
            Event::Keep(which) => {
                let scope = self.pick(which);
                self.claims.keep(scope);
                self.list.keep(scope);
            }
            Event::Forget(which) => {
                let scope = self.pick(which);
                let there = self.list.find(scope).is_some();
                prop_assert_eq!(self.claims.forget(scope), there);
                self.list.0.retain(|it| it.claim.scope != scope);
            }
            Event::SomebodySets => {
                self.claims.override_all();
                self.list.0.iter_mut().for_each(|it| it.overridden = true);
            }
            Event::Fork(thread) => {
                self.claims.keep_only_thread(*thread);
                self.list.0.retain(|it| it.claim.thread == *thread);
            }
            Event::DropKept => {
                if self.list.0.iter().all(|it| it.kept) {
                    prop_assert!(self.claims.are_all_kept());
                    self.claims.clear();
                    self.list.0.clear();
                }
            }
        }
        Ok(())
    }

    /// A scope that has a claim; now and then one that has none.
    fn pick(&self, which: &prop::sample::Index) -> ScopeId {
        let place = which.index(self.list.0.len() + 1);
        self.list.0.get(place).map_or(0, |it| it.claim.scope)
    }

    fn assert_agree(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.claims.smallest(), self.list.smallest());
        prop_assert_eq!(self.claims.len(), self.list.0.len());
        prop_assert_eq!(self.claims.is_empty(), self.list.0.is_empty());
        prop_assert_eq!(self.claims.have_say(), self.list.have_say());
        let all_kept = self.list.0.iter().all(|it| it.kept);
        prop_assert_eq!(self.claims.are_all_kept(), all_kept);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn claims_answer_as_a_plain_list_does(events in prop::collection::vec(event(), 1..400)) {
        let mut both = Both::default();
        for event in &events {
            both.happen(event)?;
            both.assert_agree()?;
        }
    }
}

/// Many scopes at once, ended first come first served, as tasks end. Going
/// through all of them at each end would take an hour, and the gate ends it.
#[test]
fn a_hundred_thousand_scopes_at_once_are_no_burden() {
    const MANY: u64 = 100_000;
    let rules: [fn(u64) -> Rule; 5] = [
        |_| Rule::Keep,
        |_| Rule::Force,
        Rule::Innermost,
        |_| Rule::Innermost(1),
        Rule::Witness,
    ];
    for rule in rules {
        let mut claims = Claims::default();
        for scope in 1..=MANY {
            claims.push(Claim {
                scope,
                thread: 1,
                threads: scope as i32,
                rule: rule(scope),
            });
        }
        for scope in 1..=MANY {
            assert!(claims.take(scope).is_some());
            if let Rule::Keep = rule(scope) {
                let next = (scope < MANY).then_some(scope as i32 + 1);
                assert_eq!(claims.smallest(), next);
            }
        }
        assert!(claims.is_empty());
    }
}
