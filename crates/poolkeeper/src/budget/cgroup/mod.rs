//! CPU quotas and cpusets of the process's cgroup and of every group above it.

mod groups;
mod limits;
mod mounts;
mod pids;
mod stat;

pub(crate) use pids::tasks;
pub(crate) use stat::{Stopped, stopped};

use super::observed::Observed;
use super::source::{Source, SourceKind, SourceStatus};
use groups::groups;
use mounts::Membership;
use std::io;

/// Every quota and cpuset that the mounted hierarchies show.
pub(super) fn sources(observed: &Observed) -> Vec<Source> {
    let membership = match observed.read_of_process("cgroup") {
        Ok(text) => Membership::parse(&text),
        Err(error) => return unread(observed.place_of_process("cgroup"), &error),
    };
    let mounts = match observed.read_mounts() {
        Ok(text) => mounts::parse(&text),
        Err(error) => return unread("/proc/self/mountinfo".to_owned(), &error),
    };
    let mut sources = Vec::new();
    if let Some((hierarchy, path)) = membership.of_controller("cpu") {
        let groups = groups(observed, &mounts, hierarchy, path);
        sources.extend(limits::quotas(observed, &groups, hierarchy));
        if let Some(why) = groups.missing {
            let status = SourceStatus::Unknown(why.to_owned());
            let place = observed.place_of_process("cgroup");
            sources.push(Source::silent(SourceKind::Quota, place, path, status));
        }
    }
    // A cpuset that can't be seen needs no word: the affinity mask keeps it.
    if let Some((hierarchy, path)) = membership.of_controller("cpuset") {
        let groups = groups(observed, &mounts, hierarchy, path);
        sources.extend(limits::cpuset(observed, &groups, hierarchy));
    }
    sources
}

/// A kernel without cgroups has no such file; any other error may hide a quota.
fn unread(place: String, error: &io::Error) -> Vec<Source> {
    if error.kind() == io::ErrorKind::NotFound {
        return Vec::new();
    }
    let status = SourceStatus::Unknown(error.to_string());
    vec![Source::silent(SourceKind::Quota, place, "", status)]
}

/// Reads a text as mounts, as groups and as the files of a group.
#[cfg(fuzzing)]
pub(crate) fn fuzz(text: &str) {
    let (mounts, groups) = (mounts::parse(text), Membership::parse(text));
    for name in ["cpu", "cpuset", "pids"] {
        let Some((hierarchy, path)) = groups.of_controller(name) else {
            continue;
        };
        for mount in mounts.iter().filter(|mount| mount.carries(hierarchy)) {
            let _ = mount.shows(path);
        }
    }
    limits::fuzz(text);
    stat::fuzz(text);
}
