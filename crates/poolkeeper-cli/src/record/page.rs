//! One page that needs nothing else: no network, no script.

use super::chart::chart;
use super::colours::{SHAPES, THEME, colour};
use super::html::escaped;
use super::words;
use poolkeeper::usage::{Owner, Recording, Verdict};
use std::fmt::Write as _;
use std::time::Duration;

/// The most processes that are listed.
const MOST_PROCESSES: usize = 40;

const STYLE: &str = "\
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page);
  max-width: 1000px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.15rem; font-weight: 600; overflow-wrap: anywhere }
h2 { font-size: 1rem; font-weight: 600; margin: 1.6rem 0 .4rem }
code { font: .93em ui-monospace, monospace; background: var(--box); padding: .1em .3em }
.verdict { background: var(--box); border-left: 4px solid var(--budget); padding: .6rem 1rem;
  font-size: 1.05rem }
.verdict.well { border-color: hsl(150 50% 42%) }
.verdict p { margin: .3rem 0; overflow-wrap: anywhere }
.soft { color: var(--soft) }
svg { display: block; width: 100%; height: auto; margin: 1rem 0 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .2rem 1.4rem .2rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere }
th { font-weight: 600 }
.number { text-align: right; white-space: nowrap }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .5em }
.path { color: var(--soft); font-size: .87em }
";

/// The page.
pub(super) fn page(recording: &Recording, verdict: &Verdict, end: Option<&str>) -> String {
    let command = escaped(&words::command(&recording.command));
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>poolkeeper record: {command}</title>\n<style>\n{THEME}{SHAPES}{STYLE}</style>\n</head>\n<body>\n\
         <h1>poolkeeper record: <code>{command}</code></h1>\n"
    );
    text += &said(recording, verdict, end);
    text += &chart(recording);
    text += "<p class=\"soft\">Solid: threads on a CPU. Striped: threads that were ready to work \
             and waited for a CPU. Above the dashed line the program wanted more CPUs than it \
             had.</p>\n";
    text += &owners(recording);
    text += &processes(recording);
    text += &budget(recording);
    text += &around(recording);
    text += &format!(
        "<p class=\"soft\">Recorded by poolkeeper {}: {} looks, one every {} ms.</p>\n\
         </body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
        recording.looks,
        recording.interval.as_millis(),
    );
    text
}

/// The verdict, with what is between backticks as code.
fn said(recording: &Recording, verdict: &Verdict, end: Option<&str>) -> String {
    let class = if verdict.is_well() {
        "verdict well"
    } else {
        "verdict"
    };
    let mut text = format!("<div class=\"{class}\">\n");
    for sentence in words::verdict(recording, verdict) {
        let _ = writeln!(text, "<p>{}</p>", with_code(&sentence));
    }
    text += "</div>\n<p class=\"soft\">";
    text += &escaped(&format!(
        "{} on the clock, {} of CPU time, {} of waiting for a CPU.",
        words::time(recording.wall),
        words::time(recording.ran() + recording.unseen_cpu),
        waited(recording, recording.waited()),
    ));
    if let Some(end) = end {
        text += &format!(" {}", escaped(end));
    }
    text + "</p>\n"
}

fn with_code(sentence: &str) -> String {
    let mut text = String::new();
    for (number, part) in sentence.split('`').enumerate() {
        let part = escaped(part);
        text += &if number % 2 == 1 {
            format!("<code>{part}</code>")
        } else {
            part
        };
    }
    text
}

fn waited(recording: &Recording, time: Duration) -> String {
    if recording.tells_waits {
        words::time(time)
    } else {
        "?".to_owned()
    }
}

fn owners(recording: &Recording) -> String {
    let mut text = "<h2>Threads by owner</h2>\n<table id=\"owners\">\n<tr><th>threads of</th>\
                    <th class=\"number\">worked</th><th class=\"number\">CPU time</th>\
                    <th class=\"number\">waited for a CPU</th></tr>\n"
        .to_owned();
    for used in &recording.owners {
        let file = match &used.owner {
            Owner::Pool { filepath, .. } | Owner::Library(filepath) => {
                let path = escaped(&filepath.display().to_string());
                format!("<br><span class=\"path\">{path}</span>")
            }
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "<tr><td><span class=\"swatch\" style=\"background:{}\"></span>{}{file}</td>\
             <td class=\"number\">{}</td><td class=\"number\">{}</td>\
             <td class=\"number\">{}</td></tr>",
            colour(&used.owner),
            escaped(&words::name(&used.owner)),
            used.threads,
            words::time(used.ran),
            waited(recording, used.waited),
        );
    }
    text + "</table>\n"
}

fn processes(recording: &Recording) -> String {
    if recording.processes.len() < 2 {
        return String::new();
    }
    let mut text = "<h2>Processes</h2>\n<table id=\"processes\">\n<tr><th>process</th>\
                    <th class=\"number\">from</th><th class=\"number\">to</th>\
                    <th class=\"number\">threads at most</th><th class=\"number\">CPU time</th>\
                    <th class=\"number\">waited for a CPU</th></tr>\n"
        .to_owned();
    let mut order: Vec<usize> = (0..recording.processes.len()).collect();
    let wanted = |at: &usize| recording.processes[*at].ran + recording.processes[*at].waited;
    order.sort_by_key(|at| std::cmp::Reverse(wanted(at)));
    for at in order.iter().take(MOST_PROCESSES) {
        let process = &recording.processes[*at];
        let command = match process.command.as_slice() {
            [] => escaped(&process.name),
            words => format!("<code>{}</code>", escaped(&words::command(words))),
        };
        let pid = process
            .pid
            .map_or_else(String::new, |pid| format!("{pid} "));
        let ended = process.ended.unwrap_or(recording.wall);
        let _ = writeln!(
            text,
            "<tr><td>{pid}{command}</td><td class=\"number\">{}</td>\
             <td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>\
             <td class=\"number\">{}</td></tr>",
            words::time(process.began),
            words::time(ended),
            process.peak_threads,
            words::time(process.ran),
            waited(recording, process.waited),
        );
    }
    text += "</table>\n";
    if let Some(more) = order.len().checked_sub(MOST_PROCESSES + 1) {
        let _ = writeln!(
            text,
            "<p class=\"soft\">{} more, which wanted less.</p>",
            more + 1
        );
    }
    text
}

fn budget(recording: &Recording) -> String {
    let mut text = "<h2>The budget</h2>\n<ul>\n".to_owned();
    for (number, step) in recording.budget.iter().enumerate() {
        let since = if number == 0 {
            String::new()
        } else {
            format!("from {} on ", words::time(step.at))
        };
        let _ = writeln!(
            text,
            "<li>{since}{}, says {}</li>",
            words::cpus(step.exact),
            escaped(&step.source)
        );
    }
    text + "</ul>\n"
}

/// What others did, what the quota did, and what could not be seen.
fn around(recording: &Recording) -> String {
    let mut lines: Vec<String> = Vec::new();
    if let Some(others) = &recording.others {
        let all: Duration = others.iter().sum();
        let average = all.as_secs_f64() / recording.wall.as_secs_f64().max(1e-9);
        lines.push(format!(
            "Other programs used {average:.1} of the same CPUs on average."
        ));
    }
    match &recording.throttling {
        Some(throttling) if throttling.throttled > 0 => lines.push(format!(
            "{}: stopped in {} of {} periods, for {}.",
            throttling.group.display(),
            throttling.throttled,
            throttling.periods,
            words::time(throttling.time),
        )),
        Some(_) => lines.push("The kernel never stopped it for a CPU quota.".to_owned()),
        None => {}
    }
    lines.extend(words::unseen(recording));
    let items = lines.iter();
    let items: Vec<String> = items
        .map(|line| format!("<li>{}</li>\n", escaped(line)))
        .collect();
    format!("<h2>Around it</h2>\n<ul>\n{}</ul>\n", items.concat())
}
