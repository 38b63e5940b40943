//! Owners, commands, CPUs and times in words, as every command writes them.

use poolkeeper::usage::Owner;
use poolkeeper::{printable, shell_quoted};
use std::time::Duration;

/// The most characters of a command that are shown in a sentence.
const MOST_OF_COMMAND: usize = 60;
/// Whose threads these are: a pool's runtime, a file, a thread's name.
pub(crate) fn name(owner: &Owner) -> String {
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
pub(crate) fn command(words: &[String]) -> String {
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
pub(crate) fn cpus(exact: f64) -> String {
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
pub(crate) fn rounded(cpus: f64) -> String {
    format!("{cpus:.1}")
}

/// A time as people write it: "<0.01 s", "0.03 s", "4.2 s", "31 s", "12 min".
pub(crate) fn time(time: Duration) -> String {
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

/// Whose threads these are, for programs: the kind, the runtime and the file.
pub(crate) fn owner_as_json(owner: &Owner) -> serde_json::Value {
    let (kind, runtime, file) = match owner {
        Owner::Main => ("main", None, None),
        Owner::Pool { runtime, filepath } => ("pool", Some(*runtime), Some(filepath)),
        Owner::Library(file) => ("library", None, Some(file)),
        Owner::Named(_) => ("named", None, None),
        _ => ("unknown", None, None),
    };
    serde_json::json!({
        "owner": kind,
        "name": name(owner),
        "runtime": runtime,
        "filepath": file.map(|file| file.to_string_lossy()),
    })
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
