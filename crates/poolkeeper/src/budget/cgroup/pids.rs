//! How many tasks the process's group, and every group above it, may have.

use super::groups::groups;
use super::mounts::{self, Membership};
use crate::budget::observed::Observed;
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn every_group_with_a_limit_is_told() {
        let root = std::env::temp_dir().join(format!("poolkeeper-pids-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a temporary folder");
            fs::write(path, text).expect("a temporary file");
        };
        write("proc/self/cgroup", "0::/pod/container\n");
        let mount = "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n";
        write("proc/self/mountinfo", mount);
        write("sys/fs/cgroup/pod/container/pids.max", "max\n");
        write("sys/fs/cgroup/pod/container/pids.current", "4\n");
        write("sys/fs/cgroup/pod/pids.max", "50\n");
        write("sys/fs/cgroup/pod/pids.current", "7\n");
        let found = tasks(&Observed::under(&root, &[], &[0]));
        fs::remove_dir_all(&root).expect("the temporary folder");
        let expected = Tasks {
            file: PathBuf::from("/sys/fs/cgroup/pod/pids.max"),
            limit: 50,
            used: 7,
        };
        assert_eq!(found, [expected]);
    }
}
