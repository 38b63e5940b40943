//! `runtimes`: what poolkeeper knows of each, for people, programs and the docs.

use crate::exit::EXIT_OK;
use crate::look::Look;
use crate::text::paragraph;
use clap::{Args, ValueEnum};
use poolkeeper::runtimes::{Card, Counts, Variable, listeners};
use std::io::{self, Write};

#[derive(Args)]
pub(crate) struct Runtimes {
    /// How to write them
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Write JSON, as --format json
    #[arg(long, conflicts_with = "format")]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// For the documentation
    Markdown,
}

pub(crate) fn runtimes(arguments: &Runtimes, look: Look, out: &mut dyn Write) -> io::Result<i32> {
    let cards: Vec<&Card> = poolkeeper::runtimes::all().collect();
    let format = if arguments.json {
        Format::Json
    } else {
        arguments.format
    };
    match format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&cards)?)?,
        Format::Markdown => write!(out, "{}", markdown(&cards))?,
        Format::Text => write!(out, "{}", text(&cards, look))?,
    }
    Ok(EXIT_OK)
}

fn text(cards: &[&Card], look: Look) -> String {
    let wrapped =
        |label: &str, text: &str| paragraph(look, text, &format!("  {label:<10}"), "            ");
    let mut text = String::new();
    for card in cards {
        let heading = format!("{} ({}, level {})", card.id, card.name, card.level);
        text += &format!("{}\n", look.bold(&heading));
        text += &wrapped("found by", &card.symbols.join(", "));
        text += &wrapped("reach", card.reach);
        if let Some(call) = card.call {
            text += &wrapped("its call", &call.replace("{n}", "n"));
        }
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
        "# Runtimes\n\npoolkeeper finds these runtimes, by the symbols that a library defines and \
         not by its file's name. `poolkeeper runtimes --format markdown` makes this page from the \
         registry in `crates/poolkeeper/src/runtimes/`.\n\n\
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
    text += &calls_markdown(cards);
    text += "\n## Environment variables\n\nThe runtimes read these variables. Importing poolkeeper \
             sets none of them; `poolkeeper run`, `poolkeeper env`, `auto()` and a split's `env()` \
             set those that have a count in the third column.\n\n\
             | variable | runtime | set to | what it does |\n| --- | --- | --- | --- |\n";
    for card in cards {
        for variable in card.environment {
            text += &variable_row(variable, card.id);
        }
    }
    text += &listeners_markdown();
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

/// What the runtimes take that no limit reaches.
fn calls_markdown(cards: &[&Card]) -> String {
    let mut text = String::from(
        "\n## What no limit reaches\n\nThese take their number in their own way alone. `pools()` \
         lists them with the threads that they have now, and the outcome of a limit is `ignored`, \
         with that way. `poolkeeper run` and `auto()` set their variables.\n\n\
         | runtime | how it gets `n` threads |\n| --- | --- |\n",
    );
    for (card, call) in cards.iter().filter_map(|card| Some((card, card.call?))) {
        text += &format!("| {} | `{}` |\n", card.name, call.replace("{n}", "n"));
    }
    text
}

fn variable_row(variable: &Variable, runtime: &str) -> String {
    let counts = variable.counts.map_or("", Counts::name);
    let (name, meaning) = (variable.name, variable.meaning);
    format!("| `{name}` | {runtime} | {counts} | {meaning} |\n")
}

/// What has no pool to find, and listens to its environment.
fn listeners_markdown() -> String {
    let mut text = String::from(
        "\n## What else listens to the environment\n\nThese libraries and programs have no pool \
         that poolkeeper could find. They keep the budget by these variables, or by `poolkeeper \
         run --pin`.\n\n\
         | variable | read by | set to | what it does |\n| --- | --- | --- | --- |\n",
    );
    for listener in listeners() {
        for variable in listener.environment {
            text += &variable_row(variable, listener.name);
        }
    }
    text.push('\n');
    for listener in listeners() {
        if !listener.note.is_empty() {
            text += &format!("- {}: {}\n", listener.name, listener.note);
        }
    }
    let sources: Vec<_> = listeners().map(|listener| listener.source).collect();
    text + &format!("\nSources: {}.\n", sources.join("; "))
}
