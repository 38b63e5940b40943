//! The affinity mask and the machine's own CPUs.

use super::cores;
use super::observed::Observed;
use super::source::{Source, SourceKind, SourceStatus};
use crate::{Error, Result, platform};

/// The CPUs that run.
pub(super) const ONLINE: &str = "/sys/devices/system/cpu/online";

/// The mask of the calling thread, and the CPUs that run.
pub(super) fn sources(observed: &Observed) -> Vec<Source> {
    let mask = observed.affinity();
    let mut sources = vec![Source::says(
        SourceKind::Affinity,
        "sched_getaffinity",
        as_list(mask),
        mask.len() as f64,
    )];
    if let Ok(text) = observed.read(ONLINE) {
        let text = text.trim();
        sources.push(match parse_list(text) {
            Some(cpus) => Source::says(SourceKind::Machine, ONLINE, text, cpus.len() as f64),
            None => Source::silent(
                SourceKind::Machine,
                ONLINE,
                text,
                SourceStatus::Ignored("not a list of CPUs".to_owned()),
            ),
        });
    }
    sources
}

/// Binds the calling thread, and the threads and processes that it starts from
/// then on, to `cpus` of the CPUs that it may use: one of each physical core
/// first, then their siblings. Returns their numbers.
///
/// # Errors
/// - [`Error::InvalidCpus`] if `cpus` is 0.
/// - [`Error::System`] if the kernel refuses.
/// - [`Error::UnsupportedPlatform`].
///
/// # Sources
/// sched_setaffinity(2).
pub fn pin(cpus: u32) -> Result<Vec<u32>> {
    if cpus == 0 {
        return Err(Error::InvalidCpus {
            name: "cpus",
            value: "0".to_owned(),
        });
    }
    let mut chosen = cores::physical_first(&Observed::this_process()?);
    chosen.truncate(cpus as usize);
    chosen.sort_unstable();
    platform::set_affinity(&chosen)?;
    Ok(chosen)
}

/// The most CPUs that a list may name: far above any kernel's `NR_CPUS`.
const MOST: u32 = 1 << 20;

/// Reads the kernel's list format: `0-3,8,10-11`; see cpuset(7), "List Format".
/// `None` if it is anything else, an empty list included.
pub(crate) fn parse_list(text: &str) -> Option<Vec<u32>> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse::<u32>().ok()?, last.parse::<u32>().ok()?);
        if first > last || last >= MOST {
            return None;
        }
        cpus.extend(first..=last);
    }
    cpus.sort_unstable();
    cpus.dedup();
    Some(cpus)
}

/// Writes that format.
///
/// # Examples
///
/// ```
/// assert_eq!(poolkeeper::budget::as_list(&[0, 1, 2, 8]), "0-2,8");
/// ```
pub fn as_list(cpus: &[u32]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = cpus;
    while let Some(first) = rest.first() {
        let run = rest
            .iter()
            .zip(*first..)
            .take_while(|(cpu, next)| **cpu == *next)
            .count();
        parts.push(match run {
            1 => first.to_string(),
            _ => format!("{first}-{}", rest[run - 1]),
        });
        rest = &rest[run..];
    }
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written() {
        assert_eq!(
            parse_list("0-3,8,10-11\n"),
            Some(vec![0, 1, 2, 3, 8, 10, 11])
        );
        assert_eq!(as_list(&[0, 1, 2, 3, 8, 10, 11]), "0-3,8,10-11");
        assert_eq!(as_list(&[]), "");
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in [
            "",
            "a",
            "3-1",
            "0-",
            "-1",
            "0,,1",
            "0-99999999999",
            "0-4000000000",
        ] {
            assert_eq!(parse_list(text), None, "{text}");
        }
    }
}
