//! What a group's files say of CPUs.

use super::groups::Groups;
use super::mounts::Hierarchy;
use crate::budget::cpu_list::parse_list;
use crate::budget::observed::Observed;
use crate::budget::source::{Source, SourceKind, SourceStatus};
use std::io;
use std::path::{Path, PathBuf};

/// The kernel's default period, in microseconds.
const PERIOD: &str = "100000";

/// What one group's quota amounts to.
enum Quota {
    Cpus(f64),
    None(&'static str),
    Unusable(String),
    Unread(String),
}

/// A group's quota, as written and as understood.
struct Found {
    place: PathBuf,
    value: String,
    quota: Quota,
}

/// A source for each group with a quota; one that says so if none has one.
pub(super) fn quotas(observed: &Observed, groups: &Groups, hierarchy: Hierarchy) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut unlimited = None;
    let found = groups.folders.iter().filter_map(|folder| match hierarchy {
        Hierarchy::Unified => quota_v2(observed, folder),
        Hierarchy::Controller(_) => quota_v1(observed, folder),
    });
    for Found {
        place,
        value,
        quota,
    } in found
    {
        let place = place.display().to_string();
        match quota {
            Quota::Cpus(cpus) => {
                sources.push(Source::says(SourceKind::Quota, place, value, cpus));
            }
            Quota::Unusable(why) => {
                let status = SourceStatus::Ignored(why);
                sources.push(Source::silent(SourceKind::Quota, place, value, status));
            }
            Quota::Unread(why) => {
                let status = SourceStatus::Unknown(why);
                sources.push(Source::silent(SourceKind::Quota, place, value, status));
            }
            Quota::None(why) => {
                unlimited.get_or_insert((place, value, why));
            }
        }
    }
    if let (true, Some((place, value, why))) = (sources.is_empty(), unlimited) {
        let status = SourceStatus::NoLimit(why.to_owned());
        sources.push(Source::silent(SourceKind::Quota, place, value, status));
    }
    sources
}

/// A file's text without the line's end, or why it can't be read; `None` where
/// there is no such file.
fn text(observed: &Observed, path: &Path) -> Option<Result<String, String>> {
    match observed.read(path) {
        Ok(text) => Some(Ok(text.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some(Err(error.to_string())),
    }
}

/// `cpu.max`: `"max 100000"` or `"150000 100000"`. The root group has no such
/// file, nor has a group without the controller.
fn quota_v2(observed: &Observed, folder: &Path) -> Option<Found> {
    let place = folder.join("cpu.max");
    let (value, quota) = match text(observed, &place)? {
        Ok(value) => {
            let quota = max(&value);
            (value, quota)
        }
        Err(why) => (String::new(), Quota::Unread(why)),
    };
    Some(Found {
        place,
        value,
        quota,
    })
}

/// `cpu.cfs_quota_us` and `cpu.cfs_period_us`.
fn quota_v1(observed: &Observed, folder: &Path) -> Option<Found> {
    let place = folder.join("cpu.cfs_quota_us");
    let period = || match text(observed, &folder.join("cpu.cfs_period_us")) {
        None => Ok(PERIOD.to_owned()),
        Some(period) => period.map_err(|why| format!("cpu.cfs_period_us: {why}")),
    };
    let read = text(observed, &place)?.and_then(|quota| Ok((quota, period()?)));
    let (value, quota) = match read {
        Ok((quota, period)) => (format!("{quota} / {period}"), cfs(&quota, &period)),
        Err(why) => (String::new(), Quota::Unread(why)),
    };
    Some(Found {
        place,
        value,
        quota,
    })
}

/// The CPUs of the nearest group that says; in both versions, what the groups
/// above leave is taken off already.
pub(super) fn cpuset(observed: &Observed, groups: &Groups, hierarchy: Hierarchy) -> Vec<Source> {
    let names: &[&str] = match hierarchy {
        Hierarchy::Unified => &["cpuset.cpus.effective"],
        // Old kernels have only what was asked for.
        Hierarchy::Controller(_) => &["cpuset.effective_cpus", "cpuset.cpus"],
    };
    let mut sources = Vec::new();
    let folders = groups.folders.iter();
    for path in folders.flat_map(|folder| names.iter().map(|name| folder.join(name))) {
        let place = path.display().to_string();
        let (value, status) = match text(observed, &path) {
            None => continue,
            // A group that has no CPUs of its own.
            Some(Ok(list)) if list.is_empty() => continue,
            Some(Ok(list)) => match parse_list(&list) {
                Some(cpus) => {
                    let cpus = cpus.len() as f64;
                    sources.push(Source::says(SourceKind::Cpuset, place, list, cpus));
                    break;
                }
                None => {
                    let why = "not a list of CPUs".to_owned();
                    (list, SourceStatus::Ignored(why))
                }
            },
            Some(Err(why)) => (String::new(), SourceStatus::Unknown(why)),
        };
        sources.push(Source::silent(SourceKind::Cpuset, place, value, status));
    }
    sources
}

fn max(text: &str) -> Quota {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        // Seen in the wild: https://github.com/joblib/loky/issues/478
        [] => Quota::None("the file is empty"),
        ["max"] | ["max", _] => Quota::None("no quota"),
        [quota] => ratio(quota, PERIOD),
        [quota, period] => ratio(quota, period),
        _ => unusable("not a quota and a period"),
    }
}

fn cfs(quota: &str, period: &str) -> Quota {
    match quota {
        "" => Quota::None("the file is empty"),
        "-1" => Quota::None("no quota"),
        _ => ratio(quota, period),
    }
}

fn ratio(quota: &str, period: &str) -> Quota {
    let positive = |text: &str| text.parse::<u64>().ok().filter(|number| *number > 0);
    match (positive(quota), positive(period)) {
        (Some(quota), Some(period)) => Quota::Cpus(quota as f64 / period as f64),
        _ => unusable("not a quota and a period in microseconds"),
    }
}

fn unusable(why: &str) -> Quota {
    Quota::Unusable(why.to_owned())
}

/// Reads quotas of both versions.
#[cfg(fuzzing)]
pub(super) fn fuzz(text: &str) {
    let (quota, period) = text.split_once('/').unwrap_or((text, PERIOD));
    for quota in [max(text), cfs(quota, period)] {
        if let Quota::Cpus(cpus) = quota {
            assert!(cpus.is_finite() && cpus > 0.0, "{text}");
        }
    }
}
