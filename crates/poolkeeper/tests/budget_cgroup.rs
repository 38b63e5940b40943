//! The budget in real groups of cgroup version 1, which root can make.
//!
//! Where that can't be, these tests fail and say so: a gate that passed without
//! them would not have seen a real quota. `POOLKEEPER_TEST_CGROUP=no` leaves them
//! out by decision. Quotas are below one CPU, so that they decide anywhere.

use poolkeeper::budget::{Budget, SourceKind, budget, budget_of};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Names the group that a child of these tests joins.
const JOIN: &str = "POOLKEEPER_TEST_JOIN";
const LEAVE_OUT: &str = "POOLKEEPER_TEST_CGROUP";

/// A group that is removed in the end, with those made in it.
struct Group {
    folder: PathBuf,
    mount: PathBuf,
    inner: Vec<PathBuf>,
}

impl Group {
    /// A new group of a controller; `None` if these tests are left out.
    fn new(controller: &str) -> Option<Group> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        if std::env::var_os(LEAVE_OUT).is_some_and(|value| value == "no") {
            eprintln!("left out: {LEAVE_OUT}=no");
            return None;
        }
        let mount = Path::new("/sys/fs/cgroup").join(controller);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = mount.join(format!("poolkeeper-test-{}-{number}", std::process::id()));
        if let Err(error) = fs::create_dir(&folder) {
            panic!(
                "{}: {error}\nThis test needs root, and cgroup version 1's {controller} \
                 controller there. To leave it out: {LEAVE_OUT}=no",
                folder.display()
            );
        }
        Some(Group {
            folder,
            mount,
            inner: Vec::new(),
        })
    }

    /// A group in this one.
    fn inside(&mut self) -> PathBuf {
        let inner = self.folder.join("inner");
        fs::create_dir(&inner).unwrap();
        self.inner.push(inner.clone());
        inner
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in self.inner.iter().chain([&self.folder]) {
            // A group goes only when it is empty: who is still in it, after a
            // failure, goes back to where it was.
            let threads = fs::read_to_string(folder.join("tasks")).unwrap_or_default();
            for thread in threads.lines() {
                let _ = fs::write(self.mount.join("tasks"), thread);
            }
            if let Err(error) = fs::remove_dir(folder) {
                eprintln!("{} is left behind: {error}", folder.display());
            }
        }
    }
}

/// A program that waits until it is dropped.
struct Waiting(Child);

impl Waiting {
    fn new() -> Self {
        let mut command = Command::new("cat");
        command.env_clear().stdin(Stdio::piped());
        Waiting(command.spawn().expect("cat is everywhere"))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn allow(folder: &Path, microseconds: u32) {
    fs::write(folder.join("cpu.cfs_period_us"), "100000").unwrap();
    fs::write(folder.join("cpu.cfs_quota_us"), microseconds.to_string()).unwrap();
}

fn quota_of(folder: &Path) -> String {
    folder.join("cpu.cfs_quota_us").display().to_string()
}

/// What this test, run again as a child that joins the group, says of itself.
fn budget_in(group: &Path, test: &str) -> Value {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env_clear()
        .env(JOIN, group)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let told = text.lines().find(|line| line.starts_with('{'));
    serde_json::from_str(told.unwrap_or_else(|| panic!("the child said: {text}"))).unwrap()
}

/// In the child: joins the group and tells its budget.
fn is_child() -> bool {
    let Some(group) = std::env::var_os(JOIN) else {
        return false;
    };
    // 0 is the writer: cgroups(7).
    fs::write(Path::new(&group).join("cgroup.procs"), "0").unwrap();
    let told = serde_json::to_string(&budget().unwrap()).unwrap();
    // The harness may have begun a line.
    println!("\n{told}");
    true
}

fn deciding(budget: &Value) -> &str {
    let mut sources = budget["sources"].as_array().unwrap().iter();
    let decides = sources.find(|source| source["status"] == "decides");
    decides.unwrap()["place"].as_str().unwrap()
}

#[test]
fn a_process_has_the_quotas_of_its_group_and_of_those_above() {
    const SELF: &str = "a_process_has_the_quotas_of_its_group_and_of_those_above";
    if is_child() {
        return;
    }
    let Some(mut group) = Group::new("cpu") else {
        return;
    };
    let outer = group.folder.clone();
    allow(&outer, 75_000);
    let told = budget_in(&outer, SELF);
    assert_eq!((&told["cpus"], &told["exact"]), (&1.into(), &0.75.into()));
    assert_eq!(deciding(&told), quota_of(&outer));

    let inner = group.inside();
    let told = budget_in(&inner, SELF);
    assert_eq!(
        told["exact"], 0.75,
        "the inner group has no quota: {told:#}"
    );
    assert_eq!(deciding(&told), quota_of(&outer));

    allow(&inner, 50_000);
    let told = budget_in(&inner, SELF);
    assert_eq!(told["exact"], 0.5);
    assert_eq!(deciding(&told), quota_of(&inner));
}

fn assert_decides(budget: &Budget, kind: SourceKind, place: &Path) {
    let source = budget.deciding();
    assert_eq!(source.kind, kind, "{budget:#?}");
    assert_eq!(Path::new(&source.place), place, "{budget:#?}");
}

#[test]
fn another_process_has_its_own_groups_quota() {
    let Some(group) = Group::new("cpu") else {
        return;
    };
    allow(&group.folder, 50_000);
    let other = Waiting::new();
    let pid = other.0.id();
    fs::write(group.folder.join("cgroup.procs"), pid.to_string()).unwrap();
    let budget = budget_of(pid).unwrap();
    assert_eq!((budget.cpus, budget.exact), (1, 0.5));
    assert_decides(
        &budget,
        SourceKind::Quota,
        &group.folder.join("cpu.cfs_quota_us"),
    );
}

/// Version 1 groups threads, and what a thread starts is in its group.
#[test]
fn a_thread_has_its_own_groups_quota() {
    let Some(group) = Group::new("cpu") else {
        return;
    };
    allow(&group.folder, 50_000);
    let in_group = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            fs::write(group.folder.join("tasks"), "0").unwrap();
            let budget = budget().unwrap();
            // Back, since a thread is gone only some time after it was joined.
            fs::write(group.mount.join("tasks"), "0").unwrap();
            budget
        });
        thread.join().unwrap()
    });
    assert_eq!(in_group.exact, 0.5);
    assert_ne!(
        budget().unwrap().deciding().place,
        in_group.deciding().place
    );
}

#[test]
fn a_cpuset_that_narrows_the_mask_decides() {
    let Some(group) = Group::new("cpuset") else {
        return;
    };
    let folder = &group.folder;
    let above = |name: &str| fs::read_to_string(group.mount.join(name)).unwrap();
    let cpus = above("cpuset.cpus");
    let first = cpus.trim().split(['-', ',']).next().unwrap();
    fs::write(folder.join("cpuset.mems"), above("cpuset.mems")).unwrap();
    fs::write(folder.join("cpuset.cpus"), first).unwrap();
    let other = Waiting::new();
    let pid = other.0.id();
    fs::write(folder.join("cgroup.procs"), pid.to_string()).unwrap();
    let budget = budget_of(pid).unwrap();
    assert_eq!((budget.cpus, budget.exact), (1, 1.0));
    assert_decides(
        &budget,
        SourceKind::Cpuset,
        &folder.join("cpuset.effective_cpus"),
    );
}
