//! Looks at a program, again and again.

use super::lanes::{Amount, Lanes, Whose};
use super::recorded::{Lane, OwnerUse, ProcessUse, Recording};
use super::surroundings::Surroundings;
use crate::Result;
use crate::error::Error;
use crate::platform::allow_files;
use crate::usage::process::{Stretch, Tree};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Threads that did nothing are looked at again after so many looks.
const SELDOM: u64 = 16;

/// Follows a process, and the processes that it starts, until
/// [`Recorder::finish`]. Whoever has it calls [`Recorder::look`], at any rate: what
/// threads ran and waited is counted by the kernel, and nothing is lost if a look
/// comes late.
///
/// # Examples
///
/// ```
/// use poolkeeper::usage::Recorder;
/// use std::time::Duration;
///
/// let mut child = std::process::Command::new("sleep").arg("0.2").spawn()?;
/// let mut recorder = Recorder::new(child.id(), true, Duration::from_millis(50))?;
/// while child.try_wait()?.is_none() {
///     recorder.look();
///     std::thread::sleep(recorder.interval());
/// }
/// let recording = recorder.finish();
/// assert_eq!(recording.command, ["sleep", "0.2"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Sources
/// `Documentation/scheduler/sched-stats.rst` of the kernel (`schedstat`).
pub struct Recorder {
    pid: u32,
    interval: Duration,
    began: Instant,
    looks: u64,
    tree: Tree,
    lanes: Lanes,
    surroundings: Surroundings,
    ran: Duration,
    /// Threads that worked, by owner.
    worked: HashMap<usize, usize>,
}

impl Recorder {
    /// Begins with a process. If it is a child that the caller has just started
    /// (`is_new`), all that it has used so far counts. This process may open as many files as the system
    /// allows it from here on: each thread that is watched needs one.
    ///
    /// # Errors
    /// - [`Error::NoProcess`] if there is no such process.
    /// - [`Error::UnsupportedPlatform`] elsewhere than on Linux.
    pub fn new(pid: u32, is_new: bool, interval: Duration) -> Result<Recorder> {
        let surroundings = Surroundings::new(pid, is_new)?;
        allow_files();
        let recorder = Recorder {
            pid,
            interval,
            began: Instant::now(),
            looks: 0,
            tree: Tree::new(pid, is_new),
            lanes: Lanes::new(interval),
            surroundings,
            ran: Duration::ZERO,
            worked: HashMap::new(),
        };
        if recorder.tree.processes()[0].name.is_empty() {
            return Err(Error::NoProcess {
                pid,
                why: "it has just ended".to_owned(),
            });
        }
        Ok(recorder)
    }

    /// Time between two looks, as it was asked for.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Time since the beginning.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Looks once; whether the process is still there.
    pub fn look(&mut self) -> bool {
        self.looks += 1;
        let is_turn = self.looks.is_multiple_of(SELDOM);
        self.look_at(self.began.elapsed(), is_turn);
        self.tree.is_live(self.pid)
    }

    fn look_at(&mut self, now: Duration, all: bool) {
        let used = self.tree.look(now, all);
        let merged = self.tree.merged();
        if let Some((rest, _)) = self.tree.rest() {
            // Before what the processes used that have these places now.
            for place in merged {
                self.lanes.merge(place, rest);
            }
        }
        for stretch in used {
            self.book(stretch);
        }
        if all {
            let used = self.ran.max(self.tree.spent());
            self.surroundings.look(now, used, &mut self.lanes);
        }
    }

    fn book(&mut self, stretch: Stretch) {
        let whose = Whose {
            process: stretch.process,
            owner: stretch.owner,
        };
        let (interval, until) = (self.interval, stretch.until);
        let since = stretch.ran_since(interval);
        self.lanes.add_run(whose, since, until, stretch.ran);
        let since = stretch.waited_since(interval);
        self.lanes.add_wait(whose, since, until, stretch.waited);
        self.ran += stretch.ran;
        if stretch.begins_to_count {
            *self.worked.entry(stretch.owner).or_default() += 1;
        }
    }

    /// Looks at every thread once more, and tells what was recorded.
    #[must_use]
    pub fn finish(mut self) -> Recording {
        let wall = self.began.elapsed();
        self.looks += 1;
        self.look_at(wall, true);
        self.surroundings.read_again(wall);
        let sums = self.sums();
        let order = self.order(&sums);
        let unseen_cpu = self.tree.spent().saturating_sub(self.ran);
        let processes = self.processes(&sums);
        let owners = self.owners(&sums, &order);
        let others = self.surroundings.tells_others();
        let others = others.then(|| times(self.lanes.others()));
        let silence = self.tree.silence().map(|(why, processes)| match processes {
            1 => format!("whose the threads of one process are: {why}"),
            many => format!("whose the threads of {many} processes are: {why}"),
        });
        let silence: Vec<String> = silence.collect();
        let is_launched = self.surroundings.is_launched();
        let told = self.surroundings.end();
        Recording {
            pid: self.pid,
            command: processes[0].command.clone(),
            wall,
            interval: self.interval,
            looks: self.looks,
            budget: told.budget,
            owners,
            processes,
            width: self.lanes.width(),
            lanes: lanes(&self.lanes, &order),
            others,
            throttling: told.throttling,
            tells_waits: self.tree.tells_waits(),
            unseen_cpu,
            unseen: [told.unseen, silence].concat(),
            set: told.set,
            is_launched,
        }
    }

    /// What each used in all.
    fn sums(&self) -> Vec<(Whose, Amount)> {
        let sum = |lane: &[Amount]| Amount {
            ran: lane.iter().map(|amount| amount.ran).sum(),
            waited: lane.iter().map(|amount| amount.waited).sum(),
        };
        let each = self.lanes.each();
        each.map(|(whose, lane)| (whose, sum(lane))).collect()
    }

    /// The owners' places, those that wanted most first.
    fn order(&self, sums: &[(Whose, Amount)]) -> Vec<usize> {
        let wanted = |owner: usize| -> u64 {
            let its = sums.iter().filter(|(whose, _)| whose.owner == owner);
            its.map(|(_, amount)| amount.ran + amount.waited).sum()
        };
        let mut order: Vec<usize> = (0..self.tree.owners().len()).collect();
        order.sort_by_key(|owner| std::cmp::Reverse(wanted(*owner)));
        order
    }

    fn owners(&self, sums: &[(Whose, Amount)], order: &[usize]) -> Vec<OwnerUse> {
        let used = |place: usize| {
            let (ran, waited) = total(sums, |whose| whose.owner == place);
            OwnerUse {
                owner: self.tree.owners()[place].clone(),
                threads: self.worked.get(&place).copied().unwrap_or(0),
                ran,
                waited,
            }
        };
        order.iter().map(|place| used(*place)).collect()
    }

    fn processes(&self, sums: &[(Whose, Amount)]) -> Vec<ProcessUse> {
        let all = self.tree.processes().iter().enumerate();
        let used = all.map(|(place, process)| {
            let (ran, waited) = total(sums, |whose| whose.process == place);
            let rest = self.tree.rest().filter(|(rest, _)| *rest == place);
            ProcessUse {
                pid: rest.is_none().then_some(process.pid),
                name: rest.map_or_else(
                    || process.name.clone(),
                    |(_, count)| format!("{count} more processes"),
                ),
                command: process.command.clone(),
                began: process.began,
                ended: process.ended,
                peak_threads: process.peak_threads,
                ran,
                waited,
            }
        });
        used.collect()
    }
}

fn total(sums: &[(Whose, Amount)], is_its: impl Fn(&Whose) -> bool) -> (Duration, Duration) {
    let its = sums.iter().filter(|(whose, _)| is_its(whose));
    let (ran, waited) = its.fold((0, 0), |(ran, waited), (_, amount)| {
        (ran + amount.ran, waited + amount.waited)
    });
    (Duration::from_nanos(ran), Duration::from_nanos(waited))
}

fn times(nanoseconds: &[u64]) -> Vec<Duration> {
    nanoseconds
        .iter()
        .copied()
        .map(Duration::from_nanos)
        .collect()
}

/// The lanes, with the owners in their new order.
fn lanes(lanes: &Lanes, order: &[usize]) -> Vec<Lane> {
    let lane = |(whose, amounts): (Whose, &[Amount])| {
        let ran: Vec<u64> = amounts.iter().map(|amount| amount.ran).collect();
        let waited: Vec<u64> = amounts.iter().map(|amount| amount.waited).collect();
        Lane {
            process: whose.process,
            owner: order
                .iter()
                .position(|old| *old == whose.owner)
                .unwrap_or(0),
            ran: times(&ran),
            waited: times(&waited),
        }
    };
    let mut all: Vec<Lane> = lanes.each().map(lane).collect();
    all.sort_by_key(|lane| (lane.process, lane.owner));
    all
}
