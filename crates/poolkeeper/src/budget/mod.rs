//! The CPUs that this process may really use, and which of many sources says so.
//!
//! Every source is read and reported; the smallest decides. Files are read
//! under a root that tests choose, and nothing is cached: a quota can change
//! while the program runs.

mod affinity;
mod binding;
mod callers;
mod cgroup;
mod changes;
mod cores;
mod cpu_list;
mod environment;
mod launch;
mod launched;
mod mark;
mod observed;
mod origin;
mod share;
mod source;
mod split;
mod told;
mod variables;
mod words;

pub use affinity::pin;
#[cfg(fuzzing)]
pub(crate) use cgroup::fuzz;
pub(crate) use cgroup::tasks;
pub(crate) use cgroup::{Stopped, stopped};
pub use changes::{Changes, Theirs};
pub use cpu_list::as_list;
pub(crate) use cpu_list::parse_list;
pub use environment::{Setting, environment};
pub use launch::{exec, spawn, until_ended};
pub use mark::MARKER;
pub use observed::Observed;
pub use share::share_of_callers;
pub use source::{Source, SourceKind, SourceStatus};
pub use split::{Levels, Share, Split};
pub use variables::{Entry, Variable, entries};
pub use words::{OVERRIDE, PINNED, counted, written};

use crate::{Error, Result};
use launched::Launchers;
use origin::Origin;
use serde::Serialize;
use source::For;
use variables::Told;

/// The CPUs that a process may use, with every source that has a say.
///
/// # Examples
///
/// ```
/// let budget = poolkeeper::budget::budget()?;
/// let source = budget.deciding();
/// println!("{} CPUs, says {}", budget.cpus, source.place);
/// # Ok::<(), poolkeeper::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Budget {
    /// Whole CPUs: [`Budget::exact`] rounded down, and at least 1.
    pub cpus: u32,
    /// CPUs with their fraction: 1.5 under a quota of 150 ms every 100 ms.
    pub exact: f64,
    /// Physical cores among the CPUs of the affinity mask: two CPUs that share
    /// a core (SMT) count once. `None` where the kernel doesn't tell.
    pub physical_cores: Option<u32>,
    /// How many of these are performance cores, on processors with two kinds.
    pub performance_cores: Option<u32>,
    /// Every source that was found, the most deliberate first.
    pub sources: Vec<Source>,
}

/// Reads the budget of the calling thread's process.
///
/// The smallest of these sources counts: the variable `POOLKEEPER_CPUS`; variables
/// that say how many CPUs programs may use; variables of a batch scheduler or a
/// platform; a launcher's number of processes on this node; the CPU quotas of the
/// process's cgroup and of every group above it; its cpuset; its affinity mask; the
/// machine. [`entries`] lists the variables.
///
/// # Errors
/// - [`Error::InvalidCpus`] if `POOLKEEPER_CPUS` is no positive number.
/// - [`Error::UnsupportedPlatform`] elsewhere than on Linux.
///
/// # Sources
/// sched_setaffinity(2), cgroups(7), the kernel's
/// `Documentation/admin-guide/cgroup-v2.rst` (`cpu.max`) and
/// `Documentation/scheduler/sched-bwc.rst` (CFS quota).
pub fn budget() -> Result<Budget> {
    Budget::read(&Observed::this_process()?)
}

/// Reads the budget of another process.
///
/// # Errors
/// - [`Error::NoProcess`] if there is no such process, or it can't be looked at.
/// - As [`budget`].
pub fn budget_of(pid: u32) -> Result<Budget> {
    Budget::read(&Observed::process(pid)?)
}

impl Budget {
    /// Reads the budget from what can be observed.
    ///
    /// # Errors
    /// [`Error::InvalidCpus`] if `POOLKEEPER_CPUS` is no positive number.
    pub fn read(observed: &Observed) -> Result<Budget> {
        let told = variables::told(observed);
        let launchers = Launchers::new(&told.launched);
        let given = binding::given(observed);
        let mut sources: Vec<Source> = Vec::new();
        sources.extend(overridden(observed, &told, launchers.processes())?);
        sources.extend(told.sources);
        let below = sources.len();
        sources.extend(cgroup::sources(observed));
        sources.extend(affinity::sources(observed, &given));
        let shares = launchers.sources(&sources, &given, observed);
        sources.splice(below..below, shares);
        if let Some(cpus) = observed.share() {
            let place = "poolkeeper, for this worker";
            let share = Source::says(SourceKind::Worker, place, cpus.to_string(), cpus.into());
            sources.insert(0, share);
        }
        let exact = decide(&mut sources);
        let cores = given
            .is_known()
            .then(|| cores::count(observed, &given.cpus));
        Ok(Budget {
            cpus: whole(exact),
            exact,
            physical_cores: cores.as_ref().and_then(|cores| cores.physical),
            performance_cores: cores.and_then(|cores| cores.performance),
            sources,
        })
    }

    /// The source that decided.
    ///
    /// # Panics
    /// Never: the affinity mask always has a say.
    pub fn deciding(&self) -> &Source {
        let mut sources = self.sources.iter();
        sources
            .find(|source| source.status == SourceStatus::Decides)
            .expect("the affinity mask has a say")
    }

    /// The sources that could not be seen, any of which may allow fewer CPUs; none
    /// where the user has said how many. Sources that the affinity mask enforces
    /// anyway (the machine, a cpuset) are left out.
    pub fn unknown(&self) -> impl Iterator<Item = &Source> {
        let is_said = self.deciding().kind == SourceKind::Override;
        let is_open = |source: &Source| {
            let is_kept = matches!(source.kind, SourceKind::Machine | SourceKind::Cpuset);
            !is_kept && matches!(source.status, SourceStatus::Unknown(_))
        };
        let sources = self.sources.iter();
        sources.filter(move |source| !is_said && is_open(source))
    }
}

/// `POOLKEEPER_CPUS`, if it is set. What poolkeeper wrote there on another
/// machine or in another job does not count.
fn overridden(observed: &Observed, told: &Told, processes: u32) -> Result<Option<Source>> {
    if let Some(why) = observed.hidden_environment() {
        let place = observed.place_of_process("environ");
        let why = format!("its variables can't be seen: {why}");
        let status = SourceStatus::Unknown(why);
        let source = Source::silent(SourceKind::Override, place, "", status);
        return Ok(Some(source));
    }
    let Some(value) = observed.variable(OVERRIDE) else {
        return Ok(None);
    };
    let cpus = source::positive(value).ok_or_else(|| Error::InvalidCpus {
        name: OVERRIDE,
        value: value.to_owned(),
    })?;
    let silent = |why| {
        let status = SourceStatus::Ignored(why);
        Source::silent(SourceKind::Override, OVERRIDE, value, status)
    };
    let says = |cpus| {
        let source = Source::says(SourceKind::Override, OVERRIDE, value, cpus);
        source.counting(For::Process)
    };
    if !mark::is_ours(observed, OVERRIDE, value) {
        return Ok(Some(says(cpus)));
    }
    let here = Origin::here(observed, processes);
    let source = match observed.variable(MARKER).and_then(Origin::read) {
        Some(origin) => match origin.why_not(&here) {
            Some(why) => silent(why),
            None => {
                let share = origin.divided(cpus, &here);
                let source = says(share);
                if share < cpus {
                    source.remarked(format!("for the {processes} processes of this node"))
                } else {
                    source
                }
            }
        },
        None if origin::is_in_job(observed, told) => {
            silent("poolkeeper set it, and did not say in which job".to_owned())
        }
        None => says(cpus),
    };
    Ok(Some(source))
}

/// Marks the source that decides, and returns what it says: the smallest. Of
/// equals it is the machine, since then nothing lowers it, or else the first.
fn decide(sources: &mut [Source]) -> f64 {
    let smallest = sources
        .iter()
        .filter_map(|source| source.cpus)
        .fold(f64::INFINITY, f64::min);
    let equals = sources
        .iter_mut()
        .filter(|source| source.cpus == Some(smallest));
    if let Some(source) = equals.min_by_key(|source| source.kind != SourceKind::Machine) {
        source.status = SourceStatus::Decides;
    }
    if smallest.is_finite() { smallest } else { 1.0 }
}

/// Whole CPUs: rounded down, so that the quota is kept, and at least one.
fn whole(exact: f64) -> u32 {
    (exact.floor() as u32).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)], cpus: u32) -> Result<Budget> {
        let mask: Vec<u32> = (0..cpus).collect();
        Budget::read(&Observed::under("/nowhere", variables, &mask))
    }

    #[test]
    fn the_override_lowers_and_never_raises() {
        assert_eq!(with(&[(OVERRIDE, "3")], 8).unwrap().cpus, 3);
        let raised = with(&[(OVERRIDE, "30")], 8).unwrap();
        assert_eq!(raised.cpus, 8);
        assert_eq!(raised.deciding().kind, SourceKind::Affinity);
    }

    #[test]
    fn a_fraction_is_shown_and_rounded_down_to_at_least_one() {
        let budget = with(&[(OVERRIDE, "2.75")], 8).unwrap();
        assert_eq!((budget.cpus, budget.exact), (2, 2.75));
        let budget = with(&[(OVERRIDE, "0.2")], 8).unwrap();
        assert_eq!((budget.cpus, budget.exact), (1, 0.2));
    }

    #[test]
    fn an_override_that_is_no_number_is_an_error() {
        for value in ["", "0", "-1", "many", "inf", "nan", "1e400", "4 cpus"] {
            let error = with(&[(OVERRIDE, value)], 8).unwrap_err();
            assert_eq!(error.code(), "invalid-cpus", "{value}");
        }
    }
}
