//! The picture as a file of its own, with the verdict above it and the owners below.

use super::chart::{WIDTH, chart, height, legend};
use super::colours::{SHAPES, THEME};
use super::html::escaped;
use super::words;
use poolkeeper::usage::{Recording, Verdict};
use std::fmt::Write as _;

/// Characters in a line of the verdict, and its height.
const LINE: (usize, f64) = (120, 20.0);
/// Room around, and between.
const GAP: f64 = 16.0;
/// The width of an owner's name in the legend: a character's, and what is beside it.
const NAME: (f64, f64) = (7.0, 34.0);

const STYLE: &str = "\
svg .page { fill: var(--page) }
svg text.title { font: 600 15px system-ui, sans-serif; fill: var(--text) }
svg text.said { font: 14px system-ui, sans-serif; fill: var(--text) }
";

/// The file.
pub(super) fn picture(recording: &Recording, verdict: &Verdict, end: Option<&str>) -> String {
    let mut said: Vec<String> = end.map(str::to_owned).into_iter().collect();
    said.extend(words::verdict(recording, verdict));
    said.extend(words::unseen(recording));
    let lines = said
        .iter()
        .flat_map(|sentence| textwrap::wrap(sentence, LINE.0));
    let mut y = GAP + LINE.1;
    let title = format!("poolkeeper record: {}", words::command(&recording.command));
    let mut inside = text("title", y, &title);
    for line in lines {
        y += LINE.1;
        inside += &text("said", y, &line);
    }
    y += GAP;
    let high = height(recording);
    let place = format!("<svg x=\"0\" y=\"{y}\" width=\"{WIDTH}\" height=\"{high}\" ");
    inside += &chart(recording).replacen("<svg ", &place, 1);
    y += high + GAP;
    let (below, end) = owners(recording, y);
    let high = end + GAP;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {high}\" \
         width=\"{WIDTH}\" height=\"{high}\">\n<style>\n{THEME}{SHAPES}{STYLE}</style>\n\
         <rect class=\"page\" width=\"{WIDTH}\" height=\"{high}\"/>\n{inside}{below}</svg>\n"
    )
}

fn text(class: &str, y: f64, text: &str) -> String {
    format!(
        "<text class=\"{class}\" x=\"{GAP}\" y=\"{y}\">{}</text>\n",
        escaped(text)
    )
}

/// The owners' names beside their colours, and where they end.
fn owners(recording: &Recording, top: f64) -> (String, f64) {
    let mut all = String::new();
    let (mut x, mut y) = (GAP, top);
    for (name, colour) in legend(recording) {
        let width = NAME.0 * name.chars().count() as f64 + NAME.1;
        if x + width > WIDTH && x > GAP {
            (x, y) = (GAP, y + LINE.1);
        }
        let _ = writeln!(
            all,
            "<rect x=\"{x}\" y=\"{:.1}\" width=\"11\" height=\"11\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
            y - 10.0,
            x + 17.0,
            escaped(&name),
        );
        x += width;
    }
    y += LINE.1;
    all += &format!(
        "<text x=\"{GAP}\" y=\"{y:.1}\">Solid: threads on a CPU. Striped: threads that were ready \
         and waited for one. Dashed: the CPUs that it had.</text>\n"
    );
    (all, y)
}
