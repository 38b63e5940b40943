//! What a group's files say of CPUs.

use super::Groups;
use crate::budget::affinity::parse_list;
use crate::budget::observed::Observed;
use crate::budget::source::{Source, SourceKind, SourceStatus};
use std::io;
use std::path::Path;

/// The kernel's default period, in microseconds.
const PERIOD: u64 = 100_000;

/// What one group's quota amounts to.
enum Quota {
    Cpus(f64),
    None(&'static str),
    Malformed(&'static str),
}

/// `cpu.max` of each group: `"max 100000"` or `"150000 100000"`.
pub(super) fn quotas_v2(observed: &Observed, groups: &Groups) -> Vec<Source> {
    of_each(groups, |folder| {
        let path = folder.join("cpu.max");
        let text = observed.read(&path)?;
        Ok((
            path.display().to_string(),
            text.trim().to_owned(),
            max(&text),
        ))
    })
}

/// `cpu.cfs_quota_us` and `cpu.cfs_period_us` of each group.
pub(super) fn quotas_v1(observed: &Observed, groups: &Groups) -> Vec<Source> {
    of_each(groups, |folder| {
        let path = folder.join("cpu.cfs_quota_us");
        let quota = observed.read(&path)?;
        let period = match observed.read(folder.join("cpu.cfs_period_us")) {
            Ok(period) => period,
            Err(_) => PERIOD.to_string(),
        };
        let (quota, period) = (quota.trim(), period.trim());
        let value = format!("{quota} / {period}");
        Ok((path.display().to_string(), value, cfs(quota, period)))
    })
}

/// A source for each group with a quota; one that says so if none has one.
fn of_each(
    groups: &Groups,
    read: impl Fn(&Path) -> io::Result<(String, String, Quota)>,
) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut unlimited = None;
    for folder in &groups.folders {
        let (place, value, quota) = match read(folder) {
            Ok(found) => found,
            // The root group has no such file, nor has one without the controller.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                let status = SourceStatus::Ignored(error.to_string());
                let place = folder.display().to_string();
                sources.push(Source::silent(SourceKind::Quota, place, "", status));
                continue;
            }
        };
        match quota {
            Quota::Cpus(cpus) => {
                sources.push(Source::says(SourceKind::Quota, place, value, cpus));
            }
            Quota::Malformed(why) => {
                let status = SourceStatus::Ignored(why.to_owned());
                sources.push(Source::silent(SourceKind::Quota, place, value, status));
            }
            Quota::None(why) => {
                unlimited.get_or_insert((place, value, why));
            }
        }
    }
    if let (true, Some((place, value, why))) = (sources.is_empty(), unlimited) {
        let status = SourceStatus::NoLimit(groups.note.unwrap_or(why).to_owned());
        sources.push(Source::silent(SourceKind::Quota, place, value, status));
    }
    sources
}

fn max(text: &str) -> Quota {
    let mut words = text.split_whitespace();
    let quota = match words.next() {
        // Seen in the wild: https://github.com/joblib/loky/issues/478
        None => return Quota::None("the file is empty"),
        Some("max") => return Quota::None("no quota"),
        Some(quota) => quota.parse().unwrap_or(0),
    };
    let period = match words.next() {
        None => PERIOD,
        Some(period) => period.parse().unwrap_or(0),
    };
    if words.next().is_some() {
        return Quota::Malformed("not a quota and a period");
    }
    ratio(quota, period)
}

fn cfs(quota: &str, period: &str) -> Quota {
    match quota.parse::<i64>() {
        Ok(-1) => Quota::None("no quota"),
        Ok(quota) => ratio(
            u64::try_from(quota).unwrap_or(0),
            period.parse().unwrap_or(0),
        ),
        Err(_) => Quota::Malformed("not a number of microseconds"),
    }
}

fn ratio(quota: u64, period: u64) -> Quota {
    if quota == 0 || period == 0 {
        return Quota::Malformed("not a quota and a period in microseconds");
    }
    Quota::Cpus(quota as f64 / period as f64)
}

/// `cpuset.cpus.effective`: what the groups above leave is taken off already.
pub(super) fn cpuset_v2(observed: &Observed, groups: &Groups) -> Option<Source> {
    cpuset(observed, groups, &["cpuset.cpus.effective"])
}

/// The same in version 1, where old kernels have only what was asked for.
pub(super) fn cpuset_v1(observed: &Observed, groups: &Groups) -> Option<Source> {
    cpuset(observed, groups, &["cpuset.effective_cpus", "cpuset.cpus"])
}

/// The nearest group that says.
fn cpuset(observed: &Observed, groups: &Groups, names: &[&str]) -> Option<Source> {
    let mut files = groups
        .folders
        .iter()
        .flat_map(|folder| names.iter().map(|name| folder.join(name)));
    let (path, text) = files.find_map(|path| {
        let text = observed.read(&path).ok()?;
        (!text.trim().is_empty()).then(|| (path.display().to_string(), text.trim().to_owned()))
    })?;
    Some(match parse_list(&text) {
        Some(cpus) => Source::says(SourceKind::Cpuset, path, text, cpus.len() as f64),
        None => {
            let status = SourceStatus::Ignored("not a list of CPUs".to_owned());
            Source::silent(SourceKind::Cpuset, path, text, status)
        }
    })
}
