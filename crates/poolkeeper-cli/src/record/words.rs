//! What a recording means, in words.

use crate::text::counted;
use crate::words::rounded;
pub(super) use crate::words::{command, cpus, name, time};
use poolkeeper::printable;
use poolkeeper::usage::{Cause, Crowd, Owner, Recording, Throttling, Verdict};
use poolkeeper_simulate::End;
use std::time::Duration;

/// An owner's part of the crowd that is worth its name.
const NAMED: f64 = 0.5;

/// The verdict: what was found first, then what to type; a sentence or more each.
pub(super) fn verdict(recording: &Recording, verdict: &Verdict) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for cause in &verdict.causes {
        match cause {
            Cause::Crowd(crowd) => said.extend(crowded(recording, crowd)),
            Cause::Neighbours { waited, took } => said.push(neighbours(recording, *waited, *took)),
            Cause::Throttled(throttling) => said.push(stopped(throttling)),
            _ => {}
        }
    }
    if verdict.is_short {
        said.push(format!(
            "It worked for {}, which is too short to be judged.",
            time(recording.ran() + recording.unseen_cpu)
        ));
    } else if verdict.causes.is_empty() {
        said.push(well(recording, verdict));
    }
    if let Some(alone) = &verdict.alone {
        said.push(format!(
            "{} % of the time one thread worked, and {} of its budget stood idle: more CPUs would not \
             have made that faster.",
            (100.0 * alone.part).round(),
            cpus((alone.idle * 10.0).round() / 10.0),
        ));
    }
    if verdict.is_partial && !verdict.is_short {
        said.push(format!(
            "{} of its CPU time was used by threads and processes that came and went between two \
             looks: they are not in the picture. --hz sets how often it is looked at.",
            capital(&time(recording.unseen_cpu))
        ));
    }
    said
}

/// "The kernel stopped its group for its CPU quota in 53 of 61 periods."
fn stopped(throttling: &Throttling) -> String {
    let periods = counted(throttling.periods as usize, "period");
    let first = format!(
        "The kernel stopped its group for its CPU quota in {} of {periods}",
        throttling.throttled,
    );
    // Not every kernel counts all of the time.
    if throttling.time < Duration::from_millis(100) {
        return first + ".";
    }
    format!(
        "{first}: its CPUs stood still for {}.",
        time(throttling.time)
    )
}

/// What could not be seen, a sentence each.
pub(super) fn unseen(recording: &Recording) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    if !recording.tells_waits {
        all.push(
            "The kernel does not tell how long threads waited for a CPU (schedstat).".to_owned(),
        );
    }
    let open = recording.unseen.iter();
    all.extend(open.map(|what| format!("Not known: {}.", printable(what))));
    all
}

/// "42 % of the time 16 threads shared 2 CPUs: ...", whose they are, and the line.
fn crowded(recording: &Recording, crowd: &Crowd) -> Vec<String> {
    let threads = crowd.threads.round() as usize;
    let part = (100.0 * crowd.part).round().max(1.0);
    let (had, waited, wanted) = (cpus(crowd.cpus), time(crowd.waited), time(crowd.wanted));
    let mut first = if threads <= 1 {
        format!("{part} % of the time one thread had {had}: it waited {waited} of {wanted}.")
    } else {
        format!(
            "{part} % of the time {threads} threads on average shared {had}: they waited \
             {waited} of {wanted}."
        )
    };
    if let Some(whose) = whose(recording, crowd) {
        first += &format!(" {whose}");
    }
    let mut said = vec![first];
    said.extend(advice(recording, crowd));
    said
}

/// "14 of them are libgomp's.", and in how many processes they were.
fn whose(recording: &Recording, crowd: &Crowd) -> Option<String> {
    let named = crowd.owners.iter().filter_map(|(place, threads)| {
        let name = match &recording.owners[*place].owner {
            Owner::Main | Owner::Unknown => return None,
            owner @ Owner::Named(_) => format!("named {}", name(owner)),
            owner => format!("{}'s", name(owner)),
        };
        (*threads >= NAMED).then(|| (threads.round().max(1.0) as usize, name))
    });
    let named: Vec<(usize, String)> = named.take(2).collect();
    let owners = match named.as_slice() {
        [] => None,
        [(1, name)] => Some(format!("One of them is {name}.")),
        [(many, name)] => Some(format!("{many} of them are {name}.")),
        [(many, name), (others, other), ..] => Some(format!(
            "{many} of them {} {name}, {others} {other}.",
            if *many == 1 { "is" } else { "are" }
        )),
    };
    let processes = busy_processes(crowd);
    let spread = (processes > 1).then(|| match crowd.greedy_processes() {
        each if each == processes && crowd.each_takes_all() => {
            format!("They were in {processes} processes, each of which takes the whole budget.")
        }
        _ => format!("They were in {processes} processes."),
    });
    let said: Vec<String> = owners.into_iter().chain(spread).collect();
    (!said.is_empty()).then(|| said.join(" "))
}

fn busy_processes(crowd: &Crowd) -> usize {
    let busy = crowd.processes.iter();
    busy.filter(|(_, threads)| *threads >= NAMED).count()
}

/// The line to type, where there is one that does something.
fn advice(recording: &Recording, crowd: &Crowd) -> Option<String> {
    let budget = recording.budget.last()?.cpus;
    let processes = busy_processes(crowd);
    let pools = crowd
        .owners
        .iter()
        .filter(|(place, _)| matches!(recording.owners[*place].owner, Owner::Pool { .. }));
    let of_pools: f64 = pools.map(|(_, threads)| threads).sum();
    if of_pools < (crowd.threads - crowd.cpus) / 2.0 {
        return (processes > budget as usize).then(|| {
            let each = if budget == 1 { "process" } else { "processes" };
            format!("With {budget} {each} at a time none would wait for another.")
        });
    }
    if recording.is_launched {
        return Some(
            "It ran under `poolkeeper run`, so the program itself asks for more threads."
                .to_owned(),
        );
    }
    let mut options = String::new();
    if processes > 1 {
        options += &format!(" --processes {processes}");
    }
    let mut why = String::new();
    if let [first, ..] = recording.set.as_slice() {
        options += " --force";
        why = format!("; --force, since {} is set", printable(first));
    }
    let effect = match processes {
        0 | 1 => format!(
            "begins with pools of {}",
            counted(budget as usize, "thread")
        ),
        many => format!(
            "divides the {} among {many} processes",
            cpus(f64::from(budget))
        ),
    };
    let command = command(&recording.command);
    Some(format!(
        "`poolkeeper run{options} -- {command}` {effect}{why}."
    ))
}

fn neighbours(recording: &Recording, waited: Duration, took: f64) -> String {
    let had = recording.budget.last().map_or(1.0, |step| step.exact);
    format!(
        "Other programs worked on {} of its {} while it wanted them: its threads waited {} for \
         those programs, and not for each other.",
        rounded(took),
        cpus(had),
        time(waited),
    )
}

/// That all is well, with the numbers that say so.
fn well(recording: &Recording, verdict: &Verdict) -> String {
    let ran = recording.ran();
    let used = format!(
        "it used {} of {} on average",
        rounded(verdict.used),
        cpus(verdict.had)
    );
    if !recording.tells_waits {
        return format!("Nothing was found: {used}. How long it waited for a CPU is not known.");
    }
    if verdict.is_partial {
        return format!("Of what was seen, nothing slowed it down: {used}.");
    }
    format!(
        "All is well: {used}, and waited {} for a CPU while it worked {}.",
        time(recording.waited()),
        time(ran)
    )
}

/// How the program ended, if not by itself with 0.
pub(super) fn end(end: &End) -> Option<String> {
    match end {
        End::Exited { code: 0 } => None,
        End::Exited { code } => Some(format!("It ended with exit code {code}.")),
        End::Killed { name, .. } => Some(format!("It was ended by {name}.")),
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters
        .next()
        .map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}
