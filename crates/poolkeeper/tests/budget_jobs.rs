//! The budget of batch jobs: variables with the files that they name, on the
//! trees that `jobs/README.md` describes.

use poolkeeper::budget::{Budget, Observed, SourceKind, SourceStatus};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A job on a machine of 64 CPUs, and what its budget has to be.
struct Job {
    tree: &'static str,
    variables: &'static [(&'static str, &'static str)],
    cpus: u32,
    decides: &'static str,
    /// Sources of the job that do not count, with what is said of them.
    silent: &'static [(&'static str, &'static str)],
}

const SLOTS: &str = "slots are not CPUs: LSB_AFFINITY_HOSTFILE lists them";

const JOBS: &[Job] = &[
    Job {
        tree: "lsf_affinity",
        variables: &[
            ("LSB_JOBID", "7"),
            ("LSB_MCPU_HOSTS", "node2 1 node3 3"),
            ("LSB_DJOB_NUMPROC", "4"),
            ("LSB_AFFINITY_HOSTFILE", "/spool/affinity"),
        ],
        cpus: 21,
        decides: "LSB_AFFINITY_HOSTFILE",
        silent: &[("LSB_MCPU_HOSTS", SLOTS), ("LSB_DJOB_NUMPROC", SLOTS)],
    },
    Job {
        tree: "lsf_one_slot",
        variables: &[
            ("LSB_JOBID", "7"),
            ("LSB_MCPU_HOSTS", "node3 1"),
            ("LSB_DJOB_NUMPROC", "1"),
            ("LSB_AFFINITY_HOSTFILE", "/spool/affinity"),
        ],
        cpus: 7,
        decides: "LSB_AFFINITY_HOSTFILE",
        silent: &[("LSB_MCPU_HOSTS", SLOTS), ("LSB_DJOB_NUMPROC", SLOTS)],
    },
    Job {
        tree: "lsf_no_affinity",
        variables: &[
            ("LSB_JOBID", "7"),
            ("LSB_MCPU_HOSTS", "node3 6"),
            ("LSB_AFFINITY_HOSTFILE", "/spool/affinity"),
        ],
        cpus: 6,
        decides: "LSB_MCPU_HOSTS",
        silent: &[("LSB_AFFINITY_HOSTFILE", "the file is empty")],
    },
    Job {
        tree: "htcondor",
        variables: &[("_CONDOR_MACHINE_AD", "/spool/machine.ad")],
        cpus: 4,
        decides: "_CONDOR_MACHINE_AD",
        silent: &[],
    },
    Job {
        tree: "torque",
        variables: &[
            ("PBS_JOBID", "7.server"),
            ("PBS_NUM_NODES", "1"),
            ("PBS_NUM_PPN", "1"),
            ("PBS_NP", "5"),
            ("PBS_NODEFILE", "/spool/nodes"),
        ],
        cpus: 3,
        decides: "PBS_NODEFILE",
        silent: &[("PBS_NUM_PPN", "PBS_NODEFILE lists this host's CPUs")],
    },
    Job {
        tree: "pbs_professional",
        variables: &[
            ("PBS_JOBID", "7.server"),
            ("NCPUS", "8"),
            ("PBS_NODEFILE", "/spool/nodes"),
        ],
        cpus: 8,
        decides: "NCPUS",
        silent: &[],
    },
    Job {
        tree: "grid_engine",
        variables: &[
            ("JOB_ID", "7"),
            ("NSLOTS", "9"),
            ("NHOSTS", "2"),
            ("PE_HOSTFILE", "/spool/pe_hostfile"),
        ],
        cpus: 5,
        decides: "PE_HOSTFILE",
        silent: &[("NSLOTS", "the job runs on 2 machines")],
    },
    Job {
        tree: "oar",
        variables: &[("OAR_JOB_ID", "7"), ("OAR_NODEFILE", "/spool/nodes")],
        cpus: 3,
        decides: "OAR_NODEFILE",
        silent: &[],
    },
    Job {
        tree: "slurm_two_sizes",
        variables: &[
            ("SLURM_JOB_ID", "7"),
            ("SLURM_JOB_NUM_NODES", "3"),
            ("SLURM_JOB_NODELIST", "node[1-3]"),
            ("SLURM_JOB_CPUS_PER_NODE", "24(x2),36"),
        ],
        cpus: 36,
        decides: "SLURM_JOB_CPUS_PER_NODE",
        silent: &[],
    },
];

#[test]
fn jobs_have_what_their_scheduler_gave_them_on_this_host() {
    for job in JOBS {
        let budget = budget(job.tree, job.variables);
        let told = format!("{}: {:#?}", job.tree, budget.sources);
        assert_eq!(budget.cpus, job.cpus, "{told}");
        assert_eq!(budget.deciding().kind, SourceKind::Scheduler, "{told}");
        assert_eq!(budget.deciding().place, job.decides, "{told}");
        let silent = budget.sources.iter().filter(|one| one.cpus.is_none());
        let silent: Vec<(&str, &str)> = silent
            .map(|one| (one.place.as_str(), one.note().unwrap_or_default()))
            .collect();
        assert_eq!(silent, job.silent, "{told}");
    }
}

/// A list of other machines, a list that is none, and a file that is gone.
#[test]
fn a_file_that_says_nothing_of_this_host_is_told_and_passed_over() {
    let affinity = |tree: &str, path: &'static str| {
        let job = [
            ("LSB_JOBID", "7"),
            ("LSB_MCPU_HOSTS", "node3 3"),
            ("LSB_AFFINITY_HOSTFILE", path),
        ];
        let budget = budget(tree, &job);
        assert_eq!(budget.cpus, 3, "the slots: {:#?}", budget.sources);
        budget.sources[0].clone()
    };
    let elsewhere = affinity("lsf_affinity", "/proc/sys/kernel/hostname");
    assert_eq!(elsewhere.note(), Some("this machine is not in it"));
    let gone = affinity("lsf_affinity", "/spool/gone");
    assert!(matches!(gone.status, SourceStatus::Unknown(_)), "{gone:?}");
    let folder = affinity("lsf_affinity", "/spool");
    let note = folder.note().unwrap().to_owned();
    assert_eq!(note, "can't be read: not a regular file");
}

#[test]
fn every_tree_is_a_job_and_described() {
    let named: BTreeSet<&str> = JOBS.iter().map(|job| job.tree).collect();
    let entries = std::fs::read_dir(trees()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let folders: BTreeSet<String> = paths
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(folders.iter().eq(named.iter()), "{folders:?}\n{named:?}");
    let readme = std::fs::read_to_string(trees().join("README.md")).unwrap();
    for tree in folders {
        assert!(readme.contains(&format!("`{tree}`")), "README.md: {tree}");
    }
}

fn budget(tree: &str, variables: &[(&str, &str)]) -> Budget {
    let mask: Vec<u32> = (0..64).collect();
    Budget::read(&Observed::under(trees().join(tree), variables, &mask)).unwrap()
}

fn trees() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jobs")
}
