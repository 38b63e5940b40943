//! `record`, by the real binary: there is no Python in it.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn record(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_poolkeeper"))
        .current_dir(folder)
        .arg("record")
        .args(arguments)
        .output()
        .expect("the binary is built")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn a_program_keeps_its_streams_and_its_exit_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "echo out; echo err >&2; exit 7";
    let output = record(folder.path(), &["--json", "--", "sh", "-c", script]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert_eq!(text(&output.stdout), "out\n");
    let said = text(&output.stderr);
    assert!(
        said.starts_with("err\npoolkeeper record: sh -c 'echo out;"),
        "{said}"
    );
    let written = std::fs::read(folder.path().join("recording.json")).expect("a recording");
    let numbers: Value = serde_json::from_slice(&written).expect("JSON");
    assert_eq!(numbers["end"]["code"], 7);
    assert_eq!(numbers["command"][2], script);
    assert_eq!(numbers["owners"][0]["owner"], "main");
}

#[test]
fn the_children_of_a_shell_are_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "sleep 0.4 & sleep 0.4 & wait";
    let output = record(folder.path(), &["-o", "r.json", "--", "sh", "-c", script]);
    assert!(output.status.success(), "{output:?}");
    let written = std::fs::read(folder.path().join("r.json")).expect("a recording");
    let numbers: Value = serde_json::from_slice(&written).expect("JSON");
    let processes = numbers["processes"].as_array().expect("a list");
    let names: Vec<&str> = processes
        .iter()
        .filter_map(|one| one["name"].as_str())
        .collect();
    assert_eq!(names, ["sh", "sleep", "sleep"]);
}

#[test]
fn what_cannot_be_run_leaves_no_page() {
    let folder = tempfile::tempdir().expect("a folder");
    for (command, code) in [("no-such-command", 127), ("/dev/null", 126)] {
        let output = record(folder.path(), &["--", command]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
    }
    let mut left = std::fs::read_dir(folder.path()).expect("a folder");
    assert!(left.next().is_none());
    std::fs::write(folder.path().join("recording.html"), "mine").expect("a file");
    record(folder.path(), &["--", "no-such-command"]);
    let kept = std::fs::read_to_string(folder.path().join("recording.html"));
    assert_eq!(kept.expect("a file"), "mine");
}

#[test]
fn help_has_examples() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = record(folder.path(), &["--help"]);
    let said = text(&output.stdout);
    assert!(
        said.contains("Examples:") && said.contains("--pid 4242"),
        "{said}"
    );
}
