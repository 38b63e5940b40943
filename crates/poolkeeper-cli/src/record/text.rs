//! The end of a recording on standard error.

use super::words;
use crate::look::Look;
use crate::table::{Kind, Row, table};
use crate::text::{in_lines, paragraph};
use poolkeeper::printable;
use poolkeeper::usage::{OwnerUse, Recording, Verdict};
use std::io;
use std::path::Path;

/// The most owners that are listed.
const MOST_OWNERS: usize = 8;

const COLUMNS: [(&str, Kind); 4] = [
    ("threads of", Kind::Text),
    ("worked", Kind::Number),
    ("CPU time", Kind::Number),
    ("waited", Kind::Number),
];

/// The verdict and the table of owners.
pub(super) fn summary(
    recording: &Recording,
    verdict: &Verdict,
    end: Option<&str>,
    look: Look,
) -> String {
    let command = words::command(&recording.command);
    let time = words::time(recording.wall);
    let title = format!("poolkeeper record: {command}, {time}");
    let mut text = look.bold(&in_lines(look, &title)) + "\n";
    let said = end.map(str::to_owned).into_iter();
    for sentence in said.chain(words::verdict(recording, verdict)) {
        text += &paragraph(look, &sentence, "  ", "  ");
    }
    let rows: Vec<Row> = shown(recording).map(|used| row(used, recording)).collect();
    if !rows.is_empty() {
        text.push('\n');
        text += &table(look, &COLUMNS, &rows);
    }
    for what in words::unseen(recording) {
        text += &paragraph(look, &what, "", "");
    }
    text
}

/// Those that did something; the rest is in the file.
fn shown(recording: &Recording) -> impl Iterator<Item = &OwnerUse> {
    let did = recording.owners.iter().filter(|used| used.threads > 0);
    did.take(MOST_OWNERS)
}

fn row(used: &OwnerUse, recording: &Recording) -> Row {
    let waited = if recording.tells_waits {
        words::time(used.waited)
    } else {
        "?".to_owned()
    };
    vec![
        words::name(&used.owner),
        used.threads.to_string(),
        words::time(used.ran),
        waited,
    ]
    .into()
}

/// Where the file is.
pub(super) fn file(path: &Path, written: &io::Result<()>) -> String {
    let shown = path.display().to_string();
    let shown = printable(&shown);
    match written {
        Ok(()) => format!("poolkeeper: the recording is in {shown}\n"),
        Err(error) => format!("poolkeeper: can't write {shown}: {error}\n"),
    }
}
