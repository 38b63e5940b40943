//! The folders of the process's groups, as the mounts show them.

use super::mounts::{Hierarchy, Mount, Shown};
use crate::budget::observed::Observed;
use std::path::PathBuf;

const NOT_MOUNTED: &str = "this group's hierarchy is not mounted here: its quotas can't be seen";
const OUTSIDE: &str = "no mount shows this group: its quotas can't be seen";
const PARTLY: &str = "only groups above this one can be seen: its own quota may be lower";

/// The groups of one hierarchy that hold for the process, the innermost first.
pub(super) struct Groups {
    pub(super) folders: Vec<PathBuf>,
    /// Why its own is not among them.
    pub(super) missing: Option<&'static str>,
}

/// The folders of the process's groups, as far up as a mount shows them.
///
/// A container's mount may begin at its own group (its root is not `/`), and
/// one hierarchy may be mounted several times: the mount that shows most of
/// the groups above counts.
pub(super) fn groups(
    observed: &Observed,
    mounts: &[Mount],
    hierarchy: Hierarchy,
    path: &str,
) -> Groups {
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
