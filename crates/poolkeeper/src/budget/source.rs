//! One source of the budget: where it was read, and what it says.

use serde::{Serialize, Serializer};
use std::fmt;

/// What kind of thing limits the CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SourceKind {
    /// The variable `POOLKEEPER_CPUS`.
    Override,
    /// A batch scheduler's variable: Slurm, PBS, LSF, SGE.
    Scheduler,
    /// The CPU quota of a cgroup.
    Quota,
    /// The CPUs of a cgroup.
    Cpuset,
    /// The affinity mask.
    Affinity,
    /// The CPUs that the machine has running.
    Machine,
}

impl SourceKind {
    /// Its name: `"override"`, `"scheduler"`, `"quota"`, `"cpuset"`,
    /// `"affinity"` or `"machine"`.
    pub const fn name(self) -> &'static str {
        match self {
            SourceKind::Override => "override",
            SourceKind::Scheduler => "scheduler",
            SourceKind::Quota => "quota",
            SourceKind::Cpuset => "cpuset",
            SourceKind::Affinity => "affinity",
            SourceKind::Machine => "machine",
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What became of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceStatus {
    /// It is the smallest, and so the budget.
    Decides,
    /// It allows as much as another, or more.
    Allows,
    /// It sets no limit; the text says how it puts that.
    NoLimit(String),
    /// It could not be used; the text says why.
    Ignored(String),
}

impl SourceStatus {
    /// `"decides"`, `"allows"`, `"no-limit"` or `"ignored"`.
    pub const fn name(&self) -> &'static str {
        match self {
            SourceStatus::Decides => "decides",
            SourceStatus::Allows => "allows",
            SourceStatus::NoLimit(_) => "no-limit",
            SourceStatus::Ignored(_) => "ignored",
        }
    }

    /// The text of the last two.
    pub fn note(&self) -> Option<&str> {
        match self {
            SourceStatus::NoLimit(note) | SourceStatus::Ignored(note) => Some(note),
            _ => None,
        }
    }
}

impl Serialize for SourceStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One source of the budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Source {
    /// What kind of thing it is.
    pub kind: SourceKind,
    /// Where it was read: a file, a variable, a system call.
    pub place: String,
    /// What stood there, as written.
    pub value: String,
    /// The CPUs that it allows; `None` where it has no say.
    pub cpus: Option<f64>,
    /// Whether it decided.
    pub status: SourceStatus,
}

impl Source {
    /// A source that allows so many CPUs.
    pub(super) fn says(
        kind: SourceKind,
        place: impl Into<String>,
        value: impl Into<String>,
        cpus: f64,
    ) -> Self {
        Source {
            kind,
            place: place.into(),
            value: value.into(),
            cpus: Some(cpus),
            status: SourceStatus::Allows,
        }
    }

    /// A source that has no say.
    pub(super) fn silent(
        kind: SourceKind,
        place: impl Into<String>,
        value: impl Into<String>,
        status: SourceStatus,
    ) -> Self {
        Source {
            kind,
            place: place.into(),
            value: value.into(),
            cpus: None,
            status,
        }
    }
}

/// A positive, finite number of CPUs, whole or not.
pub(super) fn positive(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    (number.is_finite() && number > 0.0).then_some(number)
}
