//! `simulate` of programs, and in places, that mean it no good: the program's exit
//! code and the report come all the same, and nothing runs that was not asked for.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

const CPUS: [&str; 3] = ["simulate", "--cpus", "12"];

fn poolkeeper() -> Command {
    Command::new(env!("CARGO_BIN_EXE_poolkeeper"))
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Compiles a program, or with `-shared` a library.
fn compile(code: &str, to: &Path, options: &[&OsStr]) -> PathBuf {
    let source = to.with_extension("c");
    std::fs::write(&source, code).expect("written");
    let compiled = Command::new("cc")
        .args(["-fPIC", "-pthread", "-o"])
        .args([to, &source])
        .args(options)
        .status();
    assert!(compiled.expect("a C compiler").success());
    to.to_owned()
}

/// The program's output and the report about it.
fn simulate(command: &mut Command, program: &[&OsStr]) -> (Output, Value) {
    let folder = folder();
    let path = folder.path().join("report.json");
    command.args(CPUS).args(["--json", "--output"]).arg(&path);
    let output = command.arg("--").args(program).output().expect("it runs");
    let report = std::fs::read(path).unwrap_or_default();
    let report = serde_json::from_slice(&report).unwrap_or_else(|_| panic!("{output:?}"));
    (output, report)
}

fn shell(script: &str) -> [&OsStr; 3] {
    ["sh", "-c", script].map(OsStr::new)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// A library that leaves a file behind when it is loaded.
fn trap(folder: &Path, name: &str) -> PathBuf {
    let ran = folder.join("ran");
    let code = format!(
        "#include <stdio.h>\n\
         __attribute__((constructor)) static void run(void) {{ fclose(fopen({ran:?}, \"w\")); }}"
    );
    compile(&code, &folder.join(name), &[OsStr::new("-shared")]);
    ran
}

#[test]
fn no_library_of_the_working_directory_or_the_programs_folder_runs() {
    for name in ["libgcc_s.so.1", "libdl.so.2", "libopenblas.so.0"] {
        let folder = folder();
        let ran = trap(folder.path(), name);
        let program = compile(
            "int main(void) { return 7; }",
            &folder.path().join("own"),
            &[],
        );
        for place in [folder.path(), Path::new("/")] {
            let mut command = poolkeeper();
            command.current_dir(place).env_remove("LD_LIBRARY_PATH");
            let (output, report) = simulate(&mut command, &[program.as_os_str()]);
            assert_eq!(output.status.code(), Some(7), "{output:?}");
            assert!(report["doctor"].is_object(), "{report}");
            assert!(!ran.exists(), "{name} was run");
        }
    }
}

#[test]
fn a_library_is_judged_with_what_it_needs_from_where_the_program_had_it() {
    let folder = folder();
    let place = |name: &str| folder.path().join(name);
    for name in ["needed", "own"] {
        std::fs::create_dir(place(name)).expect("made");
    }
    let shared = OsStr::new("-shared");
    let needed = compile(
        "int needed(void) { return 1; }",
        &place("needed/libneeded.so"),
        &[shared],
    );
    let library = compile(
        "int needed(void); int own(void) { return needed(); }",
        &place("own/libopenblas.so"),
        &[shared, needed.as_os_str()],
    );
    let program = compile(
        "int own(void); int main(void) { return own(); }",
        &place("program"),
        &[library.as_os_str(), needed.as_os_str()],
    );
    // The names without a folder, as an installed library has them.
    let script = format!(
        "LD_LIBRARY_PATH={}:{} exec {}",
        place("needed").display(),
        place("own").display(),
        program.display()
    );
    let (output, report) = simulate(&mut poolkeeper(), &shell(&script));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(report["remarks"], serde_json::json!([]), "{report}");
    let library = library.to_str().expect("UTF-8");
    assert_eq!(report["libraries"], serde_json::json!([library]));
}

#[test]
fn the_files_are_their_owners_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let script =
            "stat -c %a ${POOLKEEPER_SIMULATE_LEDGER%/*} $POOLKEEPER_SIMULATE_LEDGER; umask";
        let outer = format!("umask {umask}; exec \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &outer, "sh", env!("CARGO_BIN_EXE_poolkeeper")]);
        let (output, _) = simulate(&mut command, &shell(script));
        let expected = format!("700\n600\n0{umask}\n");
        assert_eq!(text(&output.stdout), expected, "{output:?}");
    }
}

const THREADS: &str = "
#include <pthread.h>
#include <unistd.h>
static pthread_barrier_t all;
static void *wait(void *_) { pthread_barrier_wait(&all); return 0; }
int main(void)
{
    pthread_t threads[20];
    pthread_barrier_init(&all, 0, 21);
    for (int i = 0; i < 20; i++) pthread_create(&threads[i], 0, wait, 0);
    pthread_barrier_wait(&all);
    for (int i = 0; i < 20; i++) pthread_join(threads[i], 0);
    return 7;
}
";

#[test]
fn any_number_of_processes_may_come_before_the_one_that_counts() {
    let folder = folder();
    let program = compile(THREADS, &folder.path().join("threads"), &[]);
    let script = format!(
        "for i in $(seq 300); do taskset -c 1 true || exit 9; done; exec taskset -c 1-5 {}",
        program.display()
    );
    let (output, report) = simulate(&mut poolkeeper(), &shell(&script));
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let processes = report["processes"].as_array().expect("a list");
    let most = processes.iter().map(|one| one["peak_threads"].as_u64());
    assert_eq!(most.max(), Some(Some(20)), "{report}");
    assert_eq!(report["remarks"], serde_json::json!([]));
}

#[test]
fn a_path_of_any_bytes_is_no_failure() {
    let folder = folder();
    let odd = folder.path().join(OsStr::from_bytes(b"donn\xe9es"));
    std::fs::create_dir(&odd).expect("made");
    let program = compile(THREADS, &odd.join("threads"), &[]);
    let (output, report) = simulate(&mut poolkeeper(), &[program.as_os_str()]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let path = report["others"][0]["path"].as_str().expect("text");
    assert!(path.ends_with("donn\u{fffd}es/threads"), "{report}");
    assert!(report["doctor"].is_object(), "{report}");
}

#[test]
fn a_wrong_number_of_cpus_takes_nothing_along() {
    let mut command = poolkeeper();
    command.env("POOLKEEPER_CPUS", "abc");
    let (output, report) = simulate(&mut command, &shell("exit 7"));
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert!(report["doctor"].is_object(), "{report}");
    let remark = report["remarks"][0].as_str().expect("a remark");
    assert!(
        remark.contains("POOLKEEPER_CPUS") && remark.contains("abc"),
        "{remark}"
    );
}

#[test]
fn a_report_that_cannot_be_written_is_told_and_goes_to_standard_error() {
    let output = poolkeeper()
        .args(CPUS)
        .args(["-o", "/dev/full", "--", "sh", "-c", "exit 7"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let told = text(&output.stderr);
    assert!(
        told.contains("could not write the report to /dev/full"),
        "{told}"
    );
    assert!(told.contains("poolkeeper simulate: 12 CPUs"), "{told}");
}

#[test]
fn a_damaged_record_is_told() {
    let script = ": > \"$POOLKEEPER_SIMULATE_LEDGER\"; exit 7";
    let (output, report) = simulate(&mut poolkeeper(), &shell(script));
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let remark = report["remarks"][0].as_str().expect("a remark");
    assert!(remark.contains("damaged"), "{remark}");
}

#[test]
fn being_told_to_end_ends_the_program_and_leaves_nothing() {
    for (signal, code) in [("TERM", 15), ("HUP", 1)] {
        let folder = folder();
        let mut child = poolkeeper()
            .args(CPUS)
            .args(["--", "sh", "-c", "echo $$; exec sleep 60"])
            .env("TMPDIR", folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary is built");
        let mut pid = Vec::new();
        let mut pipe = child.stdout.take().expect("a pipe");
        while !pid.ends_with(b"\n") {
            let mut byte = [0];
            pipe.read_exact(&mut byte).expect("the program runs");
            pid.extend(byte);
        }
        let own = child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &own]).status();
        assert!(sent.expect("kill runs").success());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(128 + code), "{output:?}");
        let told = format!("killed by SIG{signal}");
        assert!(text(&output.stderr).contains(&told), "{output:?}");
        let program = Path::new("/proc").join(text(&pid).trim());
        assert!(!program.exists(), "the program runs on");
        let left = std::fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 0);
    }
}

#[test]
fn an_ignored_signal_stays_ignored_in_the_program() {
    let ignored = |script: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_poolkeeper")]);
        let program = "grep SigIgn /proc/self/status | cut -f 2";
        let (output, _) = simulate(&mut command, &shell(program));
        let mask = u64::from_str_radix(text(&output.stdout).trim(), 16).expect("a mask");
        // SIGHUP, SIGINT, SIGQUIT and SIGTERM: 1, 2, 3 and 15.
        [1, 2, 3, 15].map(|signal| mask >> (signal - 1) & 1 == 1)
    };
    assert_eq!(ignored("exec \"$@\""), [false; 4]);
    assert_eq!(
        ignored("trap '' INT HUP; exec \"$@\""),
        [true, true, false, false]
    );
    assert_eq!(
        ignored("trap '' QUIT TERM; exec \"$@\""),
        [false, false, true, true]
    );
}

const CONFINED: &str = "
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#define DENY(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, name, 0, 1), \\
                   BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
int main(int count, char **arguments)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        DENY(SYS_openat), DENY(SYS_getpid), DENY(SYS_gettid), DENY(SYS_kill),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };
    printf(\"%ld\", sysconf(_SC_NPROCESSORS_ONLN));
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (count > 1)
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
    else
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    printf(\" %ld\", sysconf(_SC_NPROCESSORS_ONLN));
    return start();
}
";

#[test]
fn a_program_that_forbids_itself_system_calls_ends_as_it_would() {
    let folder = folder();
    let threads = THREADS.replace("int main(void)", "static int start(void)");
    let code = format!("#define _GNU_SOURCE\n{threads}{CONFINED}");
    let program = compile(&code, &folder.path().join("confined"), &[]);
    for arguments in [&[][..], &[OsStr::new("by number")]] {
        let command = [&[program.as_os_str()], arguments].concat();
        let (output, report) = simulate(&mut poolkeeper(), &command);
        assert_eq!(output.status.code(), Some(7), "{output:?}");
        assert_eq!(text(&output.stdout), "12 12");
        assert_eq!(report["processes"][0]["peak_threads"], 20, "{report}");
        assert!(report["processes"][0]["peak_resident"].is_u64());
    }
}

#[test]
fn a_program_with_the_address_sanitizer_is_shown_the_machine() {
    let folder = folder();
    let sanitize = OsStr::new("-fsanitize=address");
    let program = compile(THREADS, &folder.path().join("checked"), &[sanitize]);
    let (output, report) = simulate(&mut poolkeeper(), &[program.as_os_str()]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert_eq!(report["is_shown"], true);
    assert_eq!(report["processes"][0]["peak_threads"], 20, "{report}");
}

#[test]
fn what_a_program_is_killed_by_is_no_all_clear() {
    let output = poolkeeper()
        .args(CPUS)
        .args(["--", "sh", "-c", "kill -9 $$"])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(128 + 9));
    let told = text(&output.stderr);
    assert!(told.contains("killed by SIGKILL"), "{told}");
    assert!(
        told.contains("nothing was judged") && !told.contains("all is well"),
        "{told}"
    );
}
