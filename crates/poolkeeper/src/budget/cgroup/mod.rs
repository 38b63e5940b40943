//! CPU quotas and cpusets of the process's cgroup and of every group above it.

mod limits;
mod mounts;
mod pids;
mod stat;

pub(crate) use pids::tasks;
pub(crate) use stat::{Stopped, stopped};

use super::observed::Observed;
use super::source::{Source, SourceKind, SourceStatus};
use mounts::{Hierarchy, Membership, Mount, Shown};
use std::io;
use std::path::PathBuf;

const NOT_MOUNTED: &str = "this group's hierarchy is not mounted here: its quotas can't be seen";
const OUTSIDE: &str = "no mount shows this group: its quotas can't be seen";
const PARTLY: &str = "only groups above this one can be seen: its own quota may be lower";

/// The groups of one hierarchy that hold for the process, the innermost first.
struct Groups {
    folders: Vec<PathBuf>,
    /// Why its own is not among them.
    missing: Option<&'static str>,
}

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

/// The folders of the process's groups, as far up as a mount shows them.
///
/// A container's mount may begin at its own group (its root is not `/`), and
/// one hierarchy may be mounted several times: the mount that shows most of
/// the groups above counts.
fn groups(observed: &Observed, mounts: &[Mount], hierarchy: Hierarchy, path: &str) -> Groups {
    let mut candidates: Vec<&Mount> = mounts
        .iter()
        .filter(|mount| mount.carries(hierarchy))
        .collect();
    candidates.sort_by_key(|mount| mount.root.len());
    let mut seen: Vec<Groups> = candidates
        .iter()
        .filter_map(|mount| groups_of_mount(observed, mount, path))
        .collect();
    // The sort is stable: of mounts that show the group itself, the highest.
    seen.sort_by_key(|groups| groups.missing.is_some());
    let why = if candidates.is_empty() {
        NOT_MOUNTED
    } else {
        OUTSIDE
    };
    seen.into_iter().next().unwrap_or(Groups {
        folders: Vec::new(),
        missing: Some(why),
    })
}

/// What one mount shows of the group at `path` and of those above it.
fn groups_of_mount(observed: &Observed, mount: &Mount, path: &str) -> Option<Groups> {
    let own = match mount.shows(path) {
        Shown::At(below) => mount.point.join(below),
        Shown::Somewhere => {
            return Some(Groups {
                folders: vec![mount.point.clone()],
                missing: Some(PARTLY),
            });
        }
        Shown::Nowhere => return None,
    };
    let up = own.ancestors();
    let folders: Vec<PathBuf> = up
        .take_while(|folder| folder.starts_with(&mount.point))
        .filter(|folder| observed.has_folder(folder))
        .map(PathBuf::from)
        .collect();
    let is_whole = folders.first() == Some(&own);
    (!folders.is_empty()).then_some(Groups {
        folders,
        missing: (!is_whole).then_some(PARTLY),
    })
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
