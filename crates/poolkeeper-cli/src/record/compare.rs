//! Two recordings side by side, from their JSON.

use super::words::{command, time};
use crate::exit::{EXIT_FAILED, EXIT_OK};
use crate::look::Look;
use crate::table::{Kind, Row, table};
use crate::text::in_lines;
use poolkeeper::printable;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest time that is believed, in seconds: a thousand years of CPU time.
const LONGEST: f64 = 3e10;
/// The most owners that are listed.
const MOST_OWNERS: usize = 12;

/// What is compared of a recording.
struct Side {
    command: Vec<String>,
    /// In the order of [`NUMBERS`].
    numbers: Vec<Option<f64>>,
    causes: Vec<String>,
    /// Each owner's name, what it ran and what it waited, copies of one name together.
    owners: Vec<(String, f64, f64)>,
}

#[derive(Clone, Copy)]
enum Unit {
    Seconds,
    Number,
}

/// What is compared: its name for people and for programs, and its unit.
const NUMBERS: [(&str, &str, Unit); 8] = [
    ("time", "wall", Unit::Seconds),
    ("CPU time", "ran", Unit::Seconds),
    ("waited for a CPU", "waited", Unit::Seconds),
    ("CPUs used", "used_cpus", Unit::Number),
    ("CPUs wanted", "wanted_cpus", Unit::Number),
    ("CPUs wanted at most", "peak_cpus", Unit::Number),
    ("CPUs it had", "had_cpus", Unit::Number),
    ("processes", "processes", Unit::Number),
];

/// Compares two files.
pub(super) fn compare(
    files: &[PathBuf],
    as_json: bool,
    look: Look,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<i32> {
    let mut sides = Vec::new();
    for file in files {
        match read(file) {
            Ok(side) => sides.push(side),
            Err(why) => {
                let said = format!("{}: {why}", file.display());
                writeln!(err, "poolkeeper: {}", printable(&said))?;
                return Ok(EXIT_FAILED);
            }
        }
    }
    let [one, other] = sides.as_slice() else {
        return Ok(EXIT_FAILED);
    };
    if as_json {
        writeln!(out, "{:#}", numbers(one, other))?;
    } else {
        write!(out, "{}", text(one, other, look))?;
    }
    Ok(EXIT_OK)
}

fn read(file: &Path) -> Result<Side, String> {
    let opened = File::open(file).map_err(|error| error.to_string())?;
    let value: Value = serde_json::from_reader(BufReader::new(opened))
        .map_err(|error| format!("it is no recording that was written as JSON: {error}"))?;
    Side::of(&value).ok_or_else(|| {
        "it is no recording: `poolkeeper record -o FILE.json -- COMMAND` writes one".to_owned()
    })
}

impl Side {
    /// `None` if these are not the numbers of a recording.
    fn of(value: &Value) -> Option<Side> {
        let verdict = value.get("verdict")?;
        let listed = value.get("owners")?.as_array()?;
        let mut owners: Vec<(String, f64, f64)> = Vec::new();
        for owner in listed {
            let name = owner.get("name")?.as_str()?.to_owned();
            let (ran, waited) = (seconds(owner.get("ran"))?, seconds(owner.get("waited"))?);
            match owners.iter_mut().find(|(one, ..)| *one == name) {
                Some(one) => (one.1, one.2) = (one.1 + ran, one.2 + waited),
                None => owners.push((name, ran, waited)),
            }
        }
        let sum = |field: fn(&(String, f64, f64)) -> f64| owners.iter().map(field).sum::<f64>();
        let unseen = seconds(value.get("unseen_cpu")).unwrap_or(0.0);
        let of_verdict = |name: &str| verdict.get(name).and_then(Value::as_f64);
        let numbers = NUMBERS.iter().map(|(_, name, _)| match *name {
            "wall" => seconds(value.get("wall")),
            "ran" => Some(sum(|owner| owner.1) + unseen),
            "waited" => verdict["knows_waits"]
                .as_bool()
                .filter(|knows| *knows)
                .map(|_| sum(|owner| owner.2)),
            "processes" => Some(value.get("processes")?.as_array()?.len() as f64),
            name => of_verdict(name),
        });
        let numbers: Vec<Option<f64>> = numbers.collect();
        numbers[0]?;
        let words = value.get("command").and_then(Value::as_array);
        let words = words.into_iter().flatten().filter_map(Value::as_str);
        let causes = verdict.get("causes").and_then(Value::as_array);
        let causes = causes.into_iter().flatten();
        // Recordings from before there were codes have the cause alone.
        let code = |cause: &Value| {
            let name = cause.get("code").or_else(|| cause.get("cause"))?;
            Some(name.as_str()?.to_owned())
        };
        Some(Side {
            command: words.map(str::to_owned).collect(),
            causes: causes.filter_map(code).collect(),
            numbers,
            owners,
        })
    }
}

fn seconds(value: Option<&Value>) -> Option<f64> {
    let seconds = value?.as_f64()?;
    (0.0..=LONGEST).contains(&seconds).then_some(seconds)
}

fn text(one: &Side, other: &Side, look: Look) -> String {
    let mut text = String::new();
    for (name, side) in [("A", one), ("B", other)] {
        text += &in_lines(look, &format!("{name}: {}", command(&side.command)));
        text.push('\n');
    }
    text.push('\n');
    let columns = [
        ("", Kind::Text),
        ("A", Kind::Number),
        ("B", Kind::Number),
        ("B / A", Kind::Number),
    ];
    let sides = one.numbers.iter().zip(&other.numbers);
    let mut rows: Vec<Row> = NUMBERS
        .iter()
        .zip(sides)
        .map(|((name, _, unit), (a, b))| row(name, *a, *b, *unit))
        .collect();
    let causes = |side: &Side| match side.causes.as_slice() {
        [] => "none".to_owned(),
        codes => printable(&codes.join(" ")).into_owned(),
    };
    rows.push(
        vec![
            "verdict".to_owned(),
            causes(one),
            causes(other),
            String::new(),
        ]
        .into(),
    );
    text += &table(look, &columns, &rows);
    text += "\nCPU time and waits by owner\n";
    let mut rows = Vec::new();
    for (name, (ran, waited), (ran_b, waited_b)) in owners(one, other).into_iter().take(MOST_OWNERS)
    {
        let name = printable(&name).into_owned();
        rows.push(row(&name, Some(ran), Some(ran_b), Unit::Seconds));
        let waits = one.numbers[2].and(other.numbers[2]).is_some();
        if waits && waited + waited_b > 0.0 {
            rows.push(row("  waited", Some(waited), Some(waited_b), Unit::Seconds));
        }
    }
    text + &table(look, &columns, &rows)
}

fn row(name: &str, a: Option<f64>, b: Option<f64>, unit: Unit) -> Row {
    let shown = |value: Option<f64>| match (value, unit) {
        (None, _) => "?".to_owned(),
        (Some(value), Unit::Seconds) => time(Duration::from_secs_f64(value)),
        (Some(value), Unit::Number) if value.fract() == 0.0 => format!("{value:.0}"),
        (Some(value), Unit::Number) => format!("{value:.2}"),
    };
    vec![
        name.to_owned(),
        shown(a),
        shown(b),
        ratio(a, b).map_or_else(String::new, |ratio| format!("{ratio:.2}")),
    ]
    .into()
}

/// How many times as much the second is; `None` of next to nothing.
fn ratio(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.zip(b).filter(|(a, _)| *a > 0.005).map(|(a, b)| b / a)
}

/// What each owner ran and waited in both, those that wanted most first.
#[expect(clippy::type_complexity, reason = "a name and two pairs")]
fn owners(one: &Side, other: &Side) -> Vec<(String, (f64, f64), (f64, f64))> {
    let of = |side: &Side, name: &str| {
        let mut found = side.owners.iter().filter(|(own, ..)| own == name);
        found
            .next()
            .map_or((0.0, 0.0), |(_, ran, waited)| (*ran, *waited))
    };
    let mut names: Vec<&String> = one.owners.iter().map(|(name, ..)| name).collect();
    let more = other.owners.iter().map(|(name, ..)| name);
    names.extend(more.filter(|name| !one.owners.iter().any(|(own, ..)| own == *name)));
    let both = names
        .into_iter()
        .map(|name| (name.clone(), of(one, name), of(other, name)));
    let mut both: Vec<_> = both.collect();
    let wanted = |(_, a, b): &(String, (f64, f64), (f64, f64))| a.0 + a.1 + b.0 + b.1;
    both.retain(|one| wanted(one) >= 0.005);
    both.sort_by(|one, other| wanted(other).total_cmp(&wanted(one)));
    both
}

/// The same for programs.
fn numbers(one: &Side, other: &Side) -> Value {
    let side = |side: &Side| {
        let mut value = json!({ "command": side.command, "causes": side.causes });
        for ((_, name, _), number) in NUMBERS.iter().zip(&side.numbers) {
            value[*name] = (*number).into();
        }
        value
    };
    let mut ratios = json!({});
    for (place, (_, name, _)) in NUMBERS.iter().enumerate() {
        ratios[*name] = ratio(one.numbers[place], other.numbers[place]).into();
    }
    let owners = owners(one, other).into_iter().map(|(name, a, b)| {
        json!({
            "name": name,
            "a": { "ran": a.0, "waited": a.1 },
            "b": { "ran": b.0, "waited": b.1 },
        })
    });
    json!({
        "a": side(one),
        "b": side(other),
        "ratios": ratios,
        "owners": owners.collect::<Vec<_>>(),
    })
}
