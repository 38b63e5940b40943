//! Where cgroups are mounted, and which the process is in.

use std::path::PathBuf;

/// A hierarchy of groups: version 2's one, or the one of a controller of version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hierarchy {
    Unified,
    Controller(&'static str),
}

/// A mounted hierarchy.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// The group that is shown at the mount point.
    pub(super) root: String,
    pub(super) point: PathBuf,
    /// Version 1's controllers; none for version 2.
    controllers: Option<Vec<String>>,
}

impl Mount {
    pub(super) fn carries(&self, hierarchy: Hierarchy) -> bool {
        match (hierarchy, &self.controllers) {
            (Hierarchy::Unified, None) => true,
            (Hierarchy::Controller(name), Some(controllers)) => {
                controllers.iter().any(|controller| controller == name)
            }
            _ => false,
        }
    }

    /// The group's path below this mount's root, if it is below.
    pub(super) fn below<'path>(&self, path: &'path str) -> Option<&'path str> {
        let rest = if self.root == "/" {
            path
        } else {
            path.strip_prefix(self.root.as_str())?
        };
        if !(rest.is_empty() || rest.starts_with('/')) {
            return None;
        }
        // A group outside the cgroup namespace is written with `..`.
        let is_outside = rest.split('/').any(|part| part == "..");
        (!is_outside).then(|| rest.trim_start_matches('/'))
    }
}

/// Reads the cgroup mounts of `/proc/self/mountinfo`; see proc_pid_mountinfo(5).
/// Lines of another form are passed over: there are many kinds of mounts.
pub(super) fn parse(mountinfo: &str) -> Vec<Mount> {
    mountinfo.lines().filter_map(mount).collect()
}

fn mount(line: &str) -> Option<Mount> {
    // The optional fields before the hyphen vary in number.
    let (about_mount, about_system) = line.split_once(" - ")?;
    let mut fields = about_mount.split(' ').skip(3);
    let (root, point) = (unescaped(fields.next()?), unescaped(fields.next()?));
    let mut fields = about_system.split(' ');
    let (kind, options) = (fields.next()?, fields.nth(1).unwrap_or_default());
    let controllers = match kind {
        "cgroup2" => None,
        "cgroup" => Some(options.split(',').map(str::to_owned).collect()),
        _ => return None,
    };
    Some(Mount {
        root,
        point: PathBuf::from(point),
        controllers,
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

    pub(super) fn path(&self, hierarchy: Hierarchy) -> Option<&str> {
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
        let at = |root: &str| Mount {
            root: root.to_owned(),
            point: PathBuf::from("/m"),
            controllers: None,
        };
        assert_eq!(at("/").below("/a/b"), Some("a/b"));
        assert_eq!(at("/a").below("/a/b"), Some("b"));
        assert_eq!(at("/a").below("/a"), Some(""));
        assert_eq!(at("/a").below("/ab"), None);
        assert_eq!(at("/").below("/../sibling"), None);
        assert_eq!(at("/..").below("/../sibling"), Some("sibling"));
    }

    #[test]
    fn a_removed_group_and_paths_with_colons_are_read() {
        let membership = Membership::parse("3:cpu,cpuacct:/a:b (deleted)\n0::/x\nbroken\n");
        assert_eq!(membership.path(Hierarchy::Controller("cpu")), Some("/a:b"));
        assert_eq!(membership.path(Hierarchy::Unified), Some("/x"));
        assert_eq!(membership.path(Hierarchy::Controller("cpuset")), None);
    }
}
