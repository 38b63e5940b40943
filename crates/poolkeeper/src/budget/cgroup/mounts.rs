//! Where cgroups are mounted, and which the process is in.

use std::path::PathBuf;

/// A hierarchy of groups: version 2's one, or the one of a controller of version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hierarchy {
    Unified,
    Controller(&'static str),
}

/// What is mounted.
#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Unified,
    /// Version 1, with its controllers.
    Controllers(Vec<String>),
    Other,
}

/// A mounted hierarchy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    id: u64,
    /// The mount that this one lies in.
    parent: u64,
    /// The group that is shown at the mount point.
    pub(super) root: String,
    pub(super) point: PathBuf,
    kind: Kind,
}

/// How a mount shows a group.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown<'path> {
    /// At this path below the mount point.
    At(&'path str),
    /// Below the mount point, under names that can't be told here.
    Somewhere,
    /// Not at all: the group is not below the mount's root.
    Nowhere,
}

impl Mount {
    pub(super) fn carries(&self, hierarchy: Hierarchy) -> bool {
        match (hierarchy, &self.kind) {
            (Hierarchy::Unified, Kind::Unified) => true,
            (Hierarchy::Controller(name), Kind::Controllers(names)) => {
                names.iter().any(|other| other == name)
            }
            _ => false,
        }
    }

    /// Where the group of this path is.
    ///
    /// The kernel writes the path and the mount's root as seen from the root of
    /// the reader's cgroup namespace; what is above that is written with `..`,
    /// without the names in between (cgroup_namespaces(7)).
    pub(super) fn shows<'path>(&self, path: &'path str) -> Shown<'path> {
        let (root_up, root) = climb(&self.root);
        let (up, below) = climb(path);
        if root_up > up && root.is_empty() {
            return Shown::Somewhere;
        }
        let rest = below.strip_prefix(root).filter(|rest| {
            let is_whole_name = root.is_empty() || rest.is_empty() || rest.starts_with('/');
            // No path of the kernel's goes up after it went down.
            is_whole_name && root_up == up && !rest.split('/').any(|name| name == "..")
        });
        rest.map_or(Shown::Nowhere, |rest| {
            Shown::At(rest.trim_start_matches('/'))
        })
    }

    /// Whether another mount lies over this one, or over a folder on the way to it.
    fn is_hidden(&self, mounts: &[Mount]) -> bool {
        let lies_over = |over: &Mount| over.parent == self.id && over.point == self.point;
        if mounts
            .iter()
            .any(|over| over.id != self.id && lies_over(over))
        {
            return true;
        }
        let mut inner = self;
        // As many steps as there are mounts: numbers that form a circle end too.
        for _ in mounts {
            let covers = |over: &Mount| {
                let is_above = over.point != inner.point && inner.point.starts_with(&over.point);
                over.parent == inner.parent && is_above
            };
            if mounts
                .iter()
                .any(|over| over.id != inner.parent && covers(over))
            {
                return true;
            }
            match mounts.iter().find(|outer| outer.id == inner.parent) {
                Some(outer) => inner = outer,
                None => return false,
            }
        }
        false
    }
}

/// How many levels a path goes up, and what is below: `/../../a/b` is 2 and `a/b`.
fn climb(path: &str) -> (usize, &str) {
    let mut below = path.trim_matches('/');
    let mut levels = 0;
    while let Some(rest) = below.strip_prefix("..") {
        if !(rest.is_empty() || rest.starts_with('/')) {
            break;
        }
        below = rest.trim_start_matches('/');
        levels += 1;
    }
    (levels, below)
}

/// Reads the cgroup mounts of `/proc/self/mountinfo` that are not hidden under
/// others; see proc_pid_mountinfo(5). Lines of another form are passed over.
pub(super) fn parse(mountinfo: &str) -> Vec<Mount> {
    let mounts: Vec<Mount> = mountinfo.lines().filter_map(mount).collect();
    let is_seen = |mount: &Mount| mount.kind != Kind::Other && !mount.is_hidden(&mounts);
    let seen: Vec<bool> = mounts.iter().map(is_seen).collect();
    let mounts = mounts.into_iter().zip(seen);
    mounts
        .filter_map(|(mount, is_seen)| is_seen.then_some(mount))
        .collect()
}

fn mount(line: &str) -> Option<Mount> {
    // The optional fields before the hyphen vary in number.
    let (about_mount, about_system) = line.split_once(" - ")?;
    let mut fields = about_mount.split(' ');
    let (id, parent) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let (root, point) = (unescaped(fields.nth(1)?), unescaped(fields.next()?));
    let mut fields = about_system.split(' ');
    let (kind, options) = (fields.next()?, fields.nth(1).unwrap_or_default());
    Some(Mount {
        id,
        parent,
        root,
        point: PathBuf::from(point),
        kind: match kind {
            "cgroup2" => Kind::Unified,
            "cgroup" => Kind::Controllers(options.split(',').map(str::to_owned).collect()),
            _ => Kind::Other,
        },
    })
}

/// Blanks in paths are written as octal escapes: `\040`.
fn unescaped(field: &str) -> String {
    let mut parts = field.split('\\');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                text.push(char::from(code));
                text.push_str(&part[3..]);
            }
            None => {
                text.push('\\');
                text.push_str(part);
            }
        }
    }
    text
}

/// The groups that a process is in; see cgroups(7), "/proc files".
pub(super) struct Membership {
    /// Controllers (none for version 2) and path.
    entries: Vec<(Vec<String>, String)>,
}

impl Membership {
    /// Reads lines of `hierarchy-ID:controllers:path`.
    pub(super) fn parse(text: &str) -> Self {
        let entry = |line: &str| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, path) = (fields.next()?, fields.next()?);
            // A removed group keeps its name, with this behind it.
            let path = path.strip_suffix(" (deleted)").unwrap_or(path);
            let controllers = controllers.split(',').filter(|name| !name.is_empty());
            Some((controllers.map(str::to_owned).collect(), path.to_owned()))
        };
        Membership {
            entries: text.lines().filter_map(entry).collect(),
        }
    }

    /// The hierarchy that has a controller, and the process's group there:
    /// version 1's, or else version 2's, since no controller is in both.
    pub(super) fn of_controller(&self, name: &'static str) -> Option<(Hierarchy, &str)> {
        [Hierarchy::Controller(name), Hierarchy::Unified]
            .into_iter()
            .find_map(|hierarchy| Some((hierarchy, self.path(hierarchy)?)))
    }

    fn path(&self, hierarchy: Hierarchy) -> Option<&str> {
        let is_it = |controllers: &[String]| match hierarchy {
            Hierarchy::Unified => controllers.is_empty(),
            Hierarchy::Controller(name) => controllers.iter().any(|other| other == name),
        };
        let mut entries = self.entries.iter();
        let found = entries.find(|(controllers, _)| is_it(controllers));
        found.map(|(_, path)| path.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_line_is_read_with_any_number_of_optional_fields() {
        let text = "35 25 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:15 master:2 - cgroup cgroup rw,cpu,cpuacct\n\
                    36 25 0:31 /docker/a\\040b /mnt/c\\040g rw - cgroup2 cgroup2 rw\n\
                    37 25 0:32 / /proc rw - proc proc rw\n\
                    nonsense";
        let mounts = parse(text);
        assert_eq!(mounts.len(), 2);
        assert!(mounts[0].carries(Hierarchy::Controller("cpu")));
        assert!(!mounts[0].carries(Hierarchy::Unified));
        assert_eq!(mounts[1].root, "/docker/a b");
        assert_eq!(mounts[1].point, PathBuf::from("/mnt/c g"));
        assert!(mounts[1].carries(Hierarchy::Unified));
    }

    #[test]
    fn a_group_is_found_below_a_mount_by_whole_names() {
        let shown = |root: &str, path: &'static str| mounted(root).shows(path);
        assert_eq!(shown("/", "/"), Shown::At(""));
        assert_eq!(shown("/", "/a/b"), Shown::At("a/b"));
        assert_eq!(shown("/a", "/a/b"), Shown::At("b"));
        assert_eq!(shown("/a", "/a"), Shown::At(""));
        assert_eq!(shown("/a", "/ab"), Shown::Nowhere);
        assert_eq!(shown("/", "/..a"), Shown::At("..a"));
        assert_eq!(shown("/", "/a/../b"), Shown::Nowhere);
    }

    #[test]
    fn a_group_outside_the_namespace_is_found_where_the_names_are_told() {
        let shown = |root: &str, path: &'static str| mounted(root).shows(path);
        assert_eq!(shown("/", "/../sibling"), Shown::Nowhere);
        assert_eq!(shown("/..", "/../sibling"), Shown::At("sibling"));
        assert_eq!(shown("/../a", "/../sibling"), Shown::Nowhere);
        assert_eq!(shown("/../..", "/../sibling"), Shown::Somewhere);
        assert_eq!(shown("/../..", "/"), Shown::Somewhere);
        assert_eq!(shown("/../other", "/"), Shown::Nowhere);
    }

    fn mounted(root: &str) -> Mount {
        mount(&format!("2 1 0:9 {root} /m rw - cgroup2 cgroup2 rw")).unwrap()
    }

    #[test]
    fn a_mount_under_another_is_not_seen() {
        let seen = |text: &str| {
            let mounts = parse(text).into_iter();
            mounts.map(|mount| mount.root).collect::<Vec<_>>()
        };
        let lower = "2 1 0:9 /lower /m/a rw - cgroup2 cgroup2 rw\n";
        assert_eq!(seen(lower), ["/lower"]);
        let upper = "3 2 0:9 /upper /m/a rw - cgroup2 cgroup2 rw";
        assert_eq!(seen(&format!("{lower}{upper}")), ["/upper"]);
        let over_its_folder = "3 1 0:8 / /m rw - tmpfs tmpfs rw";
        assert!(seen(&format!("{lower}{over_its_folder}")).is_empty());
        let beside = "3 1 0:8 / /m/ab rw - tmpfs tmpfs rw";
        assert_eq!(seen(&format!("{lower}{beside}")), ["/lower"]);
        let below = "3 2 0:8 / /m/a/b rw - tmpfs tmpfs rw";
        assert_eq!(seen(&format!("{lower}{below}")), ["/lower"]);
    }

    #[test]
    fn a_removed_group_and_paths_with_colons_are_read() {
        let membership = Membership::parse("3:cpu,cpuacct:/a:b (deleted)\n0::/x\nbroken\n");
        assert_eq!(membership.path(Hierarchy::Controller("cpu")), Some("/a:b"));
        assert_eq!(membership.path(Hierarchy::Unified), Some("/x"));
        assert_eq!(membership.path(Hierarchy::Controller("cpuset")), None);
    }
}
