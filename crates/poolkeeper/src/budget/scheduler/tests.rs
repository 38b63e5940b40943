//! Schedulers' variables as their manuals show them.

use super::*;

/// What each source allows, by its name; `None` where it is ignored.
fn told(variables: &[(&str, &str)]) -> Vec<(String, Option<f64>)> {
    let observed = Observed::under("/nowhere", variables, &[0]);
    let sources = sources(&observed);
    sources
        .into_iter()
        .map(|source| (source.place, source.cpus))
        .collect()
}

fn named(name: &str, cpus: Option<f64>) -> (String, Option<f64>) {
    (name.to_owned(), cpus)
}

#[test]
fn slurms_task_counts_wherever_the_job_runs() {
    let variables = [("SLURM_CPUS_PER_TASK", "6"), ("SLURM_JOB_NUM_NODES", "4")];
    assert_eq!(told(&variables), [named("SLURM_CPUS_PER_TASK", Some(6.0))]);
}

#[test]
fn slurms_node_counts_only_for_a_job_on_one_node() {
    let on = |nodes| {
        told(&[
            ("SLURM_CPUS_ON_NODE", "16"),
            ("SLURM_JOB_CPUS_PER_NODE", "16"),
            ("SLURM_JOB_NUM_NODES", nodes),
        ])
    };
    let both = |cpus| {
        [
            named("SLURM_CPUS_ON_NODE", cpus),
            named("SLURM_JOB_CPUS_PER_NODE", cpus),
        ]
    };
    assert_eq!(on("1"), both(Some(16.0)));
    assert_eq!(on("2"), both(None));
    assert_eq!(on("many"), both(None));
}

#[test]
fn slurms_list_of_different_nodes_is_no_number() {
    let variables = [
        ("SLURM_JOB_CPUS_PER_NODE", "16(x2),8"),
        ("SLURM_JOB_NUM_NODES", "1"),
    ];
    assert_eq!(told(&variables), [named("SLURM_JOB_CPUS_PER_NODE", None)]);
}

#[test]
fn pbs_counts_inside_a_job_only() {
    assert_eq!(told(&[("NCPUS", "8")]), []);
    let inside = [("NCPUS", "8"), ("PBS_JOBID", "1.host")];
    assert_eq!(told(&inside), [named("NCPUS", Some(8.0))]);
}

#[test]
fn torque_counts_a_node_and_a_job_on_one() {
    let on = |nodes| {
        told(&[
            ("PBS_JOBID", "1"),
            ("PBS_NUM_PPN", "4"),
            ("PBS_NP", "8"),
            ("PBS_NUM_NODES", nodes),
        ])
    };
    let node = named("PBS_NUM_PPN", Some(4.0));
    assert_eq!(on("2"), [node.clone(), named("PBS_NP", None)]);
    assert_eq!(on("1"), [node, named("PBS_NP", Some(8.0))]);
}

#[test]
fn lsf_counts_this_host() {
    let one = [
        ("LSB_JOBID", "1"),
        ("LSB_MCPU_HOSTS", "a 4"),
        ("LSB_DJOB_NUMPROC", "4"),
    ];
    let both = [
        named("LSB_MCPU_HOSTS", Some(4.0)),
        named("LSB_DJOB_NUMPROC", Some(4.0)),
    ];
    assert_eq!(told(&one), both);
    let two = [
        ("LSB_JOBID", "1"),
        ("LSB_MCPU_HOSTS", "a 4 b 2"),
        ("LSB_DJOB_NUMPROC", "6"),
    ];
    let neither = [
        named("LSB_MCPU_HOSTS", None),
        named("LSB_DJOB_NUMPROC", None),
    ];
    assert_eq!(told(&two), neither);
}

#[test]
fn grid_engine_counts_slots_on_one_host() {
    let job = [("JOB_ID", "1"), ("NSLOTS", "12"), ("NHOSTS", "1")];
    assert_eq!(told(&job), [named("NSLOTS", Some(12.0))]);
    let job = [("JOB_ID", "1"), ("NSLOTS", "12"), ("NHOSTS", "3")];
    assert_eq!(told(&job), [named("NSLOTS", None)]);
}

#[test]
fn nonsense_is_shown_and_ignored() {
    for value in ["", "0", "-4", "four"] {
        let told = told(&[("SLURM_CPUS_PER_TASK", value)]);
        assert_eq!(told, [named("SLURM_CPUS_PER_TASK", None)], "{value}");
    }
}
