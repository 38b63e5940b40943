//! What a recording means: computed from what was measured, and from nothing else.
//!
//! In a stretch of time the program *wants* as many CPUs as its threads ran and
//! waited, and it *has* those of its budget. What it waited for beyond its budget
//! is its own doing; for the rest of its waits there were CPUs in the budget, which
//! others had if they worked that long.

use super::recorded::Recording;
use crate::usage::measured::Throttling;
use std::time::Duration;

/// What is less than this part of all that a program wanted is not worth a word.
const NOTABLE: f64 = 0.05;
/// And neither is what took less than this.
const LEAST: Duration = Duration::from_millis(100);
/// Periods of a quota in which a group must have been stopped to be worth a word.
const LEAST_PERIODS: u64 = 3;
/// A program wants too much where it wants so much more than it has: a quarter more,
/// but no more than half a CPU.
const BEYOND: (f64, f64) = (0.25, 0.5);

/// A process takes the whole budget if it wants so much of it by itself.
const WHOLE: f64 = 0.75;
/// One thread works alone where the program wants so many CPUs, and that thread most
/// of them.
const ALONE: (f64, f64) = (0.75, 1.25);
/// How much of the time it must work alone, and for how long, to be worth a word.
const MOSTLY: (f64, f64) = (0.5, 1.0);

/// What a recording means.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Verdict {
    /// CPUs that it wanted, on average.
    pub wanted: f64,
    /// The most CPUs that it wanted in one stretch of time.
    pub peak: f64,
    /// CPUs that it used, on average.
    pub used: f64,
    /// CPUs that it had, on average.
    pub had: f64,
    /// What made it slower than it could have been, the worst first; none if all is well.
    pub causes: Vec<Cause>,
    /// The times in which one thread worked and the rest of the budget stood idle, if
    /// they were most. Nothing slowed the program down then, and more CPUs would not have
    /// made it faster.
    pub alone: Option<Alone>,
    /// It worked for too short a time to be judged.
    pub is_short: bool,
    /// More than a tenth of its CPU time was not seen by thread.
    pub is_partial: bool,
    /// The kernel told how long its threads waited.
    pub knows_waits: bool,
}

/// Why a program waited.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Cause {
    /// It wanted more CPUs than it had.
    Crowd(Crowd),
    /// Others had the CPUs that it wanted, within its budget.
    Neighbours {
        /// How long its threads waited for them.
        waited: Duration,
        /// CPUs that others used meanwhile, on average.
        took: f64,
    },
    /// The kernel stopped it for its CPU quota.
    Throttled(Throttling),
}

/// The times in which one thread worked, and the rest of the budget stood idle.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Alone {
    /// How much of the time, from 0 to 1.
    pub part: f64,
    /// How long.
    pub time: Duration,
    /// CPUs of the budget that nobody used meanwhile, on average.
    pub idle: f64,
}

impl Alone {
    /// The code of this remark, which never changes.
    pub const CODE: &'static str = "PK705";
}

impl Cause {
    /// A short name for programs to test, which never changes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Cause::Crowd(crowd) if crowd.each_takes_all() => "PK702",
            Cause::Crowd(_) => "PK701",
            Cause::Neighbours { .. } => "PK703",
            Cause::Throttled(_) => "PK704",
        }
    }
}

/// The times in which a program wanted more CPUs than it had.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Crowd {
    /// How much of the time, from 0 to 1.
    pub part: f64,
    /// How long.
    pub time: Duration,
    /// Threads that wanted a CPU, on average.
    pub threads: f64,
    /// CPUs that they had.
    pub cpus: f64,
    /// How long they waited for each other, added up.
    pub waited: Duration,
    /// How long they ran and waited, added up.
    pub wanted: Duration,
    /// Threads by owner, the most first: its place in [`Recording::owners`], and how
    /// many wanted a CPU on average.
    pub owners: Vec<(usize, f64)>,
    /// The same by process: its place in [`Recording::processes`].
    pub processes: Vec<(usize, f64)>,
}

impl Crowd {
    /// How many processes wanted the whole budget, each by itself.
    #[must_use]
    pub fn greedy_processes(&self) -> usize {
        let whole = (WHOLE * self.cpus).max(WHOLE);
        let processes = self.processes.iter();
        processes.filter(|(_, threads)| *threads >= whole).count()
    }

    /// Whether several processes wanted the whole budget, each by itself.
    #[must_use]
    pub fn each_takes_all(&self) -> bool {
        self.cpus >= 1.5 && self.greedy_processes() >= 2
    }
}

/// One stretch of time; times in seconds.
#[derive(Debug, Clone, Copy, Default)]
struct Moment {
    length: f64,
    cpus: f64,
    ran: f64,
    waited: f64,
    others: f64,
    /// What the one wanted most that wanted most.
    largest: f64,
}

impl Moment {
    /// Whether one thread worked, and CPUs of the budget stood idle.
    fn is_alone(&self) -> bool {
        let (least, most) = ALONE;
        let busiest = self.largest / self.length.max(1e-9);
        self.cpus >= 2.0
            && self.ran + self.others <= (self.cpus - 0.5) * self.length
            && (least..=most).contains(&self.demand())
            && busiest >= least * self.demand()
    }

    fn wanted(&self) -> f64 {
        self.ran + self.waited
    }

    /// CPUs that it wanted.
    fn demand(&self) -> f64 {
        self.wanted() / self.length.max(1e-9)
    }

    fn is_crowded(&self) -> bool {
        let (part, most) = BEYOND;
        self.demand() > self.cpus + (part * self.cpus).min(most)
    }

    /// What it waited because it wanted more than it had.
    fn own_wait(&self) -> f64 {
        let beyond = self.wanted() - self.cpus * self.length;
        beyond.clamp(0.0, self.waited)
    }

    /// What it waited, within its budget, for CPUs that others had.
    fn others_wait(&self) -> f64 {
        (self.waited - self.own_wait()).min(self.others).max(0.0)
    }
}

impl Verdict {
    /// Judges a recording.
    #[must_use]
    pub fn of(recording: &Recording) -> Verdict {
        let moments = moments(recording);
        let sum = |field: fn(&Moment) -> f64| -> f64 { moments.iter().map(field).sum() };
        let wall = sum(|moment| moment.length).max(1e-9);
        let wanted = sum(Moment::wanted);
        let is_notable = |time: f64| time >= NOTABLE * wanted && time >= LEAST.as_secs_f64();
        let mut causes: Vec<(f64, Cause)> = Vec::new();
        let crowd = crowd(recording, &moments).filter(|crowd| crowd.part >= NOTABLE);
        if let Some(crowd) = crowd.filter(|crowd| is_notable(crowd.waited.as_secs_f64())) {
            causes.push((crowd.waited.as_secs_f64(), Cause::Crowd(crowd)));
        }
        let waited = sum(Moment::others_wait);
        if is_notable(waited) {
            causes.push((waited, neighbours(&moments, waited)));
        }
        if let Some(throttling) = &recording.throttling {
            // Periods, not the time: Linux 6.18 counts hardly any of it.
            let part = throttling.throttled as f64 / (throttling.periods as f64).max(1.0);
            if part >= NOTABLE && throttling.throttled >= LEAST_PERIODS {
                causes.push((part * wall, Cause::Throttled(throttling.clone())));
            }
        }
        causes.sort_by(|one, other| other.0.total_cmp(&one.0));
        let cpu = recording.ran() + recording.unseen_cpu;
        let peaks = moments.iter().map(Moment::demand);
        let is_short = recording.wall < 4 * recording.interval || cpu < LEAST;
        if is_short {
            causes.clear();
        }
        Verdict {
            wanted: wanted / wall,
            peak: peaks.fold(0.0, f64::max),
            used: cpu.as_secs_f64() / wall,
            had: sum(|moment| moment.cpus * moment.length) / wall,
            alone: alone(&moments).filter(|_| causes.is_empty() && !is_short),
            causes: causes.into_iter().map(|(_, cause)| cause).collect(),
            is_short,
            is_partial: recording.unseen_cpu > cpu / 10,
            knows_waits: recording.tells_waits,
        }
    }

    /// Whether nothing slowed the program down, as far as can be said.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.causes.is_empty() && !self.is_short && !self.is_partial && self.knows_waits
    }
}

fn moments(recording: &Recording) -> Vec<Moment> {
    let count = recording.stretches();
    let mut moments: Vec<Moment> = (0..count)
        .map(|stretch| Moment {
            length: recording.length(stretch).as_secs_f64(),
            cpus: recording.cpus(stretch),
            ..Moment::default()
        })
        .collect();
    for lane in &recording.lanes {
        for (moment, ran) in moments.iter_mut().zip(&lane.ran) {
            moment.ran += ran.as_secs_f64();
        }
        for (moment, waited) in moments.iter_mut().zip(&lane.waited) {
            moment.waited += waited.as_secs_f64();
        }
        let waited = lane.waited.iter().copied();
        let waited = waited.chain(std::iter::repeat(Duration::ZERO));
        for (moment, (ran, waited)) in moments.iter_mut().zip(lane.ran.iter().zip(waited)) {
            moment.largest = moment.largest.max((*ran + waited).as_secs_f64());
        }
    }
    let others = recording.others.iter().flatten();
    for (moment, others) in moments.iter_mut().zip(others) {
        moment.others = others.as_secs_f64();
    }
    moments
}

/// The stretches in which one thread worked alone, all together, if they are most.
fn alone(moments: &[Moment]) -> Option<Alone> {
    let wall: f64 = moments.iter().map(|moment| moment.length).sum();
    let those = || moments.iter().filter(|moment| moment.is_alone());
    let time: f64 = those().map(|moment| moment.length).sum();
    let (part, least) = MOSTLY;
    (time >= part * wall && time >= least).then(|| Alone {
        part: time / wall,
        time: Duration::from_secs_f64(time),
        idle: those()
            .map(|moment| moment.cpus * moment.length - moment.ran - moment.others)
            .sum::<f64>()
            / time,
    })
}

fn neighbours(moments: &[Moment], waited: f64) -> Cause {
    // Weighted by how long it waited for them.
    let took = moments.iter().map(|moment| {
        let rate = moment.others / moment.length.max(1e-9);
        rate * moment.others_wait()
    });
    Cause::Neighbours {
        waited: Duration::from_secs_f64(waited),
        took: took.sum::<f64>() / waited.max(1e-9),
    }
}

/// The stretches in which it wanted too much, all together.
fn crowd(recording: &Recording, moments: &[Moment]) -> Option<Crowd> {
    let crowded: Vec<bool> = moments.iter().map(Moment::is_crowded).collect();
    let sum = |field: fn(&Moment) -> f64| -> f64 {
        let those = moments.iter().zip(&crowded);
        those
            .filter(|(_, is)| **is)
            .map(|(moment, _)| field(moment))
            .sum()
    };
    let time = sum(|moment| moment.length);
    if time <= 0.0 {
        return None;
    }
    let wall: f64 = moments.iter().map(|moment| moment.length).sum();
    let wanted = sum(Moment::wanted);
    let by = |count: usize, place: fn(&super::Lane) -> usize| {
        let mut each = vec![0.0; count];
        for lane in &recording.lanes {
            each[place(lane)] += wanted_in(lane, &crowded);
        }
        let mut each: Vec<(usize, f64)> = each
            .into_iter()
            .map(|sum: f64| sum / time)
            .enumerate()
            .collect();
        each.sort_by(|one, other| other.1.total_cmp(&one.1));
        each.retain(|(_, threads)| *threads > 0.0);
        each
    };
    Some(Crowd {
        part: time / wall,
        time: Duration::from_secs_f64(time),
        threads: wanted / time,
        cpus: sum(|moment| moment.cpus * moment.length) / time,
        waited: Duration::from_secs_f64(sum(Moment::own_wait)),
        wanted: Duration::from_secs_f64(wanted),
        owners: by(recording.owners.len(), |lane| lane.owner),
        processes: by(recording.processes.len(), |lane| lane.process),
    })
}

/// What a lane ran and waited in these stretches, in seconds.
fn wanted_in(lane: &super::Lane, crowded: &[bool]) -> f64 {
    let of = |times: &[Duration]| -> f64 {
        let those = times.iter().zip(crowded).filter(|(_, is)| **is);
        those.map(|(time, _)| time.as_secs_f64()).sum()
    };
    of(&lane.ran) + of(&lane.waited)
}
