//! The budget of processes that a launcher started: they share the node, but
//! not what each is bound to.

use poolkeeper::budget::{Budget, Observed, SourceKind, SourceStatus};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

const OPEN_MPI: &str = "OMPI_COMM_WORLD_LOCAL_SIZE";
const TORCH: &str = "LOCAL_WORLD_SIZE";
const RUN: (&str, &str) = ("TORCHELASTIC_RUN_ID", "none");
const TASKS: &str = "SLURM_STEP_TASKS_PER_NODE";
const PER_TASK: &str = "SLURM_CPUS_PER_TASK";

/// Files of a machine with 64 CPUs, made for one test.
struct Machine(PathBuf);

impl Machine {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let (process, made) = (std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let root =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("launched-{process}-{made}"));
        let machine = Machine(root);
        machine.write("sys/devices/system/cpu/online", "0-63\n");
        machine
    }

    /// The process's parents, the nearest first: its mask, and its variables.
    fn under(self, parents: &[(&str, &[&str])]) -> Self {
        let status = |parent: usize, mask: &str| {
            format!("Name:\tx\nPPid:\t{parent}\nCpus_allowed_list:\t{mask}\n")
        };
        self.write("proc/self/status", &status(101, "0"));
        for (number, (mask, variables)) in parents.iter().enumerate() {
            let folder = format!("proc/{}", 101 + number);
            self.write(&format!("{folder}/status"), &status(102 + number, mask));
            self.write(&format!("{folder}/environ"), &variables.join("\0"));
        }
        self
    }

    fn write(&self, path: &str, contents: &str) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }

    fn budget(&self, cpus: u32, variables: &[(&str, &str)]) -> Budget {
        let mask: Vec<u32> = (0..cpus).collect();
        Budget::read(&Observed::under(&self.0, variables, &mask)).unwrap()
    }

    /// CPUs, and the place that decided.
    fn says(&self, cpus: u32, variables: &[(&str, &str)]) -> (u32, String) {
        let budget = self.budget(cpus, variables);
        (budget.cpus, budget.deciding().place.clone())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // What is left behind is in cargo's own folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn share(cpus: u32, place: &str) -> (u32, String) {
    (cpus, place.to_owned())
}

#[test]
fn processes_that_nobody_bound_share_the_node() {
    let node = Machine::new().under(&[("0-63", &[])]);
    for name in [OPEN_MPI, "MPI_LOCALNRANKS", TORCH] {
        assert_eq!(node.says(64, &[(name, "8")]), share(8, name));
    }
    let budget = node.budget(64, &[(OPEN_MPI, "24")]);
    assert_eq!(
        (budget.cpus, budget.deciding().kind),
        (2, SourceKind::Launcher)
    );
    assert!((budget.exact - 64.0 / 24.0).abs() < 1e-9);
    let note = budget.deciding().note().unwrap();
    assert_eq!(note, "24 processes share the 64 CPUs of this node");
    assert_eq!(
        node.budget(64, &[(OPEN_MPI, "100")]).cpus,
        1,
        "at least one"
    );
}

#[test]
fn a_process_that_is_alone_has_all() {
    let node = Machine::new().under(&[("0-63", &[])]);
    let budget = node.budget(64, &[(OPEN_MPI, "1")]);
    assert_eq!(
        (budget.cpus, budget.deciding().kind),
        (64, SourceKind::Machine)
    );
    let alone = budget.sources.iter().find(|one| one.place == OPEN_MPI);
    let status = SourceStatus::NoLimit("the only process here".to_owned());
    assert_eq!(alone.unwrap().status, status);
}

#[test]
fn what_a_launcher_bound_a_process_to_is_its_own() {
    let node = Machine::new().under(&[("0-63", &[])]);
    assert_eq!(
        node.says(4, &[(OPEN_MPI, "8")]),
        share(4, "sched_getaffinity")
    );
    // Bound to a socket that four of eight share.
    assert_eq!(node.says(32, &[(OPEN_MPI, "8")]), share(8, OPEN_MPI));
}

#[test]
fn a_mask_that_the_launcher_has_too_is_shared() {
    let node = Machine::new().under(&[("0-15", &[])]);
    assert_eq!(node.says(16, &[(OPEN_MPI, "4")]), share(4, OPEN_MPI));
    // Bound to two of the sixteen.
    assert_eq!(
        node.says(2, &[(OPEN_MPI, "4")]),
        share(2, "sched_getaffinity")
    );
    // Bound, but to all that the launcher has a right to: four share eight.
    let node = Machine::new().under(&[("0-7", &[])]);
    assert_eq!(node.says(4, &[(OPEN_MPI, "4")]), share(2, OPEN_MPI));
}

#[test]
fn a_child_of_a_bound_process_is_bound_as_it_is() {
    let rank: (&str, &[&str]) = ("0-3", &["HOME=x", "OMPI_COMM_WORLD_LOCAL_SIZE=8"]);
    let node = Machine::new().under(&[rank, rank, ("0-63", &["HOME=x"])]);
    assert_eq!(
        node.says(4, &[(OPEN_MPI, "8")]),
        share(4, "sched_getaffinity")
    );
}

#[test]
fn where_the_launcher_cannot_be_seen_a_narrow_mask_is_a_processs_own() {
    let node = Machine::new();
    assert_eq!(
        node.says(4, &[(OPEN_MPI, "8")]),
        share(4, "sched_getaffinity")
    );
    assert_eq!(node.says(64, &[(OPEN_MPI, "8")]), share(8, OPEN_MPI));
    let nothing = Observed::under("/nowhere", &[(OPEN_MPI, "2")], &[0, 1, 2, 3]);
    assert_eq!(Budget::read(&nothing).unwrap().cpus, 2, "in doubt less");
}

#[test]
fn a_quota_and_a_jobs_cpus_are_shared_too() {
    let node = Machine::new().under(&[("0-63", &[])]);
    node.write("proc/self/cgroup", "0::/\n");
    node.write(
        "proc/self/mountinfo",
        "33 24 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    );
    node.write("sys/fs/cgroup/cpu.max", "500000 100000\n");
    let budget = node.budget(64, &[(OPEN_MPI, "2")]);
    assert_eq!((budget.cpus, budget.exact), (2, 2.5));
    let job = [(OPEN_MPI, "2"), ("SLURM_CPUS_ON_NODE", "4")];
    assert_eq!(node.says(64, &job), share(2, OPEN_MPI));
}

#[test]
fn slurms_tasks_share_a_job_without_cpus_per_task() {
    let node = Machine::new().under(&[("0-63", &[])]);
    let job = ("SLURM_CPUS_ON_NODE", "8");
    assert_eq!(node.says(64, &[job, (TASKS, "8")]), share(1, TASKS));
    // What a task was given is not divided again.
    let given = [job, (TASKS, "2"), (PER_TASK, "4")];
    assert_eq!(node.says(64, &given), share(4, PER_TASK));
    let gpus = [
        ("SLURM_CPUS_PER_GPU", "7"),
        ("SLURM_GPUS_ON_NODE", "8"),
        (TASKS, "8"),
    ];
    assert_eq!(node.says(64, &gpus), share(7, TASKS));
}

#[test]
fn torchrun_divides_what_its_own_task_has() {
    let node = Machine::new().under(&[("0-63", &[])]);
    // One task with 32 CPUs starts four processes.
    let alone = [(TASKS, "1"), (PER_TASK, "32"), (TORCH, "4")];
    assert_eq!(node.says(64, &alone), share(8, TORCH));
    assert_eq!(
        node.says(64, &[(PER_TASK, "32"), (TORCH, "4"), RUN]),
        share(8, TORCH)
    );
    // Two tasks with 16 CPUs each start two processes each.
    let twice = [(TASKS, "2"), (PER_TASK, "16"), (TORCH, "2"), RUN];
    assert_eq!(node.says(64, &twice), share(8, TORCH));
    let of_node = [(TASKS, "2"), (TORCH, "2"), RUN];
    assert_eq!(node.says(64, &of_node), share(16, TORCH));
    // A script that repeats srun's own number divides nothing.
    let repeated = [(TASKS, "4"), (PER_TASK, "8"), (TORCH, "4")];
    assert_eq!(node.says(64, &repeated), share(8, PER_TASK));
}

#[test]
fn daemons_that_srun_started_are_no_second_division() {
    let node = Machine::new().under(&[("0-63", &[])]);
    let ranks = [(TASKS, "1"), (OPEN_MPI, "8")];
    assert_eq!(node.says(64, &ranks), share(8, OPEN_MPI));
    // Two libraries' variables for the same processes.
    let both = [(OPEN_MPI, "8"), ("PMI_LOCAL_SIZE", "8"), (TORCH, "8")];
    assert_eq!(node.budget(64, &both).cpus, 8);
}

#[test]
fn flux_tasks_share_what_they_both_see() {
    let node = Machine::new().under(&[("0-1", &[])]);
    let job = [
        ("FLUX_JOB_SIZE", "2"),
        ("FLUX_JOB_NNODES", "1"),
        ("FLUX_TASK_LOCAL_ID", "1"),
    ];
    assert_eq!(node.says(2, &job), share(1, "FLUX_JOB_SIZE"));
}

#[test]
fn what_a_user_says_is_for_each_process() {
    let node = Machine::new().under(&[("0-63", &[])]);
    let said = |name| node.says(64, &[(OPEN_MPI, "8"), (name, "4")]);
    for name in ["POOLKEEPER_CPUS", "PYTHON_CPU_COUNT", "LOKY_MAX_CPU_COUNT"] {
        assert_eq!(said(name), share(4, name));
    }
    assert_eq!(
        said("CPU_LIMIT"),
        share(1, OPEN_MPI),
        "all of them together"
    );
}
