//! CPU quotas and cpusets of the process's cgroup and of every group above it.

mod limits;
mod mounts;

use super::observed::Observed;
use super::source::Source;
use mounts::{Hierarchy, Membership, Mount};
use std::path::PathBuf;

/// The groups of one hierarchy that hold for the process, its own first.
struct Groups {
    folders: Vec<PathBuf>,
    /// What is uncertain about them, if something is.
    note: Option<&'static str>,
}

/// Every quota and cpuset that the mounted hierarchies show.
pub(super) fn sources(observed: &Observed) -> Vec<Source> {
    let (Ok(mountinfo), Ok(membership)) =
        (observed.read_mounts(), observed.read_of_process("cgroup"))
    else {
        return Vec::new();
    };
    let mounts = mounts::parse(&mountinfo);
    let membership = Membership::parse(&membership);
    let find = |hierarchy| groups(observed, &mounts, &membership, hierarchy);
    let mut sources = Vec::new();
    if let Some(groups) = find(Hierarchy::Unified) {
        sources.extend(limits::quotas_v2(observed, &groups));
        sources.extend(limits::cpuset_v2(observed, &groups));
    }
    if let Some(groups) = find(Hierarchy::Controller("cpu")) {
        sources.extend(limits::quotas_v1(observed, &groups));
    }
    if let Some(groups) = find(Hierarchy::Controller("cpuset")) {
        sources.extend(limits::cpuset_v1(observed, &groups));
    }
    sources
}

/// The folders of the process's groups, as far up as a mount shows them.
///
/// A container's mount may begin at its own group (its root is not `/`), and
/// one hierarchy may be mounted several times: the mount that shows most of
/// the groups above counts.
fn groups(
    observed: &Observed,
    mounts: &[Mount],
    membership: &Membership,
    hierarchy: Hierarchy,
) -> Option<Groups> {
    let path = membership.path(hierarchy)?;
    let mut candidates: Vec<&Mount> = mounts
        .iter()
        .filter(|mount| mount.carries(hierarchy))
        .collect();
    candidates.sort_by_key(|mount| mount.root.len());
    let inside = candidates.iter().find_map(|mount| {
        let below = mount.below(path)?;
        let own = mount.point.join(below);
        observed.has_folder(&own).then_some((mount, own))
    });
    if let Some((mount, own)) = inside {
        let up = own.ancestors();
        let folders = up
            .take_while(|folder| folder.starts_with(&mount.point))
            .map(PathBuf::from)
            .collect();
        return Some(Groups {
            folders,
            note: None,
        });
    }
    let mount = candidates.first()?;
    Some(Groups {
        folders: vec![mount.point.clone()],
        note: Some("the process's own group is not visible here; read where the mount begins"),
    })
}
