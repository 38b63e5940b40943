//! What is wrong with a process, before it crashes: facts -> rules -> findings.
//!
//! [`Facts::gather`] looks at this process, [`diagnose`] judges facts wherever
//! they come from, and [`pages`] explains every code. Each rule is one small
//! function of the facts; `rules/` has them.

mod facts;
mod finding;
mod gather;
mod machine;
mod masks;
mod mend;
mod report;
mod rules;
mod safe;
mod settings;
mod start;
mod unreached;

pub use facts::{
    CpuFacts, Facts, FixedPool, Host, LiveLimit, Notebook, PoolFacts, Room, SystemFacts, Unreached,
    Variables,
};
pub use finding::{Evidence, Finding, Fix, Page, Severity};
pub use report::Report;
pub use safe::{Bound, safe_threads};
pub use start::remember_start;

use crate::Result;
use crate::error::{Error, nearest};
#[cfg(fuzzing)]
use crate::runtimes;

/// Says what is wrong with this process. A program without Python passes
/// `Host::default()`.
///
/// # Errors
/// As [`Facts::gather`].
///
/// # Examples
///
/// ```
/// use poolkeeper::doctor::{Host, doctor};
/// for finding in doctor(Host::default())?.findings {
///     println!("{} {}: {}", finding.severity, finding.code, finding.summary);
/// }
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn doctor(host: Host) -> Result<Report> {
    Ok(diagnose(&Facts::gather(host)?))
}

/// Reads texts of the system's and values of variables.
#[cfg(fuzzing)]
pub(crate) fn fuzz(text: &str) {
    gather::fuzz(text);
    for reading in [runtimes::Reading::Whole, runtimes::Reading::Prefix] {
        let _ = reading.read(text);
    }
}

/// Applies every rule to the facts.
pub fn diagnose(facts: &Facts) -> Report {
    let findings = rules::RULES.iter().flat_map(|rule| (rule.check)(facts));
    Report::new(facts, findings.collect())
}

/// The pages of all codes, in their order.
///
/// # Examples
///
/// ```
/// assert!(poolkeeper::doctor::pages().any(|page| page.code == "PK101"));
/// ```
pub fn pages() -> impl Iterator<Item = &'static Page> {
    rules::RULES.iter().map(|rule| rule.page)
}

/// The page of a code, in capitals or not.
///
/// # Errors
/// [`Error::UnknownFinding`] with the nearest known one.
///
/// # Examples
///
/// ```
/// assert_eq!(poolkeeper::doctor::page("pk101")?.code, "PK101");
/// assert_eq!(poolkeeper::doctor::page("PK10").unwrap_err().code(), "unknown-finding");
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn page(code: &str) -> Result<&'static Page> {
    let found = pages().find(|page| page.code.eq_ignore_ascii_case(code));
    found.ok_or_else(|| Error::UnknownFinding {
        code: code.to_owned(),
        suggestion: nearest(code, pages().map(|page| page.code)),
        known: pages().map(|page| page.code).collect(),
    })
}
