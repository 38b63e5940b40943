//! `cpu.stat`: how long the kernel has stopped a group for its quota.

use super::groups::groups;
use super::mounts::{self, Membership};
use crate::budget::observed::Observed;
use std::path::PathBuf;
use std::time::Duration;

/// What the kernel counts of one group's quota, since the group was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stopped {
    /// The group's folder.
    pub(crate) group: PathBuf,
    /// Periods of the quota (100 ms mostly) in which the group ran.
    pub(crate) periods: u64,
    /// Those of them in which it was stopped.
    pub(crate) throttled: u64,
    /// Time for which its CPUs were stopped, the sum over CPUs.
    pub(crate) time: Duration,
}

/// The process's group and every group above it, as far as they tell.
pub(crate) fn stopped(observed: &Observed) -> Vec<Stopped> {
    let membership = observed.read_of_process("cgroup").ok();
    let mounts = observed.read_mounts().ok();
    let (Some(membership), Some(mounts)) = (membership, mounts) else {
        return Vec::new();
    };
    let membership = Membership::parse(&membership);
    let Some((hierarchy, path)) = membership.of_controller("cpu") else {
        return Vec::new();
    };
    let folders = groups(observed, &mounts::parse(&mounts), hierarchy, path).folders;
    let read = |folder: PathBuf| parse(&observed.read(folder.join("cpu.stat")).ok()?, folder);
    folders.into_iter().filter_map(read).collect()
}

/// Version 2 counts in microseconds, version 1 in nanoseconds. The root group
/// of version 2 has no quota, and says nothing of it.
fn parse(text: &str, group: PathBuf) -> Option<Stopped> {
    let value = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        lines
            .find(|(field, _)| *field == name)?
            .1
            .trim()
            .parse()
            .ok()
    };
    let microseconds = value("throttled_usec").map(Duration::from_micros);
    Some(Stopped {
        group,
        periods: value("nr_periods")?,
        throttled: value("nr_throttled")?,
        time: microseconds.or_else(|| value("throttled_time").map(Duration::from_nanos))?,
    })
}

/// Reads a text as that file.
#[cfg(fuzzing)]
pub(super) fn fuzz(text: &str) {
    let _ = parse(text, PathBuf::new());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(u64, u64, Duration)> {
        parse(text, PathBuf::new()).map(|found| (found.periods, found.throttled, found.time))
    }

    #[test]
    fn version_2_counts_microseconds() {
        let text = "usage_usec 9\nnr_periods 61\nnr_throttled 53\nthrottled_usec 2500\n";
        assert_eq!(found(text), Some((61, 53, Duration::from_micros(2500))));
    }

    #[test]
    fn version_1_counts_nanoseconds() {
        let text = "nr_periods 61\nnr_throttled 53\nthrottled_time 2500\n";
        assert_eq!(found(text), Some((61, 53, Duration::from_nanos(2500))));
    }

    #[test]
    fn a_group_without_a_quota_says_nothing() {
        assert_eq!(found("usage_usec 9\nuser_usec 5\nsystem_usec 4\n"), None);
        assert_eq!(
            found("nr_periods many\nnr_throttled 1\nthrottled_usec 1\n"),
            None
        );
    }
}
