//! What is around a program: the CPUs that it has, what others take of them, and
//! how often its group was stopped.

use super::lanes::Lanes;
use super::recorded::BudgetStep;
use crate::budget::{Budget, Changes, Levels, MARKER, Observed, Split, Stopped, stopped};
use crate::platform::{affinity, busy, spent_by_process};
use crate::usage::measured::Throttling;
use crate::usage::throttled::longest;
use crate::{Result, platform};
use std::time::Duration;

/// The budget is read again after so long.
const SELDOM: Duration = Duration::from_secs(1);

/// What is around a process.
pub(super) struct Surroundings {
    pid: u32,
    cpus: Vec<u32>,
    budget: Vec<BudgetStep>,
    read: Duration,
    stopped: (Vec<Stopped>, Vec<Stopped>),
    set: Vec<String>,
    is_launched: bool,
    others: Option<Others>,
    unseen: Vec<String>,
}

/// What was told of a process's surroundings, all the time.
pub(super) struct Told {
    pub(super) budget: Vec<BudgetStep>,
    pub(super) throttling: Option<Throttling>,
    pub(super) set: Vec<String>,
    pub(super) unseen: Vec<String>,
}

/// What others used of the CPUs.
struct Others {
    /// What all had used at the beginning.
    busy: Duration,
    /// What this process had used itself then.
    own: Duration,
    /// How much was booked, and until when.
    booked: Duration,
    until: Duration,
}

impl Surroundings {
    /// What is around a process; a child of this one that has ended already
    /// (`is_child`) had what this one has.
    ///
    /// # Errors
    /// Those of [`Budget::read`].
    pub(super) fn new(pid: u32, is_child: bool) -> Result<Self> {
        let observed = match Observed::process(pid) {
            Err(_) if is_child => Observed::this_process()?,
            observed => observed?,
        };
        let budget = Budget::read(&observed)?;
        let cpus = match affinity(Some(pid)) {
            Err(_) if is_child => affinity(None)?,
            cpus => cpus?,
        };
        let mut unseen: Vec<String> = Vec::new();
        for source in budget.unknown() {
            let why = source.note().unwrap_or_default();
            unseen.push(format!("its CPUs may be fewer: {}: {why}", source.place));
        }
        let others = match busy(&cpus) {
            Ok(busy) => Some(Others {
                busy,
                own: spent_by_process().cpu,
                booked: Duration::ZERO,
                until: Duration::ZERO,
            }),
            Err(error) => {
                unseen.push(format!("what other programs took of the CPUs: {error}"));
                None
            }
        };
        let before = stopped(&observed);
        Ok(Surroundings {
            pid,
            cpus,
            set: set(&observed, budget.cpus),
            is_launched: observed.variable(MARKER).is_some(),
            budget: vec![step(&budget, Duration::ZERO)],
            read: Duration::ZERO,
            stopped: (before.clone(), before),
            others,
            unseen,
        })
    }

    /// Reads again what is due. `used` is what the program has used by now, in all.
    pub(super) fn look(&mut self, now: Duration, used: Duration, lanes: &mut Lanes) {
        if let Some(others) = &mut self.others {
            others.look(now, used, &self.cpus, lanes);
        }
        if now.saturating_sub(self.read) >= SELDOM {
            self.read_again(now);
        }
    }

    /// Reads the budget and the quota; a process that is gone leaves the last ones.
    pub(super) fn read_again(&mut self, now: Duration) {
        self.read = now;
        let Ok(observed) = Observed::process(self.pid) else {
            return;
        };
        let after = stopped(&observed);
        if !after.is_empty() {
            self.stopped.1 = after;
        }
        let Ok(budget) = Budget::read(&observed) else {
            return;
        };
        // It may have become another program, with other variables.
        self.set = set(&observed, budget.cpus);
        self.is_launched = observed.variable(MARKER).is_some();
        let new = step(&budget, now);
        let is_same = |old: &BudgetStep| old.exact == new.exact && old.source == new.source;
        if !self.budget.last().is_some_and(is_same) {
            self.budget.push(new);
            if let Ok(cpus) = platform::affinity(Some(self.pid)) {
                self.change_cpus(cpus);
            }
        }
    }

    fn change_cpus(&mut self, cpus: Vec<u32>) {
        if cpus == self.cpus || cpus.is_empty() {
            return;
        }
        if let (Some(others), Ok(now), Ok(then)) = (&mut self.others, busy(&cpus), busy(&self.cpus))
        {
            // As if the new ones had worked as long as the old ones so far.
            others.busy = now.saturating_sub(then.saturating_sub(others.busy));
        }
        self.cpus = cpus;
    }

    /// Whether poolkeeper had set the program's variables of threads.
    pub(super) fn is_launched(&self) -> bool {
        self.is_launched
    }

    /// The budget's steps, how the group was stopped, the variables, and what could
    /// not be seen.
    pub(super) fn end(self) -> Told {
        Told {
            throttling: longest(self.stopped.0, &self.stopped.1),
            budget: self.budget,
            set: self.set,
            unseen: self.unseen,
        }
    }

    /// Whether it is known what others took.
    pub(super) fn tells_others(&self) -> bool {
        self.others.is_some()
    }
}

impl Others {
    /// Books what the CPUs did since, but for the program and this process.
    fn look(&mut self, now: Duration, used: Duration, cpus: &[u32], lanes: &mut Lanes) {
        let Ok(all) = busy(cpus) else {
            return;
        };
        let own = spent_by_process().cpu.saturating_sub(self.own);
        let theirs = all.saturating_sub(self.busy);
        let theirs = theirs.saturating_sub(used).saturating_sub(own);
        // The kernel counts in ticks: what was booked too early is not booked again.
        let more = theirs.saturating_sub(self.booked);
        lanes.add_others(self.until, now, more);
        self.booked += more;
        self.until = now;
    }
}

fn step(budget: &Budget, at: Duration) -> BudgetStep {
    BudgetStep {
        at,
        exact: budget.exact,
        cpus: budget.cpus,
        source: budget.deciding().place.clone(),
    }
}

/// Variables that ask for more threads than this, and that `poolkeeper run` would leave
/// as they are.
fn set(observed: &Observed, cpus: u32) -> Vec<String> {
    let Ok(split) = Split::new(cpus, &Levels::default(), &[]) else {
        return Vec::new();
    };
    let lookup = |name: &str| observed.variable(name).map(str::to_owned);
    let changes = Changes::new(&split.smallest(), lookup, false);
    let is_more = |value: &str| {
        let first = value.split(',').next().unwrap_or_default();
        first
            .trim()
            .parse()
            .is_ok_and(|threads: u32| threads > cpus)
    };
    let kept = changes.kept.iter().filter(|kept| is_more(&kept.value));
    kept.map(|kept| format!("{}={}", kept.name, kept.value))
        .collect()
}
