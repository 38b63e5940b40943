//! Random interleavings against a simple model of the rules.

use super::fakes::{FakeProcess, Stage};
use crate::limit::registry::Live;
use crate::limit::request::Request;
use crate::limit::threads::ThreadRef;
use proptest::prelude::*;

const START: i32 = 8;
const THREADS: usize = 3;

/// How a scope stands to those around it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Keeps,
    Forces,
    /// threadpoolctl's: the latest of its context counts.
    InnermostOf(u64),
}

/// What may happen. Scopes are named by their place among the live ones.
#[derive(Debug, Clone)]
enum Event {
    Enter {
        thread: usize,
        threads: u32,
        kind: Kind,
    },
    End {
        scope: usize,
        by: usize,
    },
    Call {
        thread: usize,
    },
    SetBlasBaseline {
        thread: usize,
        threads: u32,
    },
    SomebodySetsBlas {
        threads: i32,
    },
    SomebodySetsOpenMp {
        thread: usize,
        threads: i32,
    },
}

/// Events in which `most` scopes may be live at once.
fn event(others: bool, most: usize) -> impl Strategy<Value = Event> {
    let kind = prop_oneof![
        6 => Just(Kind::Keeps),
        1 => Just(Kind::Forces),
        2 => (1u64..4).prop_map(Kind::InnermostOf),
    ];
    let enter = (0..THREADS, 1u32..12, kind).prop_map(|(thread, threads, kind)| Event::Enter {
        thread,
        threads,
        kind,
    });
    let end = (0..most, 0..THREADS).prop_map(|(scope, by)| Event::End { scope, by });
    let call = (0..THREADS).prop_map(|thread| Event::Call { thread });
    let baseline = (0..THREADS, 1u32..12)
        .prop_map(|(thread, threads)| Event::SetBlasBaseline { thread, threads });
    let blas = (1i32..12).prop_map(|threads| Event::SomebodySetsBlas { threads });
    let openmp = (0..THREADS, 1i32..12)
        .prop_map(|(thread, threads)| Event::SomebodySetsOpenMp { thread, threads });
    let weight = u32::from(others);
    prop_oneof![
        6 => enter, 6 => end, 1 => call,
        weight => baseline, weight => blas, weight => openmp,
    ]
}

/// One value, as the rules have it: written down again, with no thought of how
/// the registry keeps it.
#[derive(Debug, Clone)]
struct Value {
    now: i32,
    /// What this library set last: another value is somebody else's.
    ours: i32,
    before: i32,
    /// What there was before the first scope that is live: what only lowers never
    /// exceeds it.
    ceiling: i32,
    /// Number, threads, kind, and whether it may still restore.
    live: Vec<(usize, i32, Kind, bool)>,
    /// A scope was ended by another thread, which could not set this value.
    pending: bool,
}

impl Value {
    fn new() -> Self {
        Value {
            now: START,
            ours: START,
            before: START,
            ceiling: START,
            live: Vec::new(),
            pending: false,
        }
    }

    /// Rule 5: what somebody else set is left, by all who are live.
    fn notice(&mut self) -> bool {
        let noticed = self.now != self.ours && !self.live.is_empty();
        if noticed {
            self.live.iter_mut().for_each(|scope| scope.3 = false);
            self.before = self.now;
            self.ceiling = self.now;
            self.ours = self.now;
        }
        noticed
    }

    /// Rules 1 to 3 and 11: the smallest, counted from the latest forced scope on; of
    /// one context the innermost; where none of them sets, no more than before.
    fn smallest(&self) -> i32 {
        let forced = self.live.iter().rposition(|scope| scope.2 == Kind::Forces);
        let from = forced.unwrap_or(0);
        let counted = self.live[from..].iter().enumerate();
        let is_around = |place: usize, kind: Kind| {
            let later = &self.live[from + place + 1..];
            matches!(kind, Kind::InnermostOf(_)) && later.iter().any(|scope| scope.2 == kind)
        };
        let smallest = counted
            .filter(|(place, scope)| !is_around(*place, scope.2))
            .map(|(_, scope)| scope.1)
            .min()
            .expect("a live scope");
        if self.live.iter().all(|scope| scope.2 == Kind::Keeps) {
            smallest.min(self.ceiling)
        } else {
            smallest
        }
    }

    /// What the value's own thread does when it comes by.
    fn settle(&mut self) {
        if !std::mem::take(&mut self.pending) || self.notice() || self.now != self.ours {
            return;
        }
        self.now = if self.holds() {
            self.smallest()
        } else {
            self.before
        };
        self.ours = self.now;
    }

    fn holds(&self) -> bool {
        self.live.iter().any(|scope| scope.3)
    }

    fn enter(&mut self, number: usize, threads: i32, kind: Kind) {
        if self.live.is_empty() {
            self.before = self.now;
            self.ceiling = self.now;
        } else {
            self.notice();
        }
        self.live.push((number, threads, kind, true));
        self.now = self.smallest();
        self.ours = self.now;
    }

    fn end(&mut self, number: usize) {
        let noticed = self.notice();
        self.live.retain(|scope| scope.0 != number);
        if noticed {
            return;
        }
        self.now = if self.holds() {
            self.smallest()
        } else {
            self.before
        };
        self.ours = self.now;
    }

    /// Rule 6: another thread can't set this thread's value.
    fn end_elsewhere(&mut self, number: usize) {
        self.live.retain(|scope| scope.0 != number);
        self.pending = true;
    }

    fn set_baseline(&mut self, threads: i32) {
        self.before = threads;
        if !self.holds() {
            self.now = threads;
            self.ours = threads;
            self.ceiling = threads;
        }
    }
}

/// The registry and the model, side by side.
struct Both {
    stage: Stage,
    threads: Vec<ThreadRef>,
    scopes: Vec<(usize, usize, Live)>,
    entered: usize,
    blas: Value,
    openmp: Vec<Value>,
}

impl Both {
    fn new() -> Self {
        let mut stage = Stage::new(FakeProcess::starting_at(START));
        let threads = (0..THREADS).map(|_| stage.thread()).collect();
        Both {
            stage,
            threads,
            scopes: Vec::new(),
            entered: 0,
            blas: Value::new(),
            openmp: vec![Value::new(); THREADS],
        }
    }

    fn happen(&mut self, event: &Event) {
        match *event {
            Event::Enter {
                thread,
                threads,
                kind,
            } => self.enter(thread, threads, kind),
            Event::End { scope, by } if scope < self.scopes.len() => self.end(scope, by),
            Event::Call { thread } => {
                self.stage.call(self.threads[thread]);
                self.openmp[thread].settle();
            }
            Event::SetBlasBaseline { thread, threads } => self.set_baseline(thread, threads),
            Event::End { .. } => {}
            Event::SomebodySetsBlas { threads } => {
                self.stage.somebody_sets_blas(threads);
                self.blas.now = threads;
            }
            Event::SomebodySetsOpenMp { thread, threads } => {
                self.stage
                    .somebody_sets_openmp(self.threads[thread], threads);
                self.openmp[thread].now = threads;
            }
        }
    }

    fn enter(&mut self, thread: usize, threads: u32, kind: Kind) {
        let request = Request::new().all(threads);
        let request = match kind {
            Kind::Keeps => request,
            Kind::Forces => request.force(),
            Kind::InnermostOf(context) => request.innermost_of(context),
        };
        let scope = self.stage.enter(self.threads[thread], request);
        self.openmp[thread].settle();
        self.entered += 1;
        self.scopes.push((self.entered, thread, scope));
        self.blas.enter(self.entered, threads as i32, kind);
        self.openmp[thread].enter(self.entered, threads as i32, kind);
    }

    fn end(&mut self, scope: usize, by: usize) {
        let (number, thread, mut scope) = self.scopes.remove(scope);
        self.stage.end(self.threads[by], &mut scope);
        self.blas.end(number);
        if by == thread {
            self.openmp[thread].end(number);
        } else {
            self.openmp[thread].end_elsewhere(number);
        }
        self.openmp[by].settle();
    }

    fn set_baseline(&mut self, thread: usize, threads: u32) {
        let request = Request::new().blas(threads);
        self.stage.set_baseline(self.threads[thread], &request);
        self.openmp[thread].settle();
        self.blas.set_baseline(threads as i32);
    }

    fn assert_agree(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.stage.blas(), self.blas.now);
        for (thread, value) in self.threads.iter().zip(&self.openmp) {
            prop_assert_eq!(self.stage.openmp(*thread), value.now);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn every_interleaving_follows_the_rules(
        events in prop::collection::vec(event(true, 8), 1..40),
    ) {
        let mut both = Both::new();
        for event in &events {
            both.happen(event);
            both.assert_agree()?;
        }
    }

    #[test]
    fn when_nobody_else_interferes_the_last_scope_restores_the_start(
        events in prop::collection::vec(event(false, 8), 1..40),
        order in any::<prop::sample::Index>(),
    ) {
        let mut both = Both::new();
        events.iter().for_each(|event| both.happen(event));
        while !both.scopes.is_empty() {
            let scope = order.index(both.scopes.len());
            both.end(scope, both.scopes[scope].1);
        }
        (0..THREADS).for_each(|thread| both.happen(&Event::Call { thread }));
        prop_assert_eq!(both.stage.blas(), START);
        for thread in &both.threads {
            prop_assert_eq!(both.stage.openmp(*thread), START);
        }
    }

    #[test]
    fn no_live_limit_is_ever_exceeded_without_force(
        events in prop::collection::vec(event(false, 8), 1..40),
    ) {
        let mut both = Both::new();
        for event in &events {
            let event = match event.clone() {
                Event::Enter { thread, threads, .. } => {
                    Event::Enter { thread, threads, kind: Kind::Keeps }
                }
                other => other,
            };
            both.happen(&event);
            prop_assert!(both.stage.blas() <= START, "a limit raised");
            for (number, thread, _) in &both.scopes {
                let limits = |value: &Value| value.live.iter().find(|s| s.0 == *number).map(|s| s.1);
                let blas = limits(&both.blas).expect("live");
                prop_assert!(both.stage.blas() <= blas);
                let openmp = limits(&both.openmp[*thread]).expect("live");
                prop_assert!(both.stage.openmp(both.threads[*thread]) <= openmp);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn crowds_of_scopes_follow_the_rules(
        first in prop::collection::vec(event(false, 1000), 50..150),
        then in prop::collection::vec(event(true, 200), 1..150),
    ) {
        let mut both = Both::new();
        // Few of the first events name a scope that is there: many come to be live.
        for event in first.iter().chain(&then) {
            both.happen(event);
            both.assert_agree()?;
        }
    }
}
