//! Variables for a new program, and the program in this one's place.

use super::environment::environment;
use super::split::Share;
use crate::{Error, platform};
use std::ffi::OsString;

/// The variable that says for which share poolkeeper set the others
/// (`cpus=8,openmp=4,blas=2`), so that a later call may change those that still
/// have its values: what the user set stays.
pub const MARKER: &str = "POOLKEEPER_SET";

/// A variable that the user had set otherwise, and that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Kept {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub theirs: String,
    /// What would have kept the share.
    pub ours: u32,
}

/// What to change in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Changes {
    /// Names and values to set, [`MARKER`] among them.
    pub set: Vec<(&'static str, String)>,
    /// What stays because the user had set it.
    pub kept: Vec<Kept>,
}

impl Changes {
    /// What keeps `share` in an environment where `lookup` tells the values.
    /// What the user set stays, unless `force`; the override of the budget is
    /// always set, since the user's value is in the budget already.
    pub fn new(share: &Share, lookup: impl Fn(&str) -> Option<String>, force: bool) -> Changes {
        let earlier = lookup(MARKER).and_then(|mark| read_mark(&mark));
        let earlier = earlier.map(|share| environment(&share)).unwrap_or_default();
        let is_ours = |name: &str, value: &str| {
            let mut earlier = earlier.iter();
            earlier.any(|setting| setting.name == name && setting.value.to_string() == value)
        };
        let mut changes = Changes::default();
        for setting in environment(share) {
            let value = setting.value.to_string();
            let theirs = lookup(setting.name).filter(|theirs| {
                let is_free = force || theirs.is_empty() || setting.name == super::OVERRIDE;
                !is_free && !is_ours(setting.name, theirs)
            });
            match theirs {
                Some(theirs) if theirs != value => changes.kept.push(Kept {
                    name: setting.name,
                    theirs,
                    ours: setting.value,
                }),
                _ => changes.set.push((setting.name, value)),
            }
        }
        changes.set.push((MARKER, mark(share)));
        changes
    }
}

/// Whether poolkeeper itself set this variable to this value, says its mark.
pub(super) fn is_ours(observed: &super::Observed, name: &str, value: &str) -> bool {
    let share = observed.variable(MARKER).and_then(read_mark);
    share.is_some_and(|share| {
        let mut settings = environment(&share).into_iter();
        settings.any(|setting| setting.name == name && setting.value.to_string() == value)
    })
}

fn mark(share: &Share) -> String {
    let Share { cpus, openmp, blas } = share;
    format!("cpus={cpus},openmp={openmp},blas={blas}")
}

fn read_mark(mark: &str) -> Option<Share> {
    let mut words = mark.split(',');
    let mut count = |name: &str| words.next()?.strip_prefix(name)?.parse().ok();
    Some(Share {
        cpus: count("cpus=")?,
        openmp: count("openmp=")?,
        blas: count("blas=")?,
    })
}

/// Replaces this process by a command with these variables set; returns only
/// if that fails. Signals are back to what a new process has.
///
/// # Sources
/// execvp(3).
pub fn exec(command: &[OsString], variables: &[(&'static str, String)]) -> Error {
    let Some((program, arguments)) = command.split_first() else {
        return Error::CannotRun {
            program: OsString::new(),
            why: "no command was given".to_owned(),
            is_missing: true,
        };
    };
    let mut command = std::process::Command::new(program);
    command
        .args(arguments)
        .envs(variables.iter().map(|(name, value)| (name, value)));
    let error = platform::exec(&mut command);
    Error::CannotRun {
        program: program.clone(),
        why: error.to_string(),
        is_missing: error.kind() == std::io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn share(cpus: u32) -> Share {
        Share {
            cpus,
            openmp: cpus,
            blas: 1,
        }
    }

    fn changes(cpus: u32, environment_now: &HashMap<String, String>, force: bool) -> Changes {
        let lookup = |name: &str| environment_now.get(name).cloned();
        Changes::new(&share(cpus), lookup, force)
    }

    fn apply(changes: &Changes, environment: &mut HashMap<String, String>) {
        for (name, value) in &changes.set {
            environment.insert((*name).to_owned(), value.clone());
        }
    }

    #[test]
    fn what_the_user_set_stays_unless_forced() {
        let mut now = HashMap::from([("OMP_NUM_THREADS".to_owned(), "3".to_owned())]);
        let kept = changes(2, &now, false).kept;
        assert_eq!(kept.len(), 1);
        assert_eq!((kept[0].theirs.as_str(), kept[0].ours), ("3", 2));
        let forced = changes(2, &now, true);
        assert_eq!(forced.kept, []);
        apply(&forced, &mut now);
        assert_eq!(now["OMP_NUM_THREADS"], "2");
    }

    #[test]
    fn what_poolkeeper_set_is_changed_by_the_next_call() {
        let mut now = HashMap::new();
        apply(&changes(8, &now, false), &mut now);
        assert_eq!(now["OMP_NUM_THREADS"], "8");
        apply(&changes(2, &now, false), &mut now);
        assert_eq!(now["OMP_NUM_THREADS"], "2");
        now.insert("OMP_NUM_THREADS".to_owned(), "5".to_owned());
        apply(&changes(4, &now, false), &mut now);
        assert_eq!(now["OMP_NUM_THREADS"], "5");
    }

    #[test]
    fn the_override_is_always_passed_on() {
        let now = HashMap::from([("POOLKEEPER_CPUS".to_owned(), "4".to_owned())]);
        let changes = changes(2, &now, false);
        assert!(changes.set.contains(&("POOLKEEPER_CPUS", "2".to_owned())));
    }
}
