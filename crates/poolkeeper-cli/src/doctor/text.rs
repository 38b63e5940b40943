//! A report as text.

use crate::look::Look;
use crate::text::{counted, paragraph, shorten};
use poolkeeper::doctor::{Finding, Report, Severity};
use poolkeeper::printable;

const INDENT: &str = "           ";

/// How a report is shown.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// How wide it may be, and whether severities have colours.
    pub look: Look,
    /// Whether notes are shown whole.
    pub notes: bool,
    /// How to see them, where they aren't.
    pub how_to_see_notes: &'static str,
}

impl Default for Style {
    fn default() -> Self {
        Style {
            look: Look::default(),
            notes: false,
            how_to_see_notes: "--notes",
        }
    }
}

/// Said at the end of a report with findings: the words that it can't do without.
const WORDS: &str = "OpenMP runs loops on several threads, in scikit-learn for one; a BLAS does the \
                     linear algebra of numpy and scipy, and OpenBLAS is one.";

/// Lays a report out as text; a healthy one is one line.
///
/// # Examples
///
/// ```
/// use poolkeeper::doctor::{Facts, diagnose};
/// let report = diagnose(&Facts::default());
/// let text = poolkeeper_cli::doctor_text(&report, Default::default());
/// assert_eq!(text.lines().count(), 1);
/// ```
pub fn doctor_text(report: &Report, style: Style) -> String {
    let shown = |finding: &&Finding| style.notes || finding.severity != Severity::Note;
    let findings: Vec<String> = report
        .findings
        .iter()
        .filter(shown)
        .map(|finding| one(finding, style))
        .collect();
    let mut text = headline(report, style);
    for more in report.unseen.iter().skip(1) {
        text += &paragraph(style.look, &printable(more), "  and      ", INDENT);
    }
    for finding in &findings {
        text += "\n";
        text += finding;
    }
    let hidden = report.count(Severity::Note);
    if !report.is_healthy && !style.notes && hidden > 0 {
        let notes = counted(hidden, "note");
        let how = style.how_to_see_notes;
        text += &format!("\nand {notes} on what is usual: {how} shows them\n");
    }
    if !findings.is_empty() {
        text += "\n";
        text += &paragraph(style.look, WORDS, "", "");
    }
    text
}

/// The first line: "poolkeeper doctor: 1 error, 2 warnings".
fn headline(report: &Report, style: Style) -> String {
    let machine = if report.is_pretended {
        format!(
            ", on a machine with {}",
            counted(report.cpus as usize, "CPU")
        )
    } else {
        String::new()
    };
    let but = report.unseen.first().map(|what| printable(what));
    if report.count(Severity::Error) + report.count(Severity::Warning) > 0 {
        let counts = [Severity::Error, Severity::Warning]
            .map(|severity| (report.count(severity), severity.name()));
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let counts: Vec<_> = counts.map(|(count, name)| counted(*count, name)).collect();
        let but = but.map_or_else(String::new, |what| format!("; {what}"));
        let line = format!("poolkeeper doctor: {}{machine}{but}", counts.join(", "));
        return paragraph(style.look, &line, "", "  ");
    }
    if let (0, Some(what)) = (report.pools, &but) {
        let line = format!("poolkeeper doctor: nothing was judged: {what}");
        return paragraph(style.look, &line, "", "  ");
    }
    let pools = match report.pools {
        0 => "no thread pool is loaded".to_owned(),
        count => counted(count, "thread pool"),
    };
    let on = if report.is_pretended {
        "a machine with "
    } else {
        ""
    };
    let cpus = format!("{on}{}", counted(report.cpus as usize, "CPU"));
    let notes = match report.count(Severity::Note) {
        count if count > 0 && !style.notes => {
            let (count, how) = (counted(count, "note"), style.how_to_see_notes);
            [format!(" ({count}: {how})"), format!(" ({count})")]
        }
        _ => [String::new(), String::new()],
    };
    let line = match but {
        // One line: how to see the notes is left out where it has no room.
        None => {
            let well = format!("poolkeeper doctor: all is well: {pools}, {cpus}");
            let lines = notes.map(|notes| format!("{well}{notes}"));
            let fitting = lines.iter().find(|line| line.len() <= style.look.line());
            fitting.unwrap_or(&lines[1]).clone()
        }
        Some(what) => {
            format!(
                "poolkeeper doctor: nothing wrong in {pools}, {cpus}{}; but {what}",
                notes[0]
            )
        }
    };
    paragraph(style.look, &line, "", "  ")
}

/// One finding: its sentence, what was found, why, and what to type.
fn one(finding: &Finding, style: Style) -> String {
    let look = style.look;
    let labelled = |label: &str, text: &str| {
        let first = format!("  {label:<9}");
        paragraph(look, &printable(text), &first, INDENT)
    };
    let (severity, code) = (finding.severity, finding.code);
    let plain = format!("{severity} {code}: ");
    let first = paragraph(look, &printable(&finding.summary), &plain, "  ");
    let name = severity.name();
    let mut text = first.replacen(name, &look.styled(colour(severity), name), 1);
    for (index, evidence) in finding.evidence.iter().enumerate() {
        text += &labelled(if index == 0 { "found" } else { "" }, &evidence.text);
        if let Some(file) = &evidence.file {
            text += &format!(
                "{INDENT}  {}\n",
                shorten(file, look.width - INDENT.len() - 2)
            );
        }
    }
    text += &labelled("why", finding.why);
    if let Some(code) = &finding.fix.python {
        text += &verbatim("Python", code);
    }
    if let Some(line) = &finding.fix.shell {
        text += &verbatim("shell", line);
    }
    if let Some(advice) = &finding.fix.advice {
        text += &labelled("advice", advice);
    }
    for (index, reference) in finding.references.iter().enumerate() {
        text += &labelled(if index == 0 { "see" } else { "" }, reference);
    }
    text + &labelled("more", &format!("poolkeeper doctor --explain {code}"))
}

/// Red, yellow or cyan (ECMA-48, SGR), bold.
fn colour(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "1;31",
        Severity::Warning => "1;33",
        Severity::Note => "1;36",
    }
}

/// Text to paste, which stays on one line.
fn verbatim(label: &str, text: &str) -> String {
    format!("  {label:<9}{}\n", printable(text))
}
