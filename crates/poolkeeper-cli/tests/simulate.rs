//! `simulate`, by the real binary: it starts itself again to judge.

use serde_json::Value;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn poolkeeper(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_poolkeeper"))
        .args(arguments)
        .output()
        .expect("the binary is built")
}

/// The program's output and the report about it, on a machine with 12 CPUs.
fn simulate(options: &[&str], command: &[&str]) -> (Output, Value) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.json");
    let path = path.to_str().expect("UTF-8");
    let fixed = ["simulate", "--cpus", "12", "--json", "--output", path];
    let output = poolkeeper(&[&fixed, options, &["--"], command].concat());
    let report = std::fs::read_to_string(path).unwrap_or_default();
    let report = serde_json::from_str(&report).unwrap_or_else(|_| panic!("{output:?}"));
    (output, report)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn programs_see_the_machine() {
    for command in [&["nproc"][..], &["getconf", "_NPROCESSORS_ONLN"]] {
        let (output, report) = simulate(&[], command);
        assert_eq!(text(&output.stdout).trim(), "12", "{output:?}");
        assert_eq!(report["end"]["code"], 0);
        assert_eq!(report["is_shown"], true);
    }
    let (output, _) = simulate(&["--sockets", "3"], &["lscpu"]);
    assert!(text(&output.stdout).contains("Socket(s):               3\n"));
}

#[test]
fn the_budget_is_the_machines() {
    let own = env!("CARGO_BIN_EXE_poolkeeper");
    let (output, _) = simulate(&[], &[own, "cpus", "--json"]);
    let budget: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&budget["cpus"], &budget["physical_cores"]),
        (&12.into(), &12.into())
    );
    assert_eq!(
        budget["sources"].as_array().map(Vec::len),
        Some(2),
        "{budget}"
    );
}

#[test]
fn an_affinity_mask_is_kept_through_exec() {
    let script = "nproc; taskset -p $$ | tail -c 4";
    let (output, _) = simulate(&[], &["taskset", "-c", "3-9", "sh", "-c", script]);
    assert_eq!(text(&output.stdout), "7\n3f8\n", "{output:?}");
    let (output, _) = simulate(&[], &["taskset", "-c", "12", "true"]);
    assert!(!output.status.success(), "the machine has no CPU 12");
}

#[test]
fn streams_and_exit_code_are_the_programs() {
    let script = "printf 'out\\377'; printf 'err\\376' >&2; exit 7";
    let (output, report) = simulate(&[], &["sh", "-c", script]);
    assert_eq!(
        (&*output.stdout, &*output.stderr),
        (&b"out\xff"[..], &b"err\xfe"[..])
    );
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(report["end"]["code"], 7);
}

#[test]
fn a_runtimes_warning_passes_and_is_reported() {
    let warning = "OpenBLAS warning: precompiled NUM_THREADS exceeded, adding more";
    let script = format!("echo 'nothing special' >&2; echo '{warning}' >&2");
    let (output, report) = simulate(&[], &["sh", "-c", &script]);
    assert_eq!(
        text(&output.stderr),
        format!("nothing special\n{warning}\n")
    );
    assert_eq!(report["messages"], serde_json::json!([warning]));
}

#[test]
fn a_program_that_a_signal_ends_is_told_of() {
    let (output, report) = simulate(&[], &["sh", "-c", "kill -SEGV $$"]);
    assert_eq!(output.status.code(), Some(128 + 11));
    let end = serde_json::json!({"how": "killed", "signal": 11, "name": "SIGSEGV"});
    assert_eq!(report["end"], end);
    let output = poolkeeper(&["simulate", "--cpus", "2", "--", "sh", "-c", "kill -ABRT $$"]);
    let report = text(&output.stderr);
    assert!(report.contains("killed by SIGABRT (Aborted)"), "{report}");
    assert!(
        report.lines().all(|line| line.chars().count() <= 80),
        "{report}"
    );
}

#[test]
fn a_static_program_is_told_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let (source, program) = (folder.path().join("static.c"), folder.path().join("static"));
    std::fs::write(&source, "int main(void) { return 0; }").expect("written");
    let compiled = Command::new("cc")
        .arg("-static")
        .arg("-o")
        .arg(&program)
        .arg(&source)
        .status();
    assert!(compiled.expect("a C compiler").success());
    let (output, report) = simulate(&[], &[program.to_str().expect("UTF-8")]);
    assert_eq!(report["is_shown"], false);
    assert_eq!(
        output.status.code(),
        Some(1),
        "what was asked for did not happen"
    );
    let output = poolkeeper(&["simulate", "--cpus", "2", "--", program.to_str().unwrap()]);
    assert!(
        text(&output.stderr).contains("linked statically"),
        "{output:?}"
    );
}

#[test]
fn wrong_arguments_are_named() {
    for (arguments, code, said) in [
        (
            &["--cpus", "0", "--", "true"][..],
            2,
            "0 CPUs can't be pretended: 1 to 1024",
        ),
        (&["--cpus", "1025", "--", "true"], 2, "1025 CPUs"),
        (&["--cpus", "many", "--", "true"], 2, "'many'"),
        (&["--", "true"], 2, "--cpus"),
        (&["--cpus", "8"], 2, "COMMAND"),
        (
            &["--cpus", "8", "--sockets", "3", "--", "true"],
            2,
            "3 sockets can't share 8 CPUs",
        ),
        (
            &["--cpus", "8", "--sockets", "0", "--", "true"],
            2,
            "1 would",
        ),
        (
            &["--cpus", "8", "--", "no-such-command"],
            127,
            "'no-such-command'",
        ),
        (&["--cpus", "8", "--", "/etc/passwd"], 126, "'/etc/passwd'"),
    ] {
        let output = poolkeeper(&[&["simulate"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {output:?}");
        assert!(text(&output.stderr).contains(said), "{output:?}");
        assert_eq!(text(&output.stdout), "");
    }
}

#[test]
fn a_report_that_cannot_be_written_is_told_before_the_program_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = folder.path().join("ran");
    let (ran, nowhere) = (ran.to_str().unwrap(), folder.path().join("no/report"));
    let options = [
        "simulate",
        "--cpus",
        "2",
        "--output",
        nowhere.to_str().unwrap(),
    ];
    let output = poolkeeper(&[&options[..], &["--", "touch", ran]].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(!Path::new(ran).exists());
}

#[test]
fn a_folder_that_the_loader_cannot_read_is_named() {
    let folder = tempfile::Builder::new()
        .prefix("a b")
        .tempdir()
        .expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_poolkeeper"))
        .args(["simulate", "--cpus", "2", "--", "true"])
        .env("TMPDIR", folder.path())
        .output()
        .expect("the binary is built");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("set TMPDIR"), "{output:?}");
}

#[test]
fn nothing_is_left_in_the_folder_for_temporary_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_poolkeeper"))
        .args([
            "simulate",
            "--cpus",
            "2",
            "--output",
            "/dev/null",
            "--",
            "nproc",
        ])
        .env("TMPDIR", folder.path())
        .output();
    assert!(output.expect("it runs").status.success());
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("a folder").count(),
        0
    );
}

#[test]
fn an_interrupt_ends_the_program_and_not_the_report() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_poolkeeper"))
        .args([
            "simulate",
            "--cpus",
            "2",
            "--",
            "sh",
            "-c",
            "echo ready; sleep 60",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .expect("the binary is built");
    let mut ready = [0; 6];
    let pipe = child.stdout.as_mut().expect("a pipe");
    pipe.read_exact(&mut ready).expect("the program runs");
    // As the terminal does: to every process of the group.
    let group = format!("-{}", child.id());
    let sent = Command::new("kill").args(["-INT", "--", &group]).status();
    assert!(sent.expect("kill runs").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(128 + 2), "{output:?}");
    assert!(
        text(&output.stderr).contains("killed by SIGINT (Interrupt)"),
        "{output:?}"
    );
}
