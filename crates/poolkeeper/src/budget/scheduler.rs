//! Batch schedulers' variables: what the job was given on this machine.
//!
//! A variable that counts a whole job's CPUs says nothing of this machine,
//! unless the job runs on one: such variables are then ignored, and shown so.

use super::observed::Observed;
use super::source::{Source, SourceKind, SourceStatus, positive};

/// What the known schedulers' variables say, if a job of theirs runs here.
pub(super) fn sources(observed: &Observed) -> Vec<Source> {
    let mut sources = Vec::new();
    slurm(observed, &mut sources);
    pbs(observed, &mut sources);
    lsf(observed, &mut sources);
    sge(observed, &mut sources);
    sources
}

/// A variable that counts CPUs of this task or machine.
fn plain(observed: &Observed, name: &str, sources: &mut Vec<Source>) {
    if let Some(value) = observed.variable(name) {
        sources.push(number(name, value));
    }
}

fn number(name: &str, value: &str) -> Source {
    match positive(value) {
        Some(cpus) => Source::says(SourceKind::Scheduler, name, value, cpus),
        None => ignored(name, value, "not a positive number"),
    }
}

fn ignored(name: &str, value: &str, why: &str) -> Source {
    let status = SourceStatus::Ignored(why.to_owned());
    Source::silent(SourceKind::Scheduler, name, value, status)
}

/// A variable that counts CPUs of all the job's machines.
fn of_whole_job(observed: &Observed, name: &str, machines: Option<u32>, sources: &mut Vec<Source>) {
    let Some(value) = observed.variable(name) else {
        return;
    };
    sources.push(match machines {
        Some(1) => number(name, value),
        Some(machines) => {
            let why = format!("the job runs on {machines} machines");
            ignored(name, value, &why)
        }
        None => ignored(
            name,
            value,
            "on how many machines the job runs is not known",
        ),
    });
}

/// Slurm: sbatch(1), "OUTPUT ENVIRONMENT VARIABLES".
fn slurm(observed: &Observed, sources: &mut Vec<Source>) {
    plain(observed, "SLURM_CPUS_PER_TASK", sources);
    let machines = ["SLURM_JOB_NUM_NODES", "SLURM_NNODES"]
        .into_iter()
        .find_map(|name| observed.variable(name)?.trim().parse().ok());
    of_whole_job(observed, "SLURM_CPUS_ON_NODE", machines, sources);
    of_whole_job(observed, "SLURM_JOB_CPUS_PER_NODE", machines, sources);
}

/// PBS Professional, OpenPBS (`NCPUS`: CPUs on this host) and Torque
/// (`PBS_NUM_PPN`: per node; `PBS_NP`: of the job); qsub(1B).
fn pbs(observed: &Observed, sources: &mut Vec<Source>) {
    if observed.variable("PBS_JOBID").is_none() {
        return;
    }
    plain(observed, "NCPUS", sources);
    plain(observed, "PBS_NUM_PPN", sources);
    let machines = observed
        .variable("PBS_NUM_NODES")
        .and_then(|value| value.trim().parse().ok());
    of_whole_job(observed, "PBS_NP", machines, sources);
}

/// LSF: `LSB_MCPU_HOSTS` is `"hostA 4 hostB 2"`; `LSB_DJOB_NUMPROC` is their sum.
fn lsf(observed: &Observed, sources: &mut Vec<Source>) {
    if observed.variable("LSB_JOBID").is_none() {
        return;
    }
    const HOSTS: &str = "LSB_MCPU_HOSTS";
    let mut machines = None;
    if let Some(value) = observed.variable(HOSTS) {
        let words: Vec<&str> = value.split_whitespace().collect();
        let hosts: Vec<(&str, &str)> = words
            .chunks_exact(2)
            .map(|pair| (pair[0], pair[1]))
            .collect();
        machines = u32::try_from(hosts.len()).ok().filter(|count| *count > 0);
        sources.push(match of_this_host(observed, &hosts) {
            Some(slots) => Source {
                value: value.to_owned(),
                ..number(HOSTS, slots)
            },
            None => ignored(HOSTS, value, "this machine is not in it"),
        });
    }
    of_whole_job(observed, "LSB_DJOB_NUMPROC", machines, sources);
}

/// Grid Engine: `NSLOTS` of the job, on `NHOSTS` machines, told apart in the
/// file that `PE_HOSTFILE` names; qsub(1), sge_pe(5).
fn sge(observed: &Observed, sources: &mut Vec<Source>) {
    if observed.variable("JOB_ID").is_none() || observed.variable("NSLOTS").is_none() {
        return;
    }
    let machines = observed
        .variable("NHOSTS")
        .and_then(|value| value.trim().parse().ok());
    of_whole_job(observed, "NSLOTS", machines, sources);
    let Some(path) = observed
        .variable("PE_HOSTFILE")
        .filter(|_| machines != Some(1))
    else {
        return;
    };
    let text = observed.read(path).unwrap_or_default();
    let hosts: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect();
    sources.push(match of_this_host(observed, &hosts) {
        Some(slots) => number("PE_HOSTFILE", slots),
        None => ignored("PE_HOSTFILE", path, "this machine is not in it"),
    });
}

/// The count beside this machine's name, with or without its domain; the only
/// one, where there is only one.
fn of_this_host<'a>(observed: &Observed, hosts: &[(&'a str, &'a str)]) -> Option<&'a str> {
    if let [(_, slots)] = hosts {
        return Some(slots);
    }
    let name = observed.read("/proc/sys/kernel/hostname").ok()?;
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
    let own = short(name.trim());
    let mut hosts = hosts.iter();
    hosts
        .find(|(host, _)| short(host) == own)
        .map(|(_, slots)| *slots)
}

#[cfg(test)]
mod tests;
