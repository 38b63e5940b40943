//! Slurm: sbatch(1), "OUTPUT ENVIRONMENT VARIABLES"; srun(1), the same.

use super::entry::{Entry, Reader, Variable, Within};
use super::hosts;
use crate::budget::source::{For, SourceKind, positive};

const PER_TASK: &str = "SLURM_CPUS_PER_TASK";
const TRES: &str = "SLURM_TRES_PER_TASK";
const PER_GPU: &str = "SLURM_CPUS_PER_GPU";
const ON_NODE: &str = "SLURM_CPUS_ON_NODE";
const PER_NODE: &str = "SLURM_JOB_CPUS_PER_NODE";
const TASKS: &str = "SLURM_STEP_TASKS_PER_NODE";
const NODES: [&str; 2] = ["SLURM_JOB_NUM_NODES", "SLURM_NNODES"];
const JOB_NODES: &str = "SLURM_JOB_NODELIST";
const STEP_NODES: &str = "SLURM_STEP_NODELIST";
const OWN_NODE: &str = "SLURMD_NODENAME";

pub(super) static SLURM: Entry = Entry {
    name: "Slurm",
    kind: SourceKind::Scheduler,
    variables: &[
        Variable::otherwise(PER_TASK, "always", "CPUs of one task (`--cpus-per-task`)"),
        Variable::otherwise(
            TRES,
            "`SLURM_CPUS_PER_TASK` is not set",
            "its `cpu`: CPUs of one task (`--tres-per-task`)",
        ),
        Variable::otherwise(
            PER_GPU,
            "always",
            "CPUs for each GPU of the task, or else of this node; one GPU, where none is counted",
        ),
        Variable::otherwise(
            ON_NODE,
            "always",
            "CPUs that the job, or the step, has on this node",
        ),
        Variable::otherwise(
            PER_NODE,
            "always",
            "CPUs that the job has on each of its nodes: this node's, or the smallest where that is not told",
        ),
        Variable::otherwise(
            TASKS,
            "inside `srun`",
            "tasks that share this node: this node's number, or the largest where that is not told",
        ),
    ],
    beside: &[
        "SLURM_JOB_ID",
        "SLURM_JOBID",
        NODES[0],
        NODES[1],
        JOB_NODES,
        STEP_NODES,
        OWN_NODE,
        "SLURM_GPUS_PER_TASK",
        "SLURM_NTASKS_PER_GPU",
        "SLURM_GPUS_ON_NODE",
        "SLURM_GPUS_PER_NODE",
        "SLURM_GPUS",
        "SLURM_STEP_GPUS",
        "SLURM_JOB_GPUS",
    ],
    job: &["SLURM_JOB_ID", "SLURM_JOBID"],
    documented: "sbatch(1) and srun(1), \"OUTPUT ENVIRONMENT VARIABLES\"",
    read,
};

fn read(reader: &mut Reader) {
    of_task(reader);
    for_gpus(reader);
    if reader.has(ON_NODE) {
        reader.cpus(ON_NODE, For::Node);
        if nodes(reader).is_none() {
            reader.remark("of this node; how many the job has is not said");
        }
    }
    on_nodes(reader);
    tasks(reader);
}

/// On how many nodes the job runs.
fn nodes(reader: &Reader) -> Option<u32> {
    NODES.into_iter().find_map(|name| reader.whole(name))
}

fn of_task(reader: &mut Reader) {
    reader.cpus(PER_TASK, For::Task);
    let Some(value) = reader.value(TRES).filter(|_| !reader.has(PER_TASK)) else {
        return;
    };
    // `cpu=4,gres/gpu=1`; a colon does for the sign.
    let cpus = value.split(',').find_map(|part| {
        let (name, number) = part.split_once(['=', ':'])?;
        positive(number).filter(|_| name.trim() == "cpu")
    });
    match cpus {
        Some(cpus) => reader.says(TRES, value, cpus, For::Task),
        None => reader.no_limit(TRES, "it names no CPUs"),
    }
}

/// `--cpus-per-gpu`: how many GPUs there are stands elsewhere.
fn for_gpus(reader: &mut Reader) {
    let Some(value) = reader.value(PER_GPU) else {
        return;
    };
    let Some(each) = positive(value) else {
        reader.ignore(PER_GPU, "not a positive number");
        return;
    };
    let counted = |name| Some((name, gpus(reader.value(name)?)?));
    let listed = |name| Some((name, reader.value(name)?.split(',').count() as f64));
    let of_task = counted("SLURM_GPUS_PER_TASK");
    let of_node = counted("SLURM_GPUS_ON_NODE")
        .or_else(|| counted("SLURM_GPUS_PER_NODE"))
        .or_else(|| listed("SLURM_STEP_GPUS"))
        .or_else(|| listed("SLURM_JOB_GPUS"))
        .or_else(|| counted("SLURM_GPUS").filter(|_| nodes(reader) == Some(1)));
    let tasks_share = reader.value("SLURM_NTASKS_PER_GPU").and_then(positive);
    if let Some((name, gpus)) = of_task {
        reader.says(PER_GPU, value, each * gpus, For::Task);
        reader.remark(format!("for {gpus} GPUs a task, says {name}"));
    } else if let Some(tasks) = tasks_share {
        reader.says(PER_GPU, value, each / tasks, For::Task);
        reader.remark(format!(
            "for {tasks} tasks a GPU, says SLURM_NTASKS_PER_GPU"
        ));
    } else if let Some((name, gpus)) = of_node {
        reader.says(PER_GPU, value, each * gpus, For::Node);
        reader.remark(format!("for {gpus} GPUs on this node, says {name}"));
    } else {
        reader.says(PER_GPU, value, each, For::Task);
        reader.remark("how many GPUs there are is not said: taken as one");
    }
}

/// `2`, `a100:2`, `gpu:a100:2`, or several of them.
fn gpus(value: &str) -> Option<f64> {
    let numbers = value.split(',').map(|part| {
        let number = part.rsplit(':').next().unwrap_or_default();
        positive(number)
    });
    numbers.sum()
}

fn on_nodes(reader: &mut Reader) {
    let Some(value) = reader.value(PER_NODE) else {
        return;
    };
    let Some(numbers) = hosts::per_node(value) else {
        reader.ignore(PER_NODE, "not a list of numbers a node");
        return;
    };
    let (cpus, remark) = match of_this_node(reader, &numbers, JOB_NODES) {
        Some(cpus) => (cpus, None),
        None => {
            let least = numbers.iter().map(|(cpus, _)| *cpus).min();
            let remark = "which of the nodes this is can't be told: the smallest";
            (least.unwrap_or(1), Some(remark))
        }
    };
    reader.says(PER_NODE, value, f64::from(cpus), For::Node);
    if let Some(remark) = remark {
        reader.remark(remark);
    }
}

fn tasks(reader: &mut Reader) {
    let Some(value) = reader.value(TASKS) else {
        return;
    };
    let Some(numbers) = hosts::per_node(value) else {
        reader.ignore(TASKS, "not a list of numbers a node");
        return;
    };
    let (tasks, remark) = match of_this_node(reader, &numbers, STEP_NODES) {
        Some(tasks) => (tasks, None),
        None => {
            let most = numbers.iter().map(|(tasks, _)| *tasks).max();
            let remark = "which of the nodes this is can't be told: the largest";
            (most.unwrap_or(1), Some(remark.to_owned()))
        }
    };
    reader.launched(TASKS, tasks, Within::Node, remark);
}

/// This node's number; any, where all are the same.
fn of_this_node(reader: &Reader, numbers: &[(u32, usize)], nodes: &'static str) -> Option<u32> {
    let (first, _) = numbers.first()?;
    if numbers.iter().all(|(number, _)| number == first) {
        return Some(*first);
    }
    let mut before = reader.place_in(nodes, OWN_NODE)?;
    for (number, times) in numbers {
        match before.checked_sub(*times) {
            Some(rest) => before = rest,
            None => return Some(*number),
        }
    }
    None
}
