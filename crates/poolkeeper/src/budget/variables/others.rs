//! What users set for all programs, and what platforms set.

use super::entry::{Entry, Reader, Takes, Variable, plain};
use crate::budget::cpu_list::parse_list;
use crate::budget::source::{For, SourceKind, positive};

/// Whoever sets one of these says how many CPUs programs may use, be it the
/// user, HTCondor or a container's runtime.
pub(super) static USERS: [Entry; 7] = [
    user(
        "Python",
        &[Variable::otherwise(
            "PYTHON_CPU_COUNT",
            "it is a number",
            "CPUs that this process may use",
        )],
        "Python documentation, \"Command line and environment\"",
        python,
    ),
    user(
        "joblib (loky)",
        &[cpus("LOKY_MAX_CPU_COUNT")],
        "joblib documentation, joblib.cpu_count",
        plain,
    ),
    user(
        "Go",
        &[cpus("GOMAXPROCS")],
        "Go, package runtime; set by CRI-O and Nomad from what a container asks for",
        plain,
    ),
    user(
        "R (parallel, BiocParallel)",
        &[
            Variable::otherwise(
                "MC_CORES",
                "always",
                "CPUs that this process may use; 0 is one",
            ),
            cpus("BIOCPARALLEL_WORKER_NUMBER"),
        ],
        "R documentation, parallel::mclapply; BiocParallel, `multicoreWorkers`",
        r,
    ),
    user(
        ".NET",
        &[cpus("DOTNET_PROCESSOR_COUNT")],
        ".NET documentation, Environment.ProcessorCount",
        plain,
    ),
    user(
        "Julia",
        &[cpus("JULIA_CPU_THREADS")],
        "Julia manual, \"Environment Variables\"",
        plain,
    ),
    user(
        "AutoGluon",
        &[cpus("AG_CPU_COUNT")],
        "AutoGluon, `autogluon.common.utils.cpu_utils`",
        plain,
    ),
];

pub(super) static PLATFORMS: [Entry; 2] = [
    Entry {
        name: "JupyterHub",
        kind: SourceKind::Platform,
        variables: &[Variable::otherwise(
            "CPU_LIMIT",
            "always",
            "CPUs of the user's server, enforced or not; `500m` is half of one",
        )],
        beside: &[],
        job: &[],
        documented: "JupyterHub, `Spawner.cpu_limit`",
        read: jupyterhub,
    },
    Entry {
        name: "Nomad",
        kind: SourceKind::Platform,
        variables: &[Variable::otherwise(
            "NOMAD_CPU_CORES",
            "the task asks for `cores`",
            "a list of the cores that are the task's",
        )],
        beside: &[],
        job: &[],
        documented: "Nomad, \"Runtime environment\"",
        read: nomad,
    },
];

const fn user(
    name: &'static str,
    variables: &'static [Variable],
    documented: &'static str,
    read: fn(&mut Reader),
) -> Entry {
    Entry {
        name,
        kind: SourceKind::User,
        variables,
        beside: &[],
        job: &[],
        documented,
        read,
    }
}

const fn cpus(name: &'static str) -> Variable {
    let means = "CPUs that this process may use";
    Variable::new(name, "always", means, Takes::Cpus(For::Process))
}

fn python(reader: &mut Reader) {
    const COUNT: &str = "PYTHON_CPU_COUNT";
    match reader.value(COUNT) {
        Some("default") => reader.no_limit(COUNT, "as the system says"),
        _ => reader.cpus(COUNT, For::Process),
    }
}

/// `mc.cores` counts the processes beside the main one: 0 is R alone.
fn r(reader: &mut Reader) {
    match reader.value("MC_CORES") {
        Some("0") => reader.says("MC_CORES", "0", 1.0, For::Process),
        _ => reader.cpus("MC_CORES", For::Process),
    }
    plain(reader);
}

/// A number, or Kubernetes' thousandths.
fn jupyterhub(reader: &mut Reader) {
    const LIMIT: &str = "CPU_LIMIT";
    let Some(value) = reader.value(LIMIT) else {
        return;
    };
    match value.trim().strip_suffix('m').and_then(positive) {
        Some(thousandths) => reader.says(LIMIT, value, thousandths / 1000.0, For::Node),
        None => reader.cpus(LIMIT, For::Node),
    }
}

fn nomad(reader: &mut Reader) {
    const CORES: &str = "NOMAD_CPU_CORES";
    let Some(value) = reader.value(CORES) else {
        return;
    };
    match parse_list(value) {
        Some(cpus) => reader.says(CORES, value, cpus.len() as f64, For::Node),
        None => reader.ignore(CORES, "not a list of CPUs"),
    }
}
