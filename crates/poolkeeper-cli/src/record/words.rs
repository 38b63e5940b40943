//! What a recording means, in words.

use crate::text::counted;
use poolkeeper::usage::{Cause, Crowd, Owner, Recording, Throttling, Verdict};
use poolkeeper::{printable, shell_quoted};
use poolkeeper_simulate::End;
use std::time::Duration;

/// The most characters of a command that are shown in a sentence.
const MOST_OF_COMMAND: usize = 60;
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
    let spread = (processes > 1).then(|| format!("They were in {processes} processes."));
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

/// Whose threads these are: a pool's runtime, a file, a thread's name.
pub(super) fn name(owner: &Owner) -> String {
    let name = match owner {
        Owner::Main => "main thread".to_owned(),
        Owner::Pool { runtime, .. } => (*runtime).to_owned(),
        Owner::Library(file) => {
            let name = file.file_name().unwrap_or(file.as_os_str());
            name.to_string_lossy().into_owned()
        }
        Owner::Named(name) => format!("\"{name}\""),
        _ => "unknown".to_owned(),
    };
    printable(&name).into_owned()
}

/// A command for a shell, on one line, cut where it is long.
pub(super) fn command(words: &[String]) -> String {
    let mut text = String::new();
    for word in words {
        let word = printable(&shell_quoted(word)).into_owned();
        if !text.is_empty() {
            text.push(' ');
        }
        if text.chars().count() + word.chars().count() > MOST_OF_COMMAND {
            return text + "...";
        }
        text += &word;
    }
    if text.is_empty() {
        "...".to_owned()
    } else {
        text
    }
}

/// "1 CPU", "2 CPUs", "1.5 CPUs", "0.5 of a CPU".
pub(super) fn cpus(exact: f64) -> String {
    // An average over time has any fraction.
    let shown = format!("{exact:.2}");
    let shown = shown.trim_end_matches('0').trim_end_matches('.');
    match shown {
        "1" => "1 CPU".to_owned(),
        part if part.starts_with("0.") => format!("{part} of a CPU"),
        many => format!("{many} CPUs"),
    }
}

/// A number of CPUs that was measured.
fn rounded(cpus: f64) -> String {
    format!("{cpus:.1}")
}

/// A time as people write it: "<0.01 s", "0.03 s", "4.2 s", "31 s", "12 min".
pub(super) fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        0.0 => "0 s".to_owned(),
        s if s < 0.005 => "<0.01 s".to_owned(),
        s if s < 0.995 => format!("{s:.2} s"),
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 300.0 => format!("{s:.0} s"),
        s => format!("{:.0} min", s / 60.0),
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters
        .next()
        .map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let shown = [0, 3, 30, 999, 4_240, 30_600, 290_000, 720_000]
            .map(|milliseconds| time(Duration::from_millis(milliseconds)));
        let right = [
            "0 s", "<0.01 s", "0.03 s", "1.0 s", "4.2 s", "31 s", "290 s", "12 min",
        ];
        assert_eq!(shown, right);
    }

    #[test]
    fn a_number_of_cpus_has_its_fraction() {
        let shown = [0.5, 1.0, 1.999_999, 1.5, 128.0].map(cpus);
        assert_eq!(
            shown,
            ["0.5 of a CPU", "1 CPU", "2 CPUs", "1.5 CPUs", "128 CPUs"]
        );
    }

    #[test]
    fn a_command_can_be_pasted_and_ends_early() {
        let words = |line: &str| line.split('|').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(
            command(&words("python|a b.py|$(x)")),
            "python 'a b.py' '$(x)'"
        );
        let long = format!("python|-c|{}", "x".repeat(80));
        assert_eq!(command(&words(&long)), "python -c ...");
        assert_eq!(command(&[]), "...");
    }

    #[test]
    fn owners_have_names() {
        let pool = Owner::Pool {
            runtime: "libx",
            filepath: "/x.so".into(),
        };
        assert_eq!(name(&pool), "libx");
        assert_eq!(
            name(&Owner::Library("/a/b/libduck.so".into())),
            "libduck.so"
        );
        assert_eq!(name(&Owner::Named("a\nb".to_owned())), "\"a\\nb\"");
    }
}
