//! What is parsed from outside, as functions of any bytes: the doors for `fuzz/`.
//! Compiled for the fuzzer alone (`--cfg fuzzing`). Each asserts what must hold of
//! whatever it is given; that nothing panics or reads what isn't there, the fuzzer
//! and the sanitizer see.

use crate::budget::{self, Budget, Changes, Observed, Share};
use crate::{doctor, platform};
use std::path::Path;

/// An object's symbol tables, as the loader has mapped them.
pub fn symbols(data: &[u8]) {
    platform::fuzz_symbols(data);
}

/// `/proc/self/maps`, and a thread's `stat`.
pub fn process(data: &[u8]) {
    platform::fuzz_process(data);
}

/// `/proc/self/status` and `limits`; values of variables as runtimes read them.
pub fn texts(data: &[u8]) {
    doctor::fuzz(&String::from_utf8_lossy(data));
}

/// Lists of CPUs.
pub fn cpus(data: &[u8]) {
    if let Some(cpus) = budget::parse_list(&String::from_utf8_lossy(data)) {
        let written = budget::as_list(&cpus);
        assert_eq!(budget::parse_list(&written), Some(cpus), "{written}");
    }
}

/// Mounts, groups and the texts of their files.
pub fn groups(data: &[u8]) {
    budget::fuzz(&String::from_utf8_lossy(data));
}

/// The budget and the changes for a program, from variables alone: `data` has names
/// by their numbers, and values, each ended by a zero.
pub fn variables(data: &[u8]) {
    let values = data.split(|byte| *byte == 0).filter_map(|part| {
        let (name, value) = part.split_first()?;
        let name = VARIABLES.get(usize::from(*name) % VARIABLES.len())?;
        Some((*name, String::from_utf8_lossy(value).into_owned()))
    });
    let values: Vec<(&str, String)> = values.collect();
    let pairs: Vec<(&str, &str)> = values
        .iter()
        .map(|(name, value)| (*name, &**value))
        .collect();
    let observed = Observed::under("/nonexistent", &pairs, &[0, 1, 2, 3]);
    check(Budget::read(&observed));
    let share = Share {
        cpus: 4,
        openmp: 2,
        blas: 2,
    };
    let lookup = |name: &str| {
        let found = pairs.iter().find(|(own, _)| *own == name)?;
        Some(found.1.to_owned())
    };
    let _ = Changes::new(&share, lookup, false);
}

/// The budget of a process whose files are under `root`: `data` has their texts, in
/// the order of [`FILES`], each ended by a zero. What there is no text for stays as
/// it is.
pub fn files(root: &Path, data: &[u8]) {
    for (file, text) in FILES.iter().zip(data.split(|byte| *byte == 0)) {
        std::fs::write(root.join(file), text).expect("the fuzzer's own folder");
    }
    check(Budget::read(&Observed::under(root, &[], &[0, 1, 2, 3])));
}

fn check(budget: crate::Result<Budget>) {
    if let Ok(budget) = budget {
        assert!(budget.cpus >= 1, "{budget:?}");
        assert!(
            f64::from(budget.cpus) <= budget.exact.max(1.0),
            "{budget:?}"
        );
        assert!(budget.exact.is_finite() && budget.exact > 0.0, "{budget:?}");
    }
}

/// The files that [`files`] writes; their folders are there.
pub const FILES: [&str; 9] = [
    "proc/self/mountinfo",
    "proc/self/cgroup",
    "sys/fs/cgroup/cpu.max",
    "sys/fs/cgroup/cpuset.cpus.effective",
    "sys/fs/cgroup/a/cpu.max",
    "sys/fs/cgroup/a/cpu.cfs_quota_us",
    "sys/fs/cgroup/a/cpu.cfs_period_us",
    "sys/fs/cgroup/a/cpuset.cpus",
    "sys/devices/system/cpu/online",
];

/// Variables of schedulers, launchers and runtimes, but those that name files.
const VARIABLES: [&str; 33] = [
    "POOLKEEPER_CPUS",
    "POOLKEEPER_SET",
    "SLURM_JOB_ID",
    "SLURM_CPUS_PER_TASK",
    "SLURM_CPUS_ON_NODE",
    "SLURM_JOB_CPUS_PER_NODE",
    "SLURM_JOB_NUM_NODES",
    "SLURM_NNODES",
    "SLURM_NTASKS",
    "SLURM_TASKS_PER_NODE",
    "SLURM_NODEID",
    "SLURM_LOCALID",
    "SLURMD_NODENAME",
    "SLURM_JOB_NODELIST",
    "PBS_JOBID",
    "NCPUS",
    "PBS_NUM_PPN",
    "PBS_NUM_NODES",
    "PBS_NP",
    "LSB_JOBID",
    "LSB_MCPU_HOSTS",
    "LSB_DJOB_NUMPROC",
    "LSB_HOSTS",
    "JOB_ID",
    "NSLOTS",
    "NHOSTS",
    "OMPI_COMM_WORLD_LOCAL_SIZE",
    "MPI_LOCALNRANKS",
    "LOCAL_WORLD_SIZE",
    "FLUX_JOB_SIZE",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
];
