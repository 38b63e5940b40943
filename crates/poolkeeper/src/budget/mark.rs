//! Which variables of an environment poolkeeper itself has set.

use super::environment::Numbers;
use super::observed::Observed;
use super::split::Share;
use std::collections::BTreeMap;

/// The variable that says for which share poolkeeper set the others
/// (`cpus=8,openmp=4,blas=2`, and by name those that it set to another number), so
/// that a later call may change those that still have its values: what the user
/// set stays.
pub const MARKER: &str = "POOLKEEPER_SET";

/// The value of a variable that is the user's own, though it is the share's number.
const USERS: &str = "user";

/// What poolkeeper has set in an environment.
#[derive(Default)]
pub(super) struct Mark {
    share: Option<Numbers>,
    /// By name: the value that it has set, where the share has another.
    values: BTreeMap<String, String>,
    /// Whether it was made on another machine, or in another job: then what it set is
    /// nobody's choice here.
    pub(super) is_foreign: bool,
}

impl Mark {
    /// Reads the mark of an environment; an empty one where there is none, or it
    /// can't be read.
    pub(super) fn read(text: Option<&str>) -> Mark {
        let pairs: BTreeMap<&str, &str> = text
            .unwrap_or_default()
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let count = |name| pairs.get(name)?.parse().ok();
        let share = count("cpus")
            .zip(count("openmp"))
            .zip(count("blas"))
            .map(|((cpus, openmp), blas)| Share::new(cpus, openmp, blas));
        let Some(share) = share else {
            return Mark::default();
        };
        let values = pairs.into_iter().filter(|(name, _)| is_variable(name));
        Mark {
            share: Some(Numbers::of(&share)),
            values: values
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            is_foreign: false,
        }
    }

    /// Whether poolkeeper set this variable, if it has this value.
    pub(super) fn has_set(&self, name: &str, value: &str) -> bool {
        if let Some(ours) = self.values.get(name) {
            return ours == value;
        }
        let ours = self.share.as_ref().and_then(|share| share.named(name));
        ours.is_some_and(|ours| ours.to_string() == value)
    }
}

/// Whether poolkeeper itself set this variable to this value, says its mark.
pub(super) fn is_ours(observed: &Observed, name: &str, value: &str) -> bool {
    let mark = observed.variable(MARKER);
    mark.is_some() && Mark::read(mark).has_set(name, value)
}

/// Writes the mark of a share of which some variables were set to another value.
/// Those in `users` have the values that the user gave them; `origin` says where.
pub(super) fn write(
    share: &Share,
    set: &[(&'static str, String)],
    users: &[(&'static str, String)],
    origin: &str,
) -> String {
    let Share { cpus, openmp, blas } = share;
    let mut text = format!("cpus={cpus},openmp={openmp},blas={blas}");
    let plain = Mark::read(Some(&text));
    text += origin;
    for (name, value) in set {
        if !plain.has_set(name, value) && !users.iter().any(|(theirs, _)| theirs == name) {
            text += &format!(",{name}={value}");
        }
    }
    for (name, _) in users
        .iter()
        .filter(|(name, value)| plain.has_set(name, value))
    {
        text += &format!(",{name}={USERS}");
    }
    text
}

fn is_variable(name: &str) -> bool {
    name.bytes().any(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_is_known_again() {
        let share = Share::new(8, 4, 2);
        let set = [
            ("OMP_NUM_THREADS", "4".to_owned()),
            ("OPENBLAS_NUM_THREADS", "1".to_owned()),
            ("MKL_NUM_THREADS", "2".to_owned()),
        ];
        let users = [
            ("MKL_NUM_THREADS", "2".to_owned()),
            ("NPROC", "3".to_owned()),
        ];
        let text = write(&share, &set, &users, ",boot=1a");
        assert_eq!(
            text,
            "cpus=8,openmp=4,blas=2,boot=1a,OPENBLAS_NUM_THREADS=1,MKL_NUM_THREADS=user"
        );
        let mark = Mark::read(Some(&text));
        assert!(mark.has_set("OMP_NUM_THREADS", "4"));
        assert!(mark.has_set("OPENBLAS_NUM_THREADS", "1"));
        assert!(!mark.has_set("OPENBLAS_NUM_THREADS", "2"));
        assert!(!mark.has_set("MKL_NUM_THREADS", "2"));
        assert!(!mark.has_set("HOME", "4"));
    }

    #[test]
    fn what_is_no_mark_marks_nothing() {
        for text in [
            "",
            "cpus=8",
            "cpus=8,openmp=a,blas=2",
            "OMP_NUM_THREADS=4",
            ",=,",
        ] {
            assert!(
                !Mark::read(Some(text)).has_set("OMP_NUM_THREADS", "4"),
                "{text}"
            );
        }
        assert!(!Mark::read(None).has_set("OMP_NUM_THREADS", "4"));
    }
}
