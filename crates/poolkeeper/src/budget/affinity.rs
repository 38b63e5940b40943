//! The affinity mask and the machine's own CPUs.

use super::binding::{self, Given};
use super::cores;
use super::cpu_list::{as_list, parse_list};
use super::observed::{ONLINE, Observed};
use super::source::{For, Source, SourceKind, SourceStatus};
use crate::{Error, Result, platform};
use std::io;

/// The mask of the calling thread, and the CPUs that run.
pub(super) fn sources(observed: &Observed, given: &Given) -> Vec<Source> {
    let (list, cpus) = (as_list(observed.affinity()), given.count as f64);
    let mask = Source::says(SourceKind::Affinity, platform::AFFINITY, list, cpus);
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
