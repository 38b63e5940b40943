//! What the codes mean: `--explain`, and the documentation's page of them.

use super::args::DoctorArgs;
use crate::exit::{EXIT_OK, EXIT_USAGE};
use crate::look::Look;
use crate::text::paragraph;
use poolkeeper::doctor::{Page, page, pages};
use poolkeeper::printable;
use std::io::{self, Write};

pub(super) fn explain(
    code: &str,
    arguments: &DoctorArgs,
    look: Look,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<i32> {
    let chosen: Vec<&Page> = if code.eq_ignore_ascii_case("all") {
        pages().collect()
    } else {
        match page(code) {
            Ok(page) => vec![page],
            Err(error) => {
                let error = printable(&format!("poolkeeper: {error}")).into_owned();
                write!(err, "{}", paragraph(look, &error, "", ""))?;
                return Ok(EXIT_USAGE);
            }
        }
    };
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&chosen)?)?;
    } else if arguments.markdown {
        write!(out, "{}", markdown(&chosen))?;
    } else {
        let texts: Vec<String> = chosen.iter().map(|page| text(page, look)).collect();
        write!(out, "{}", texts.join("\n"))?;
    }
    Ok(EXIT_OK)
}

fn text(page: &Page, look: Look) -> String {
    let first = format!("{} ({}): ", page.code, page.severity);
    let mut text = paragraph(look, page.title, &first, "  ");
    let sections = [
        ("Found when", page.found_when),
        ("Why it matters", page.why),
        ("What to do", page.fix),
    ];
    for (heading, words) in sections {
        let words = paragraph(look, words, "  ", "  ");
        text += &format!("\n{}\n{words}", look.bold(heading));
    }
    text += &format!("\n{}\n", look.bold("See"));
    for reference in page.references {
        text += &paragraph(look, reference, "  ", "    ");
    }
    text
}

/// The documentation's page: `docs/reference/findings.md` is this, word for word.
fn markdown(pages: &[&Page]) -> String {
    let mut text = String::from(
        "# Findings\n\nThis page explains every code that `poolkeeper doctor` and `poolkeeper.doctor()` can \
         give, as `poolkeeper doctor --explain CODE` does. `poolkeeper doctor --explain all --markdown` \
         makes the page from the rules in `crates/poolkeeper/src/doctor/rules/`. The \
         [guide](../guide/doctor.md) says how to use the command.\n\n\
         An **error** can crash the program, hang it, or make its results wrong. A **warning** can make it \
         slow, or not do as it was told. A **note** is worth knowing, and usual.\n\n\
         | code | at worst | what it is |\n| --- | --- | --- |\n",
    );
    for page in pages {
        let anchor = page.code.to_lowercase();
        text += &format!(
            "| [{}](#{anchor}) | {} | {} |\n",
            page.code, page.severity, page.title
        );
    }
    for page in pages {
        text += &section(page);
    }
    text
}

fn section(page: &Page) -> String {
    let title = sentence(page.title);
    let Page {
        code,
        severity,
        found_when,
        why,
        fix,
        ..
    } = page;
    let references: Vec<String> = page.references.iter().map(|text| link(text)).collect();
    format!(
        "\n## {code}\n\n{title} At worst: {severity}.\n\n**Found when.** {found_when}\n\n\
         **Why it matters.** {why}\n\n**What to do.** {fix}\n\nSee: {}.\n",
        references.join("; ")
    )
}

/// A title with a capital, unless it begins with a name, and a full stop.
fn sentence(title: &str) -> String {
    let mut characters = title.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect::<String>() + "."
}

fn link(reference: &str) -> String {
    if reference.starts_with("https://") {
        format!("<{reference}>")
    } else {
        reference.to_owned()
    }
}
