//! Batch schedulers other than Slurm: what the job was given on this machine.

use super::entry::{Entry, NOT_LISTED, Reader, Takes, Variable, plain};
use super::hosts;
use crate::budget::cpu_list::parse_list;
use crate::budget::source::{For, SourceKind, positive};
use std::collections::BTreeSet;

pub(super) static ENTRIES: [Entry; 6] = [PBS, LSF, GRID_ENGINE, HTCONDOR, FUJITSU, OAR];

const PBS: Entry = Entry {
    name: "PBS, Torque",
    kind: SourceKind::Scheduler,
    variables: &[
        Variable::otherwise("NCPUS", IN_PBS, "CPUs on this host"),
        Variable::otherwise("PBS_NUM_PPN", IN_PBS, "CPUs on each node (Torque)"),
        Variable::otherwise(
            "PBS_NP",
            "the job runs on one node",
            "CPUs of the job (Torque)",
        ),
        Variable::otherwise(
            "PBS_NODEFILE",
            "`NCPUS` is not set",
            "a file: this host is listed once for each CPU (Torque), and `PBS_NUM_PPN` does not count then",
        ),
    ],
    beside: &["PBS_JOBID", "PBS_NUM_NODES"],
    job: &["PBS_JOBID"],
    documented: "qsub(1B); pbs_resources(7B)",
    read: pbs,
};
const IN_PBS: &str = "`PBS_JOBID` is set";

fn pbs(reader: &mut Reader) {
    if !reader.has("PBS_JOBID") {
        return;
    }
    reader.cpus("NCPUS", For::Node);
    let listed = nodes_of_pbs(reader);
    let machines = reader.whole("PBS_NUM_NODES");
    match listed {
        // It was asked for so many a node; the list has what there is.
        Some(_) if reader.has("PBS_NUM_PPN") => {
            reader.ignore("PBS_NUM_PPN", "PBS_NODEFILE lists this host's CPUs");
        }
        _ => reader.cpus("PBS_NUM_PPN", For::Node),
    }
    reader.of_job("PBS_NP", machines.or(listed));
}

/// Torque lists a host once for each of its CPUs, PBS Professional once for
/// each MPI process. Returns how many hosts there are, where the list counts.
fn nodes_of_pbs(reader: &mut Reader) -> Option<u32> {
    const FILE: &str = "PBS_NODEFILE";
    if reader.has("NCPUS") {
        return None;
    }
    let lines = reader.lines(FILE)?;
    let hosts: Vec<(&str, u32)> = lines.iter().map(|words| (&*words[0], 1)).collect();
    let Some(own) = reader.of_this_host(&hosts) else {
        reader.ignore(FILE, NOT_LISTED);
        return None;
    };
    let path = reader.value(FILE).unwrap_or_default();
    reader.says(FILE, path, own.len() as f64, For::Node);
    reader.remark("lines of this host");
    hosts::different(hosts.iter().map(|(host, _)| *host))
}

const LSF: Entry = Entry {
    name: "LSF",
    kind: SourceKind::Scheduler,
    variables: &[
        Variable::otherwise(
            "LSB_AFFINITY_HOSTFILE",
            "`LSB_JOBID` is set, and this host is in the file",
            "a file: the CPUs of each task on this host; slots do not count then",
        ),
        Variable::otherwise(
            "LSB_MCPU_HOSTS",
            "`LSB_JOBID` is set, and this host is in the list",
            "slots on this host",
        ),
        Variable::otherwise(
            "LSB_DJOB_NUMPROC",
            "the job runs on one host",
            "slots of the job",
        ),
    ],
    beside: &["LSB_JOBID"],
    job: &["LSB_JOBID"],
    documented: "IBM Spectrum LSF, \"Environment variables\"; \"affinity\" in \"Resource requirement strings\"",
    read: lsf,
};

fn lsf(reader: &mut Reader) {
    const HOSTS: &str = "LSB_MCPU_HOSTS";
    const SLOTS: &str = "slots are not CPUs: LSB_AFFINITY_HOSTFILE lists them";
    if !reader.has("LSB_JOBID") {
        return;
    }
    let is_bound = lsf_affinity(reader);
    let mut machines = None;
    if let Some(value) = reader.value(HOSTS) {
        let words: Vec<&str> = value.split_whitespace().collect();
        let hosts: Vec<(&str, &str)> = words
            .chunks_exact(2)
            .map(|pair| (pair[0], pair[1]))
            .collect();
        machines = hosts::different(hosts.iter().map(|(host, _)| *host));
        let slots = reader.of_this_host(&hosts).map(|slots| sum(&slots));
        match slots {
            _ if is_bound => reader.ignore(HOSTS, SLOTS),
            Some(Some(slots)) => reader.says(HOSTS, value, slots, For::Node),
            Some(None) => reader.ignore(HOSTS, "not a list of hosts and positive numbers"),
            None => reader.ignore(HOSTS, NOT_LISTED),
        }
    }
    match is_bound && reader.has("LSB_DJOB_NUMPROC") {
        true => reader.ignore("LSB_DJOB_NUMPROC", SLOTS),
        false => reader.of_job("LSB_DJOB_NUMPROC", machines),
    }
}

/// A line for each task: its host, its CPUs as a list, and more. The file is
/// empty where the job asked for none. Returns whether it counts.
fn lsf_affinity(reader: &mut Reader) -> bool {
    const FILE: &str = "LSB_AFFINITY_HOSTFILE";
    let Some(lines) = reader.lines(FILE) else {
        return false;
    };
    if lines.is_empty() {
        reader.no_limit(FILE, "the file is empty");
        return false;
    }
    let lists = lines.iter().filter_map(|words| match &words[..] {
        [host, list, ..] => Some((&**host, &**list)),
        _ => None,
    });
    let Some(lists) = reader.of_this_host(&lists.collect::<Vec<_>>()) else {
        reader.ignore(FILE, NOT_LISTED);
        return false;
    };
    let cpus: Option<Vec<Vec<u32>>> = lists.into_iter().map(parse_list).collect();
    let Some(cpus) = cpus else {
        reader.ignore(FILE, "not a list of CPUs a host");
        return false;
    };
    let cpus: BTreeSet<u32> = cpus.into_iter().flatten().collect();
    let path = reader.value(FILE).unwrap_or_default();
    reader.says(FILE, path, cpus.len() as f64, For::Node);
    reader.remark("CPUs of this host");
    true
}

const GRID_ENGINE: Entry = Entry {
    name: "Grid Engine",
    kind: SourceKind::Scheduler,
    variables: &[
        Variable::otherwise(
            "NSLOTS",
            "`JOB_ID` is set, and the job runs on one host",
            "slots of the job",
        ),
        Variable::otherwise(
            "PE_HOSTFILE",
            "`NHOSTS` is not 1, and this host is in the file",
            "a file: slots on each host",
        ),
    ],
    beside: &["JOB_ID", "NHOSTS"],
    job: &["JOB_ID"],
    documented: "qsub(1), \"ENVIRONMENTAL VARIABLES\"; sge_pe(5)",
    read: grid_engine,
};

fn grid_engine(reader: &mut Reader) {
    const FILE: &str = "PE_HOSTFILE";
    if !reader.has("JOB_ID") || !reader.has("NSLOTS") {
        return;
    }
    let mut machines = reader.whole("NHOSTS");
    let lines = match machines {
        Some(1) => None,
        _ => reader.lines(FILE),
    };
    if let Some(lines) = lines {
        let pairs = lines.iter().filter_map(|words| match &words[..] {
            [host, slots, ..] => Some((&**host, &**slots)),
            _ => None,
        });
        let hosts: Vec<(&str, &str)> = pairs.collect();
        machines = machines.or_else(|| hosts::different(hosts.iter().map(|(host, _)| *host)));
        match reader.of_this_host(&hosts).map(|slots| sum(&slots)) {
            Some(Some(slots)) => {
                let path = reader.value(FILE).unwrap_or_default();
                reader.says(FILE, path, slots, For::Node);
                reader.remark("slots of this host");
            }
            Some(None) => reader.ignore(FILE, "its slots are no positive numbers"),
            None => reader.ignore(FILE, NOT_LISTED),
        }
    }
    reader.of_job("NSLOTS", machines);
}

/// `None` if one is not a positive number.
fn sum(counts: &[&str]) -> Option<f64> {
    counts.iter().map(|count| positive(count)).sum()
}

const HTCONDOR: Entry = Entry {
    name: "HTCondor",
    kind: SourceKind::Scheduler,
    variables: &[Variable::otherwise(
        "_CONDOR_MACHINE_AD",
        "always",
        "a file: its `Cpus` are those of the slot (`request_cpus`)",
    )],
    beside: &["_CONDOR_JOB_AD"],
    job: &["_CONDOR_JOB_AD"],
    documented: "HTCondor manual, \"Services for Running Jobs\"",
    read: htcondor,
};

fn htcondor(reader: &mut Reader) {
    const FILE: &str = "_CONDOR_MACHINE_AD";
    let Some(lines) = reader.lines(FILE) else {
        return;
    };
    // ClassAds know attributes by their names in any case.
    let cpus = lines.iter().find_map(|words| {
        let line = words.concat();
        let (name, value) = line.split_once('=')?;
        name.eq_ignore_ascii_case("cpus")
            .then(|| positive(value))
            .flatten()
    });
    match cpus {
        Some(cpus) => {
            let path = reader.value(FILE).unwrap_or_default();
            reader.says(FILE, path, cpus, For::Node);
            reader.remark(format!("Cpus = {cpus}"));
        }
        None => reader.ignore(FILE, "it has no number of Cpus"),
    }
}

const FUJITSU: Entry = Entry {
    name: "Fujitsu Technical Computing Suite",
    kind: SourceKind::Scheduler,
    variables: &[
        Variable::new(
            "PJM_VNODE_CORE",
            "always",
            "cores of the virtual node (`-L vnode-core`)",
            Takes::Cpus(For::Node),
        ),
        Variable::new(
            "PJM_NODE_CORE",
            "always",
            "cores of each node",
            Takes::Cpus(For::Node),
        ),
    ],
    beside: &["PJM_JOBID"],
    job: &["PJM_JOBID"],
    documented: "Technical Computing Suite, \"Job Operation Software End-user's Guide\", environment variables",
    read: plain,
};

const OAR: Entry = Entry {
    name: "OAR",
    kind: SourceKind::Scheduler,
    variables: &[Variable::otherwise(
        "OAR_NODEFILE",
        "this host is in the file",
        "a file: this host is listed once for each core",
    )],
    beside: &["OAR_JOB_ID"],
    job: &["OAR_JOB_ID"],
    documented: "oarsub(1), \"ENVIRONMENT VARIABLES\"",
    read: oar,
};

fn oar(reader: &mut Reader) {
    const FILE: &str = "OAR_NODEFILE";
    let Some(lines) = reader.lines(FILE) else {
        return;
    };
    let hosts: Vec<(&str, u32)> = lines.iter().map(|words| (&*words[0], 1)).collect();
    match reader.of_this_host(&hosts) {
        Some(own) => {
            let path = reader.value(FILE).unwrap_or_default();
            reader.says(FILE, path, own.len() as f64, For::Node);
            reader.remark("lines of this host");
        }
        None => reader.ignore(FILE, NOT_LISTED),
    }
}
