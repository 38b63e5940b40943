//! The command, as the plain binary runs it.

use poolkeeper_cli::{EXIT_FAILED, EXIT_OK, EXIT_USAGE, Host, NoPython, ReportOptions, run};
use std::ffi::OsString;

/// Exit code, standard output and standard error.
fn run_with(host: &mut dyn Host, arguments: &[&str]) -> (i32, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let arguments = std::iter::once("poolkeeper").chain(arguments.iter().copied());
    let code = run(arguments, host, &mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).expect("the command writes UTF-8");
    (code, text(out), text(err))
}

fn binary(arguments: &[&str]) -> (i32, String, String) {
    run_with(&mut NoPython, arguments)
}

#[test]
fn help_shows_examples_and_exit_codes() {
    for arguments in [&["--help"][..], &["info", "--help"]] {
        let (code, out, err) = binary(arguments);
        assert_eq!((code, err.as_str()), (EXIT_OK, ""));
        assert!(
            out.contains("Examples:") && out.contains("Exit codes:"),
            "{out}"
        );
        assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    }
}

#[test]
fn wrong_arguments_are_told_on_standard_error() {
    for arguments in [
        &["inf"][..],
        &["info", "--jason"],
        &[],
        &["completions", "tcl"],
    ] {
        let (code, out, err) = binary(arguments);
        assert_eq!((code, out.as_str()), (EXIT_USAGE, ""), "{arguments:?}");
        assert!(
            err.contains("Usage:") || err.contains("possible values"),
            "{err}"
        );
    }
    assert!(
        binary(&["inf"]).2.contains("'info'"),
        "the nearest command is named"
    );
}

#[test]
fn a_library_that_is_not_there_is_a_warning() {
    let (code, out, err) = binary(&["info", "--json", "-l", "/no/such/library.so"]);
    assert_eq!(code, EXIT_FAILED);
    assert!(
        err.starts_with("poolkeeper: warning: could not load /no/such/library.so"),
        "{err}"
    );
    let pools: Vec<serde_json::Value> = serde_json::from_str(&out).expect("JSON all the same");
    assert_eq!(pools.len(), 0);
}

#[test]
fn without_python_nothing_is_imported() {
    let (code, _, err) = binary(&["info", "-i", "numpy"]);
    assert_eq!(code, EXIT_FAILED);
    assert!(err.contains("python -m poolkeeper"), "{err}");
    assert_eq!(binary(&["demo"]).0, EXIT_FAILED);
    assert_eq!(binary(&["notebook", "--kernel"]).0, EXIT_FAILED);
}

/// A host that imports everything but one module.
struct Importer(Vec<String>);

impl Host for Importer {
    fn import(&mut self, module: &str) -> Result<(), String> {
        if module == "missing" {
            return Err("ModuleNotFoundError: No module named 'missing'".to_owned());
        }
        self.0.push(module.to_owned());
        Ok(())
    }

    fn execute(&mut self, code: &str) -> Result<(), String> {
        self.0.push(code.to_owned());
        Ok(())
    }

    fn demo(&mut self, arguments: &[String]) -> Result<i32, String> {
        self.0.extend_from_slice(arguments);
        Ok(7)
    }

    fn notebook(&mut self, arguments: &[String]) -> Result<i32, String> {
        self.0.extend_from_slice(arguments);
        Ok(6)
    }

    fn run_program(
        &mut self,
        program: &[OsString],
        options: &ReportOptions,
    ) -> Result<i32, String> {
        self.0.extend(
            program
                .iter()
                .map(|word| word.to_string_lossy().into_owned()),
        );
        assert!(options.notes);
        Ok(5)
    }
}

#[test]
fn the_binarys_help_lists_what_it_does() {
    for arguments in [
        &["--help"][..],
        &["info", "--help"],
        &["doctor", "--help"],
        &["completions", "bash"],
    ] {
        let (code, out, _) = binary(arguments);
        assert_eq!(code, EXIT_OK);
        for refused in [
            "demo",
            "notebook --",
            "--import",
            "-i ",
            "--command",
            "train.py",
        ] {
            assert!(
                !out.contains(refused),
                "{refused:?} in {arguments:?}:\n{out}"
            );
        }
        if arguments[0] != "completions" {
            assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
        }
    }
    let (_, out, _) = run_with(&mut Importer(Vec::new()), &["--help"]);
    assert!(
        out.contains("demo") && out.contains("notebook") && out.contains("-i numpy"),
        "{out}"
    );
}

#[test]
fn the_right_form_is_told() {
    for (arguments, right) in [
        (&["info", "numpy"][..], "poolkeeper info -i numpy"),
        (
            &["doctor", "train.py", "--epochs", "3"],
            "poolkeeper doctor -- train.py --epochs 3",
        ),
        (&["python", "train.py"], "poolkeeper run -- python train.py"),
        (&["info", "\u{1b}[2J"], r"poolkeeper info -i '\u{1b}[2J'"),
    ] {
        let (code, out, err) = binary(arguments);
        assert_eq!((code, out.as_str()), (EXIT_USAGE, ""), "{arguments:?}");
        assert!(err.contains(&format!("tip: type {right}\n")), "{err}");
        assert!(err.contains("Usage:") && !err.contains('\u{1b}'), "{err}");
    }
}

#[test]
fn every_command_that_prints_writes_json() {
    for arguments in [
        &["info"][..],
        &["runtimes"],
        &["cpus"],
        &["split", "--processes", "2"],
        &["run", "--dry-run", "--pin"],
        &["env"],
        &["doctor"],
        &["doctor", "--explain", "PK101"],
    ] {
        let (code, out, err) = binary(&[arguments, &["--json"]].concat());
        assert_eq!((code, err.as_str()), (EXIT_OK, ""), "{arguments:?}");
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(&out);
        assert!(parsed.is_ok(), "{arguments:?}: {out}");
    }
    let (_, as_format, _) = binary(&["env", "--cpus", "3", "--format", "json"]);
    assert_eq!(binary(&["env", "--cpus", "3", "--json"]).1, as_format);
    assert_eq!(binary(&["run", "--json", "--", "true"]).0, EXIT_USAGE);
    assert_eq!(
        binary(&["env", "--json", "--format", "docker"]).0,
        EXIT_USAGE
    );
}

#[test]
fn what_is_missing_does_not_stop_the_rest() {
    let mut host = Importer(Vec::new());
    let arguments = ["info", "-i", "first", "missing", "second", "-c", "pass"];
    let (code, out, err) = run_with(&mut host, &arguments);
    assert_eq!(code, EXIT_FAILED);
    assert_eq!(host.0, ["first", "second", "pass"]);
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(out.contains("No native thread pools"), "{out}");
}

#[test]
fn the_demo_gets_its_own_arguments_and_exit_code() {
    let mut host = Importer(Vec::new());
    let (code, _, _) = run_with(&mut host, &["demo", "--help", "--openmp", "2"]);
    assert_eq!(code, 7);
    assert_eq!(host.0, ["--help", "--openmp", "2"]);
}

#[test]
fn notebook_gets_its_own_arguments_and_exit_code() {
    let mut host = Importer(Vec::new());
    let (code, _, _) = run_with(&mut host, &["notebook", "--set", "blas=4", "a.ipynb"]);
    assert_eq!(code, 6);
    assert_eq!(host.0, ["--set", "blas=4", "a.ipynb"]);
}

#[test]
fn every_runtime_is_in_every_format() {
    let ids: Vec<_> = poolkeeper::runtimes::all().map(|card| card.id).collect();
    for format in ["text", "json", "markdown"] {
        let (code, out, _) = binary(&["runtimes", "--format", format]);
        assert_eq!(code, EXIT_OK);
        assert!(ids.iter().all(|id| out.contains(id)), "{out}");
    }
    let (_, text, _) = binary(&["runtimes"]);
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, out, _) = binary(&["completions", shell]);
        assert_eq!(code, EXIT_OK);
        assert!(out.contains("runtimes") && out.contains("info"), "{shell}");
    }
}

#[test]
fn the_doctor_has_the_host_run_a_program_with_its_own_arguments() {
    let mut host = Importer(Vec::new());
    let arguments = ["doctor", "--notes", "--", "train.py", "--json", "-i"];
    let (code, out, err) = run_with(&mut host, &arguments);
    assert_eq!((code, out, err), (5, String::new(), String::new()));
    assert_eq!(host.0, ["train.py", "--json", "-i"]);
}

#[test]
fn a_healthy_process_gets_one_line_from_the_doctor() {
    let (code, out, err) = binary(&["doctor", "--strict"]);
    assert_eq!((code, err), (EXIT_OK, String::new()));
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(out.starts_with("poolkeeper doctor: all is well: no thread pool"));
}

#[test]
fn a_code_is_explained_and_a_slip_is_corrected() {
    let (code, out, _) = binary(&["doctor", "--explain", "pk101"]);
    assert_eq!(code, EXIT_OK);
    assert!(out.starts_with("PK101 (error): "), "{out}");
    let (code, out, err) = binary(&["doctor", "--explain", "PK10"]);
    assert_eq!((code, out), (EXIT_USAGE, String::new()));
    assert!(err.contains("did you mean \"PK10"), "{err}");
}
