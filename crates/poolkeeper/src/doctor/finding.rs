//! A finding, and the page that explains its code.

use crate::model::lossy_option;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The program can crash, hang or compute wrong results.
    Error,
    /// The program can run much slower than it should, or not as it was told to.
    Warning,
    /// Worth knowing, and usual.
    Note,
}

impl Severity {
    /// `"error"`, `"warning"` or `"note"`.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The explanation of a code, which holds for every process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Page {
    /// The code, which never changes: `"PK101"`.
    pub code: &'static str,
    /// What it is about, in a few words.
    pub title: &'static str,
    /// How bad it is at its worst.
    pub severity: Severity,
    /// When it is found, and from what.
    pub found_when: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub fix: &'static str,
    /// Where this is described.
    pub references: &'static [&'static str],
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// What was found, with the values.
    pub text: String,
    /// The library that it is about.
    #[serde(serialize_with = "lossy_option")]
    pub file: Option<PathBuf>,
}

impl From<String> for Evidence {
    fn from(text: String) -> Self {
        Evidence { text, file: None }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{} ({})", self.text, file.display()),
            None => f.write_str(&self.text),
        }
    }
}

/// What to type to make a finding go away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// In Python.
    pub python: Option<String>,
    /// In a shell, before the program starts.
    pub shell: Option<String>,
    /// Advice, for what no line can do.
    pub advice: Option<String>,
}

/// Something that the doctor has to say about a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// Its code, which never changes.
    pub code: &'static str,
    /// How bad the finding is in this process.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub summary: String,
    /// The evidence, with files and values.
    pub evidence: Vec<Evidence>,
    /// Why it matters.
    pub why: &'static str,
    /// Where the problem is described.
    pub references: &'static [&'static str],
    /// What to type.
    pub fix: Fix,
}

impl Finding {
    /// A finding of that page, with its severity.
    pub(super) fn new(page: &'static Page, summary: impl Into<String>) -> Self {
        Finding {
            code: page.code,
            severity: page.severity,
            summary: summary.into(),
            evidence: Vec::new(),
            why: page.why,
            references: page.references,
            fix: Fix::default(),
        }
    }

    pub(super) fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    pub(super) fn evidence<E: Into<Evidence>>(
        mut self,
        found: impl IntoIterator<Item = E>,
    ) -> Self {
        self.evidence.extend(found.into_iter().map(E::into));
        self
    }

    pub(super) fn shell(mut self, line: impl Into<String>) -> Self {
        self.fix.shell = Some(line.into());
        self
    }

    pub(super) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.fix.advice = Some(advice.into());
        self
    }
}
