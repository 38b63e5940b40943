//! The budget of random places against a model that knows no file and no
//! variable: only who says how many CPUs, and for whom.

use poolkeeper::budget::{Budget, Observed, SourceKind, SourceStatus};
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// What a process is given, in CPUs; `None` where nobody says.
#[derive(Debug, Clone)]
struct Place {
    machine: u32,
    /// The launcher's mask, and this process's within it.
    launcher_mask: u32,
    mask: u32,
    cpuset: Option<u32>,
    /// Hundredths of a CPU, of the group and of the one above it.
    quotas: [Option<u32>; 2],
    job: Option<Job>,
    per_task: Option<u32>,
    platform: Option<u32>,
    processes: Option<(&'static str, u32)>,
    torchrun: Option<u32>,
    user: Option<(&'static str, u32)>,
    said: Option<u32>,
}

/// A job with so many CPUs here, told by one of the schedulers.
#[derive(Debug, Clone, Copy)]
struct Job {
    scheduler: usize,
    cpus: u32,
}

const USERS: [&str; 4] = [
    "PYTHON_CPU_COUNT",
    "LOKY_MAX_CPU_COUNT",
    "GOMAXPROCS",
    "JULIA_CPU_THREADS",
];
const LAUNCHERS: [&str; 4] = [
    "OMPI_COMM_WORLD_LOCAL_SIZE",
    "MPI_LOCALNRANKS",
    "SLURM_STEP_TASKS_PER_NODE",
    "PMI_LOCAL_SIZE",
];
const SCHEDULERS: usize = 8;

fn places() -> impl Strategy<Value = Place> {
    let count = || 1_u32..=96;
    let maybe = move || prop::option::weighted(0.4, count());
    let processes = prop::option::weighted(0.5, (prop::sample::select(&LAUNCHERS[..]), 1_u32..=40));
    let users = prop::option::weighted(0.3, (prop::sample::select(&USERS[..]), count()));
    let job = (0..SCHEDULERS, count()).prop_map(|(scheduler, cpus)| Job { scheduler, cpus });
    let quota = || prop::option::weighted(0.4, 1_u32..=9600);
    let around = (count(), count(), count(), maybe(), [quota(), quota()]);
    let told = (prop::option::weighted(0.5, job), maybe(), maybe());
    let shared = (processes, prop::option::weighted(0.3, 1_u32..=12));
    (around, told, shared, users, maybe()).prop_map(|(around, told, shared, user, said)| {
        let (machine, launcher_mask, mask, cpuset, quotas) = around;
        let launcher_mask = launcher_mask.min(machine);
        Place {
            machine,
            launcher_mask,
            mask: mask.min(launcher_mask),
            cpuset,
            quotas,
            job: told.0,
            per_task: told.1,
            platform: told.2,
            processes: shared.0,
            torchrun: shared.1,
            user,
            said,
        }
    })
}

impl Place {
    /// The budget, by the words of the guide: what counts the node is divided
    /// by the launcher's processes, what a task has by torchrun's.
    fn expected(&self) -> f64 {
        let least = |counts: &[Option<f64>]| {
            let counts = counts.iter().flatten();
            counts.copied().fold(f64::INFINITY, f64::min)
        };
        let number = |count: Option<u32>| count.map(f64::from);
        let [own, above] = self
            .quotas
            .map(|quota| quota.map(|cpus| f64::from(cpus) / 100.0));
        // Without a launcher in between, the mask is the process's and the node's.
        let of_node = [
            number(Some(self.machine)),
            number(self.cpuset),
            own,
            above,
            number(self.job.map(|job| job.cpus)),
            number(self.platform),
        ];
        let node = least(&of_node);
        let processes = self.processes.map_or(1, |(_, processes)| processes);
        let launched = self.processes.is_some() || self.torchrun.is_some();
        let around = if launched {
            self.launcher_mask
        } else {
            self.mask
        };
        let share = node.min(f64::from(around)) / f64::from(processes);
        let task = least(&[Some(node), Some(share), number(self.per_task)]);
        // The mask of torchrun itself, whose parents here have the launcher's.
        let task = task.min(f64::from(self.launcher_mask));
        let process = task / f64::from(self.torchrun.unwrap_or(1));
        least(&[
            Some(process),
            number(Some(self.mask)),
            number(self.user.map(|(_, cpus)| cpus)),
            number(self.said),
        ])
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = Vec::new();
        let mut set = |name, value: u32| variables.push((name, value.to_string()));
        if let Some(Job { scheduler, cpus }) = self.job {
            match scheduler {
                0 => set("SLURM_CPUS_ON_NODE", cpus),
                1 => {
                    set("PBS_JOBID", 7);
                    set("NCPUS", cpus);
                }
                2 => {
                    set("JOB_ID", 7);
                    set("NHOSTS", 1);
                    set("NSLOTS", cpus);
                }
                3 => set("PJM_VNODE_CORE", cpus),
                _ => {}
            }
        }
        if let Some(cpus) = self.per_task {
            set("SLURM_CPUS_PER_TASK", cpus);
        }
        if let Some(cpus) = self.platform {
            set("CPU_LIMIT", cpus);
        }
        for (name, number) in self.processes.into_iter().chain(self.user) {
            set(name, number);
        }
        if let Some(processes) = self.torchrun {
            set("LOCAL_WORLD_SIZE", processes);
            set("TORCHELASTIC_RUN_ID", 7);
        }
        if let Some(cpus) = self.said {
            set("POOLKEEPER_CPUS", cpus);
        }
        if let Some(Job { scheduler, cpus }) = self.job {
            let (name, value) = match scheduler {
                4 => ("SLURM_JOB_CPUS_PER_NODE", format!("{cpus}(x3)")),
                5 => ("_CONDOR_MACHINE_AD", "/spool".to_owned()),
                6 => ("OAR_NODEFILE", "/spool".to_owned()),
                7 => {
                    variables.push(("LSB_JOBID", "7".to_owned()));
                    ("LSB_AFFINITY_HOSTFILE", "/spool".to_owned())
                }
                _ => return variables,
            };
            variables.push((name, value));
        }
        variables
    }

    fn budget(&self) -> Budget {
        let tree = Tree::new();
        let last = |cpus: u32| cpus - 1;
        let list = |cpus: u32| format!("0-{}\n", last(cpus));
        tree.write("sys/devices/system/cpu/online", &list(self.machine));
        tree.write("proc/sys/kernel/hostname", "node3\n");
        tree.write("proc/self/cgroup", "0::/above/own\n");
        tree.write(
            "proc/self/mountinfo",
            "33 24 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        );
        tree.write("sys/fs/cgroup/above/own/cgroup.procs", "");
        for (folder, quota) in ["above/own", "above"].iter().zip(self.quotas) {
            if let Some(hundredths) = quota {
                let text = format!("{hundredths}000 100000\n");
                tree.write(&format!("sys/fs/cgroup/{folder}/cpu.max"), &text);
            }
        }
        if let Some(cpus) = self.cpuset {
            let path = "sys/fs/cgroup/above/own/cpuset.cpus.effective";
            tree.write(path, &list(cpus));
        }
        tree.write("proc/self/status", "PPid:\t9\n");
        let status = format!("PPid:\t1\nCpus_allowed_list:\t{}", list(self.launcher_mask));
        tree.write("proc/9/status", &status);
        tree.write("proc/9/environ", "HOME=x");
        if let Some(Job { scheduler, cpus }) = self.job {
            tree.write(
                "spool",
                &match scheduler {
                    5 => format!("TotalCpus = 999\ncpus = {cpus}\n"),
                    6 => "node3\n".repeat(cpus as usize) + "node4\n",
                    _ => format!("node4 0-999\nnode3.site.org 0-{}\n", last(cpus)),
                },
            );
        }
        let variables = self.variables();
        let variables: Vec<(&str, &str)> = variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let mask: Vec<u32> = (0..self.mask).collect();
        Budget::read(&Observed::under(&tree.0, &variables, &mask)).unwrap()
    }
}

struct Tree(PathBuf);

impl Tree {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let (process, made) = (std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let name = format!("model-{process}-{made}");
        Tree(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    fn write(&self, path: &str, contents: &str) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // What is left behind is in cargo's own folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn the_budget_is_the_models(place in places()) {
        let budget = place.budget();
        let told = format!("{budget:#?}");
        prop_assert!((budget.exact - place.expected()).abs() < 1e-9, "{} {}", place.expected(), told);
        prop_assert_eq!(budget.cpus, (budget.exact.floor() as u32).max(1));
        // It is below every source that counts, and the one that decides says it.
        for source in &budget.sources {
            prop_assert!(source.cpus.is_none_or(|cpus| budget.exact <= cpus), "{}", told);
            let has_say = matches!(source.status, SourceStatus::Allows | SourceStatus::Decides);
            prop_assert_eq!(source.cpus.is_some(), has_say, "{}", told);
        }
        let decides = budget.sources.iter().filter(|one| one.status == SourceStatus::Decides);
        prop_assert_eq!(decides.count(), 1, "{}", told);
        prop_assert_eq!(budget.deciding().cpus, Some(budget.exact));
        prop_assert!(!budget.deciding().place.is_empty());
    }

    /// Values that nobody should write: no panic, no 0, and nothing gained.
    #[test]
    fn nonsense_never_raises_the_budget(
        mask in 1_u32..=64,
        values in prop::collection::vec("(\\PC|[0-9(),x=:\\-\\[\\] ]){0,24}", 60),
    ) {
        let names = poolkeeper::budget::entries().flat_map(|entry| {
            let variables = entry.variables.iter().map(|variable| variable.name);
            variables.chain(entry.beside.iter().copied())
        });
        let variables: Vec<(&str, &str)> = names
            .zip(values.iter().cycle())
            .map(|(name, value)| (name, value.as_str()))
            .collect();
        let mask: Vec<u32> = (0..mask).collect();
        let budget = Budget::read(&Observed::under("/nowhere", &variables, &mask)).unwrap();
        prop_assert!(budget.cpus >= 1 && budget.cpus as usize <= mask.len());
        prop_assert!(budget.sources.iter().any(|one| one.kind == SourceKind::Affinity));
    }
}
