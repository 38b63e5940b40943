//! A made-up kernel, whose threads run and wait millisecond by millisecond, looked
//! at now and then: nothing is lost and nothing is made, at any rate.

use super::lanes::{Amount, Lanes, Whose};
use crate::platform::Account;
use crate::usage::process::Watch;
use proptest::prelude::*;
use std::time::Duration;

/// What a thread does in one millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Sleeps,
    Runs,
    Waits,
}

/// A thread: when it begins, and what it does until it ends.
#[derive(Debug, Clone)]
struct Life {
    begins: usize,
    steps: Vec<Step>,
}

impl Life {
    /// What the kernel tells at a time: a wait is added when it ends.
    fn account(&self, at: usize) -> Option<Account> {
        let lived = at.checked_sub(self.begins)?;
        let (mut ran, mut waited, mut open) = (0, 0, 0);
        for step in self.steps.get(..lived)? {
            match step {
                Step::Waits => open += 1,
                Step::Runs => {
                    ran += 1;
                    waited += std::mem::take(&mut open);
                }
                Step::Sleeps => waited += std::mem::take(&mut open),
            }
        }
        Some(Account {
            ran: ms(ran),
            waited: Some(ms(waited)),
        })
    }
}

fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kind = prop_oneof![Just(Step::Sleeps), Just(Step::Runs), Just(Step::Waits)];
    let run = (kind, 1_usize..400);
    let runs = prop::collection::vec(run, 1..12);
    runs.prop_map(|runs| {
        let each = runs.into_iter();
        each.flat_map(|(step, length)| std::iter::repeat_n(step, length))
            .collect()
    })
}

/// What the looks added up to, and what the kernel had told at the last of them.
fn watch(lives: &[Life], looks: &[usize], lanes: &mut Lanes) -> Vec<(Account, Account)> {
    let mut told = Vec::new();
    for (owner, life) in lives.iter().enumerate() {
        let whose = Whose { process: 0, owner };
        let (mut booked, mut last) = (Account::default(), Account::default());
        booked.waited = Some(Duration::ZERO);
        last.waited = Some(Duration::ZERO);
        let mut before = 0;
        let mut watched: Option<Watch> = None;
        for (number, at) in looks.iter().enumerate() {
            let all = number % 16 == 15 || number + 1 == looks.len();
            let Some(account) = life.account(*at) else {
                // Not begun, or over: its account can't be read.
                before = *at;
                continue;
            };
            let thread = watched.get_or_insert_with(|| Watch::new(ms(before as u64)));
            if !thread.is_due(all) {
                continue;
            }
            last = account;
            if let Some(stretch) = thread.book((0, owner), account, ms(*at as u64)) {
                assert!(stretch.ran_since(ms(20)) >= ms(before as u64));
                lanes.add_run(whose, stretch.ran_since(ms(20)), stretch.until, stretch.ran);
                let since = stretch.waited_since(ms(20));
                lanes.add_wait(whose, since, stretch.until, stretch.waited);
                booked.ran += stretch.ran;
                booked.waited = booked.waited.map(|waited| waited + stretch.waited);
            }
        }
        told.push((booked, last));
    }
    told
}

proptest! {
    /// Looks come at any times: ticks are skipped, threads end between two of them,
    /// and a number that is used again is a life of its own.
    #[test]
    fn what_is_recorded_is_what_the_kernel_told(
        lives in prop::collection::vec((0_usize..500, steps()), 1..6),
        pauses in prop::collection::vec(1_usize..300, 2..60),
    ) {
        let lives: Vec<Life> = lives
            .into_iter()
            .map(|(begins, steps)| Life { begins, steps })
            .collect();
        let looks: Vec<usize> = pauses
            .iter()
            .scan(0, |at, pause| {
                *at += pause;
                Some(*at)
            })
            .collect();
        let mut lanes = Lanes::new(ms(20));
        let told = watch(&lives, &looks, &mut lanes);
        for (owner, (booked, last)) in told.iter().enumerate() {
            prop_assert_eq!(booked, last);
            let lane = lanes.each().find(|(whose, _)| whose.owner == owner);
            let sum = |field: fn(&Amount) -> u64| {
                let amounts = lane.iter().flat_map(|(_, amounts)| *amounts);
                Duration::from_nanos(amounts.map(field).sum())
            };
            prop_assert_eq!(sum(|amount| amount.ran), last.ran);
            prop_assert_eq!(Some(sum(|amount| amount.waited)), last.waited);
        }
    }
}

#[test]
fn a_thread_that_works_without_a_pause_is_drawn_where_it_worked() {
    // It sleeps for a second and works for one; looked at every 20 ms, and while
    // it slept every 320 ms.
    let life = Life {
        begins: 0,
        steps: [vec![Step::Sleeps; 1000], vec![Step::Runs; 1000]].concat(),
    };
    let looks: Vec<usize> = (1..=100).map(|look| 20 * look).collect();
    let mut lanes = Lanes::new(ms(20));
    watch(&[life], &looks, &mut lanes);
    let (_, lane) = lanes.each().next().unwrap();
    let ran: Vec<u64> = lane.iter().map(|amount| amount.ran / 1_000_000).collect();
    assert!(ran[..50].iter().all(|ran| *ran == 0), "{ran:?}");
    assert!(ran[50..].iter().all(|ran| *ran == 20), "{ran:?}");
}
