//! Launchers: how many processes of theirs share this node. Slurm's own is in
//! `slurm.rs`.

use super::entry::{Entry, Reader, Takes, Variable, Within, plain};
use crate::budget::source::SourceKind;

pub(super) static ENTRIES: [Entry; 9] = [
    of(
        "Open MPI, PRRTE, Spectrum MPI (`mpirun`)",
        &[processes("OMPI_COMM_WORLD_LOCAL_SIZE")],
        "mpirun(1), \"Environment Variables\"",
    ),
    of(
        "MPICH, Intel MPI (Hydra)",
        &[processes("MPI_LOCALNRANKS")],
        "MPICH wiki, \"Using the Hydra Process Manager\"",
    ),
    of(
        "MVAPICH",
        &[
            processes("MV2_COMM_WORLD_LOCAL_SIZE"),
            processes("MVP_COMM_WORLD_LOCAL_SIZE"),
        ],
        "MVAPICH User Guide, \"Running MPI Applications\"",
    ),
    of(
        "HPE Cray PALS, Cray PMI",
        &[processes("PALS_LOCAL_SIZE"), processes("PMI_LOCAL_SIZE")],
        "mpiexec(1) of Cray PALS; intro_pmi(3)",
    ),
    of(
        "IBM Job Step Manager (`jsrun`)",
        &[processes("JSM_NAMESPACE_LOCAL_SIZE")],
        "jsrun(1), \"Environment variables\"",
    ),
    of(
        "Horovod",
        &[processes("HOROVOD_LOCAL_SIZE")],
        "Horovod, \"horovodrun\"",
    ),
    Entry {
        name: "PyTorch (`torchrun`)",
        kind: SourceKind::Launcher,
        variables: &[Variable::otherwise(
            "LOCAL_WORLD_SIZE",
            "always",
            "processes that share what the task that started them has",
        )],
        beside: &["TORCHELASTIC_RUN_ID"],
        job: &[],
        documented: "PyTorch, \"torchrun (Elastic Launch)\", \"Environment Variables\"",
        read: torchrun,
    },
    Entry {
        name: "Flux",
        kind: SourceKind::Launcher,
        variables: &[Variable::otherwise(
            "FLUX_JOB_SIZE",
            "`FLUX_TASK_LOCAL_ID` is set",
            "tasks of the job; on several nodes (`FLUX_JOB_NNODES`) an even part of them",
        )],
        beside: &["FLUX_TASK_LOCAL_ID", "FLUX_JOB_NNODES", "FLUX_JOB_ID"],
        job: &["FLUX_JOB_ID"],
        documented: "flux-run(1), \"ENVIRONMENT\"; flux-environment(7)",
        read: flux,
    },
    Entry {
        name: "DeepSpeed (`deepspeed`)",
        kind: SourceKind::Launcher,
        variables: &[Variable::otherwise(
            "LOCAL_SIZE",
            "`CROSS_SIZE` is set",
            "processes that share what the task that started them has",
        )],
        beside: &["CROSS_SIZE"],
        job: &[],
        documented: "DeepSpeed, `deepspeed.launcher.launch`",
        read: deepspeed,
    },
];

const fn of(name: &'static str, variables: &'static [Variable], documented: &'static str) -> Entry {
    Entry {
        name,
        kind: SourceKind::Launcher,
        variables,
        beside: &[],
        job: &[],
        documented,
        read: plain,
    }
}

const fn processes(name: &'static str) -> Variable {
    let means = "processes that share this node";
    Variable::new(name, "always", means, Takes::Processes)
}

/// `torchrun` gives its processes a run's name; others set the variable for
/// the processes that another launcher started.
fn torchrun(reader: &mut Reader) {
    let within = match reader.has("TORCHELASTIC_RUN_ID") {
        true => Within::Task,
        false => Within::Unclear,
    };
    reader.processes("LOCAL_WORLD_SIZE", within);
}

fn deepspeed(reader: &mut Reader) {
    if reader.has("CROSS_SIZE") {
        reader.processes("LOCAL_SIZE", Within::Unclear);
    }
}

fn flux(reader: &mut Reader) {
    const TASKS: &str = "FLUX_JOB_SIZE";
    let Some(local) = reader.whole("FLUX_TASK_LOCAL_ID") else {
        return;
    };
    let Some(tasks) = reader.whole(TASKS).filter(|tasks| *tasks > 0) else {
        return;
    };
    let nodes = reader.whole("FLUX_JOB_NNODES").filter(|nodes| *nodes > 0);
    let here = tasks
        .div_ceil(nodes.unwrap_or(1))
        .max(local.saturating_add(1));
    let remark = match nodes {
        Some(1) => None,
        Some(nodes) => Some(format!("of {tasks} tasks on {nodes} nodes")),
        None => Some("on how many nodes the job runs is not said: taken as one".to_owned()),
    };
    reader.launched(TASKS, here.min(tasks), Within::Node, remark);
}
