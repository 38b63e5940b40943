//! One source of the budget: where it was read, and what it says.

use serde::{Serialize, Serializer};
use std::fmt;

/// What kind of thing limits the CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SourceKind {
    /// The share of the worker that asks, one of several in the process.
    Worker,
    /// The variable `POOLKEEPER_CPUS`.
    Override,
    /// Another variable by which the user, or whoever started the process, says how
    /// many CPUs programs may use: `PYTHON_CPU_COUNT` and similar ones.
    User,
    /// A batch scheduler's variable: Slurm, PBS, LSF, SGE.
    Scheduler,
    /// A platform's variable: JupyterHub, Nomad.
    Platform,
    /// The processes that a launcher started on this node share its CPUs: MPI,
    /// torchrun, srun, flux.
    Launcher,
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
    /// Its name: `"worker"`, `"override"`, `"user"`, `"scheduler"`, `"platform"`,
    /// `"launcher"`, `"quota"`, `"cpuset"`, `"affinity"` or `"machine"`.
    pub const fn name(self) -> &'static str {
        match self {
            SourceKind::Worker => "worker",
            SourceKind::Override => "override",
            SourceKind::User => "user",
            SourceKind::Scheduler => "scheduler",
            SourceKind::Platform => "platform",
            SourceKind::Launcher => "launcher",
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
    /// It sets no limit; the text has the source's own word for that.
    NoLimit(String),
    /// It does not count here; the text says why.
    Ignored(String),
    /// It could not be seen, and may allow fewer CPUs; the text says why.
    Unknown(String),
}

impl SourceStatus {
    /// `"decides"`, `"allows"`, `"no-limit"`, `"ignored"` or `"unknown"`.
    pub const fn name(&self) -> &'static str {
        match self {
            SourceStatus::Decides => "decides",
            SourceStatus::Allows => "allows",
            SourceStatus::NoLimit(_) => "no-limit",
            SourceStatus::Ignored(_) => "ignored",
            SourceStatus::Unknown(_) => "unknown",
        }
    }

    /// The text of the last three.
    pub fn note(&self) -> Option<&str> {
        match self {
            SourceStatus::NoLimit(note)
            | SourceStatus::Ignored(note)
            | SourceStatus::Unknown(note) => Some(note),
            _ => None,
        }
    }
}

impl Serialize for SourceStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Whose CPUs a source counts. Processes of one launcher share the CPUs of the
/// node, but not those of one task or one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// All of a launcher's processes on this node together.
    Node,
    /// One task of a job, which may itself start several processes.
    Task,
    /// This process alone.
    Process,
}

/// One source of the budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Source {
    /// What kind of thing it is.
    pub kind: SourceKind,
    /// Where it was read: a file, a variable, a system call.
    pub place: String,
    /// The text that was read there.
    pub value: String,
    /// The CPUs that the source allows; `None` where it has no say.
    pub cpus: Option<f64>,
    /// Whether it decided.
    pub status: SourceStatus,
    #[serde(skip)]
    pub(super) counts: For,
    /// A remark about a source that counts.
    #[serde(skip)]
    pub(super) remark: Option<String>,
}

impl Source {
    /// Why the source has no say, or a remark about its value.
    pub fn note(&self) -> Option<&str> {
        self.status.note().or(self.remark.as_deref())
    }

    /// A source that allows a number of CPUs.
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
            counts: For::Node,
            remark: None,
        }
    }

    /// This source, counted for a task or a process instead of the whole node.
    pub(super) fn counting(self, counts: For) -> Self {
        Source { counts, ..self }
    }

    /// This source, with a remark.
    pub(super) fn remarked(self, remark: impl Into<String>) -> Self {
        Source {
            remark: Some(remark.into()),
            ..self
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
            counts: For::Node,
            remark: None,
        }
    }
}

/// A positive, finite number of CPUs, whole or not.
pub(super) fn positive(text: &str) -> Option<f64> {
    let number: f64 = text.trim().parse().ok()?;
    (number.is_finite() && number > 0.0).then_some(number)
}
