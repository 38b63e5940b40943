//! What each command does.

use crate::args::{Format, Info, Runtimes, command};
use crate::{EXIT_FAILED, EXIT_OK, Host, pools_table};
use clap_complete::Shell;
use poolkeeper::runtimes::Card;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

pub(crate) fn info(
    info: &Info,
    host: &mut dyn Host,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<i32> {
    let mut code = EXIT_OK;
    let mut warn = |what: String| {
        code = EXIT_FAILED;
        writeln!(err, "poolkeeper: warning: {what}")
    };
    for library in &info.libraries {
        if let Err(why) = load(library) {
            warn(format!("could not load {}: {why}", library.display()))?;
        }
    }
    for module in &info.modules {
        let imported = host.import(module);
        if host.is_stopped() {
            return Ok(EXIT_FAILED);
        }
        if let Err(why) = imported {
            warn(format!("could not import {module}: {why}"))?;
        }
    }
    if let Some(code) = &info.command {
        let executed = host.execute(code);
        if host.is_stopped() {
            return Ok(EXIT_FAILED);
        }
        if let Err(why) = executed {
            warn(format!("the code of --command failed: {why}"))?;
        }
    }
    let pools = poolkeeper::pools().map_err(io::Error::other)?;
    if info.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&pools)?)?;
    } else {
        write!(out, "{}", pools_table(&pools))?;
    }
    Ok(code)
}

/// Loads a library for good: unloading a runtime with live threads is unsafe.
fn load(library: &Path) -> Result<(), String> {
    // SAFETY: the user asked for this library's constructors to run.
    match unsafe { libloading::Library::new(library) } {
        Ok(library) => {
            std::mem::forget(library);
            Ok(())
        }
        Err(error) => Err(error
            .source()
            .map_or_else(|| error.to_string(), ToString::to_string)),
    }
}

pub(crate) fn runtimes(arguments: &Runtimes, out: &mut dyn Write) -> io::Result<i32> {
    let cards: Vec<&Card> = poolkeeper::runtimes::all().collect();
    match arguments.format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&cards)?)?,
        Format::Markdown => write!(out, "{}", markdown(&cards))?,
        Format::Text => write!(out, "{}", text(&cards))?,
    }
    Ok(EXIT_OK)
}

fn text(cards: &[&Card]) -> String {
    let mut text = String::new();
    for card in cards {
        text += &format!("{} ({}, level {})\n", card.id, card.name, card.level);
        text += &wrapped("found by", &card.symbols.join(", "));
        text += &wrapped("reach", card.reach);
        for variable in card.environment {
            text += &wrapped(
                "variable",
                &format!("{}: {}", variable.name, variable.meaning),
            );
        }
        for quirk in card.quirks {
            text += &wrapped("note", quirk);
        }
        text.push('\n');
    }
    text
}

/// A labelled paragraph of at most 80 columns.
fn wrapped(label: &str, paragraph: &str) -> String {
    let first = format!("  {label:<10}");
    let options = textwrap::Options::new(80)
        .initial_indent(&first)
        .subsequent_indent("            ");
    textwrap::fill(paragraph, options) + "\n"
}

/// A symbol's name in Markdown; words around it stay words.
fn as_code(symbol: &str) -> String {
    let is_name = |word: &str| word.contains('_') && !word.contains(' ');
    let words = symbol.split(' ');
    let marked = words.map(|word| {
        if is_name(word) {
            format!("`{word}`")
        } else {
            word.to_owned()
        }
    });
    marked.collect::<Vec<_>>().join(" ")
}

/// The docs' page of runtimes: `docs/runtimes.md` is this, word for word.
fn markdown(cards: &[&Card]) -> String {
    let mut text = String::from(
        "# Runtimes\n\nWhat poolkeeper finds, by the symbols that a library defines and not by its \
         file's name. This page is made from the registry in `crates/poolkeeper/src/runtimes/` by \
         `poolkeeper runtimes --format markdown`.\n\n\
         | name in requests | runtime | level | found by | setting it affects |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    for card in cards {
        let symbols: Vec<_> = card.symbols.iter().map(|symbol| as_code(symbol)).collect();
        let symbols = symbols.join(", ");
        text += &format!(
            "| `{}` | {} | {} | {symbols} | {} |\n",
            card.id, card.name, card.level, card.reach
        );
    }
    text += "\n## Environment variables\n\npoolkeeper reads none of them and sets none of them; \
             the runtimes do.\n\n| variable | runtime | what it does |\n| --- | --- | --- |\n";
    for card in cards {
        for variable in card.environment {
            text += &format!(
                "| `{}` | {} | {} |\n",
                variable.name, card.id, variable.meaning
            );
        }
    }
    text += "\n## What surprises people\n";
    for card in cards {
        text += &format!("\n### {}\n\n", card.name);
        for quirk in card.quirks {
            text += &format!("- {quirk}\n");
        }
        text += &format!("\nSources: {}.\n", card.sources.join("; "));
    }
    text
}

pub(crate) fn demo(
    arguments: &[String],
    host: &mut dyn Host,
    err: &mut dyn Write,
) -> io::Result<i32> {
    match host.demo(arguments) {
        Ok(code) => Ok(code),
        Err(why) => {
            writeln!(err, "poolkeeper: {why}")?;
            Ok(EXIT_FAILED)
        }
    }
}

pub(crate) fn completions(shell: Shell, out: &mut dyn Write) -> io::Result<i32> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "poolkeeper", &mut script);
    out.write_all(&script)?;
    Ok(EXIT_OK)
}
