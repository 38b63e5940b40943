//! All findings about a process, the worst first.

use super::facts::Facts;
use super::finding::{Finding, Severity};
use serde::Serialize;

/// What the doctor has to say about a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Whether there is neither an error nor a warning, and nothing was unseen.
    pub is_healthy: bool,
    /// What the doctor could not look at, or could not do before looking, a few words
    /// each: a module that could not be imported, say.
    pub unseen: Vec<String>,
    /// Every finding, the worst first.
    pub findings: Vec<Finding>,
    /// How many pools were looked at.
    pub pools: usize,
    /// The CPUs that the process may use.
    pub cpus: u32,
    /// Whether those are a pretended machine's.
    pub is_pretended: bool,
}

impl Report {
    /// Sorts the findings, and judges nothing.
    pub(super) fn new(facts: &Facts, mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| (finding.severity, finding.code));
        Report {
            is_healthy: facts.unseen.is_empty()
                && findings
                    .iter()
                    .all(|finding| finding.severity == Severity::Note),
            unseen: facts.unseen.clone(),
            findings,
            pools: facts.pools.len(),
            cpus: facts.cpus.budget,
            is_pretended: facts.cpus.is_pretended,
        }
    }

    /// How many findings there are of that severity.
    pub fn count(&self, severity: Severity) -> usize {
        let all = self.findings.iter();
        all.filter(|finding| finding.severity == severity).count()
    }
}
