//! The right form of a command line that was nearly right.

use std::ffi::OsString;

/// What to type instead, for arguments that are not understood as they are: names
/// without the option before them, a program without `--`.
pub(crate) fn right_form(arguments: &[OsString]) -> Option<String> {
    let words = arguments.iter().skip(1).map(|word| word.to_string_lossy());
    let words: Vec<String> = words.map(|word| word.into_owned()).collect();
    let (first, rest) = words.split_first()?;
    let named: Vec<&str> = plain(rest).collect();
    match (first.as_str(), named.first()) {
        ("info", Some(name)) if is_library(name) => Some(listed("info", "-l", &named)),
        ("info", Some(name)) if is_script(name) => Some(after_dashes("doctor", rest)),
        ("info", Some(_)) => Some(listed("info", "-i", &named)),
        ("doctor", Some(name)) if is_library(name) => Some(listed("doctor", "-l", &named)),
        ("doctor", Some(name)) if is_program(name) => Some(after_dashes("doctor", rest)),
        ("doctor", Some(_)) => Some(listed("doctor", "-i", &named)),
        ("cpus", Some(number)) if is_number(number) => {
            Some(format!("poolkeeper cpus --pid {number}"))
        }
        ("split", Some(number)) if is_number(number) => {
            Some(format!("poolkeeper split --processes {number}"))
        }
        ("runtimes", Some(word)) if FORMATS.contains(word) => {
            Some(format!("poolkeeper runtimes --format {word}"))
        }
        ("env", Some(word)) if FORMATS.contains(word) => {
            Some(format!("poolkeeper env --format {word}"))
        }
        _ if is_program(first) => Some(after_dashes("run", &words)),
        _ => None,
    }
}

/// What `--format` takes.
const FORMATS: [&str; 8] = [
    "text", "json", "markdown", "sh", "docker", "env-file", "slurm", "jupyter",
];

/// The words that are neither options nor their values.
fn plain(words: &[String]) -> impl Iterator<Item = &str> {
    let words = words.iter().map(String::as_str);
    words.filter(|word| !word.starts_with('-') && !word.is_empty())
}

fn listed(command: &str, option: &str, names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    format!("poolkeeper {command} {option} {}", names.join(" "))
}

/// The command with the program after `--`, without a Python before a script:
/// the doctor runs the script itself.
fn after_dashes(command: &str, words: &[String]) -> String {
    let begin = words.iter().position(|word| is_program(word)).unwrap_or(0);
    let (options, program) = words.split_at(begin);
    let program = match command {
        "doctor" if program.len() > 1 && is_python(&program[0]) => &program[1..],
        _ => program,
    };
    let all = ["poolkeeper", command].into_iter().map(str::to_owned);
    let options = options.iter().map(|word| quoted(word));
    let program = program.iter().map(|word| quoted(word));
    let words = all.chain(options).chain(["--".to_owned()]).chain(program);
    words.collect::<Vec<_>>().join(" ")
}

fn is_program(word: &str) -> bool {
    is_script(word) || is_python(word) || word.contains('/') && !is_library(word)
}

fn is_script(word: &str) -> bool {
    word.ends_with(".py") || word.ends_with(".pyz")
}

fn is_python(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    let version = name.strip_prefix("python");
    version.is_some_and(|version| {
        version
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    })
}

fn is_library(word: &str) -> bool {
    word.ends_with(".so") || word.contains(".so.")
}

fn is_number(word: &str) -> bool {
    word.parse::<u32>().is_ok()
}

/// A word for a POSIX shell, on one line: a line to paste does nothing but what
/// it says.
fn quoted(word: &str) -> String {
    poolkeeper::printable(&poolkeeper::shell_quoted(word)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(line: &str) -> Option<String> {
        let words = std::iter::once("poolkeeper").chain(line.split(' '));
        right_form(&words.map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn names_get_their_option_and_programs_their_dashes() {
        let pairs = [
            ("info numpy", "poolkeeper info -i numpy"),
            (
                "info --json numpy scipy.linalg",
                "poolkeeper info -i numpy scipy.linalg",
            ),
            ("info libgomp.so.1", "poolkeeper info -l libgomp.so.1"),
            ("info train.py", "poolkeeper doctor -- train.py"),
            ("doctor numpy", "poolkeeper doctor -i numpy"),
            (
                "doctor train.py --epochs 3",
                "poolkeeper doctor -- train.py --epochs 3",
            ),
            (
                "doctor --notes train.py",
                "poolkeeper doctor --notes -- train.py",
            ),
            ("doctor python3 train.py", "poolkeeper doctor -- train.py"),
            ("doctor ./train.py", "poolkeeper doctor -- ./train.py"),
            (
                "doctor /lib/libgomp.so.1",
                "poolkeeper doctor -l /lib/libgomp.so.1",
            ),
            ("cpus 4242", "poolkeeper cpus --pid 4242"),
            ("split 4", "poolkeeper split --processes 4"),
            ("env docker", "poolkeeper env --format docker"),
            ("runtimes json", "poolkeeper runtimes --format json"),
            (
                "train.py --epochs 3",
                "poolkeeper run -- train.py --epochs 3",
            ),
            ("python train.py", "poolkeeper run -- python train.py"),
            ("./solver", "poolkeeper run -- ./solver"),
        ];
        for (line, right) in pairs {
            assert_eq!(form(line).as_deref(), Some(right), "{line}");
        }
    }

    #[test]
    fn nothing_is_said_of_what_is_only_mistyped() {
        for line in [
            "infos",
            "info --jsn",
            "--opnemp",
            "split four",
            "cpus --pid",
        ] {
            assert_eq!(form(line), None, "{line}");
        }
    }

    #[test]
    fn a_line_to_paste_does_only_what_it_says() {
        let words = ["poolkeeper", "info", "a; touch x"].map(OsString::from);
        let form = right_form(&words).expect("a module's name");
        assert_eq!(form, "poolkeeper info -i 'a; touch x'");
    }
}
