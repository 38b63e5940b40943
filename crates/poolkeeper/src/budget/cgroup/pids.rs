//! How many tasks the process's group, and every group above it, may have.

use super::{Membership, groups, mounts};
use crate::budget::Observed;
use std::path::{Path, PathBuf};

/// One group's limit on tasks: processes and their threads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tasks {
    /// The file that states it.
    pub(crate) file: PathBuf,
    pub(crate) limit: u64,
    pub(crate) used: u64,
}

/// The limits of all groups that have one, the innermost first.
///
/// Source: the kernel's `Documentation/admin-guide/cgroup-v2.rst`, `pids.max`,
/// whose names are the same in version 1.
pub(crate) fn tasks(observed: &Observed) -> Vec<Tasks> {
    let Ok(membership) = observed.read_of_process("cgroup") else {
        return Vec::new();
    };
    let Ok(mounts) = observed.read_mounts() else {
        return Vec::new();
    };
    let (membership, mounts) = (Membership::parse(&membership), mounts::parse(&mounts));
    let Some((hierarchy, path)) = membership.of_controller("pids") else {
        return Vec::new();
    };
    let groups = groups(observed, &mounts, hierarchy, path);
    let folders = groups.folders.iter();
    folders
        .filter_map(|folder| tasks_of(observed, folder))
        .collect()
}

fn tasks_of(observed: &Observed, folder: &Path) -> Option<Tasks> {
    let file = folder.join("pids.max");
    let number = |path: &Path| observed.read(path).ok()?.trim().parse().ok();
    Some(Tasks {
        // "max" is no number, and no limit.
        limit: number(&file)?,
        used: number(&folder.join("pids.current"))?,
        file,
    })
}
