//! The affinity mask and the machine's own CPUs.

use super::binding::{self, Given};
use super::cores;
use super::observed::Observed;
use super::source::{For, Source, SourceKind, SourceStatus};
use crate::{Error, Result, platform};
use std::io;

/// The CPUs that run.
pub(super) const ONLINE: &str = "/sys/devices/system/cpu/online";

/// The mask of the calling thread, and the CPUs that run.
pub(super) fn sources(observed: &Observed, given: &Given) -> Vec<Source> {
    let (list, cpus) = (as_list(observed.affinity()), given.count as f64);
    let mask = Source::says(SourceKind::Affinity, "sched_getaffinity", list, cpus);
    // A mask may be one process's own: who shares it is asked for apart.
    let mut mask = mask.counting(For::Process);
    mask.remark.clone_from(&given.why);
    let mut sources = vec![mask];
    let status = match observed.read(ONLINE) {
        Ok(text) => {
            let text = text.trim();
            if let Some(cpus) = parse_list(text) {
                let cpus = cpus.len() as f64;
                sources.push(Source::says(SourceKind::Machine, ONLINE, text, cpus));
                return sources;
            }
            let status = SourceStatus::Ignored("not a list of CPUs".to_owned());
            Some((text.to_owned(), status))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => Some((String::new(), SourceStatus::Unknown(error.to_string()))),
    };
    sources.extend(
        status.map(|(text, status)| Source::silent(SourceKind::Machine, ONLINE, text, status)),
    );
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
    let observed = Observed::this_process()?;
    let mut chosen = cores::physical_first(&observed, &binding::given(&observed).cpus);
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
