//! Schedulers', launchers' and platforms' variables as their manuals show them.

use super::*;
use crate::budget::source::{For, Source, SourceStatus};

/// What each source allows, by its name; `None` where it is ignored.
fn told(variables: &[(&str, &str)]) -> Vec<(String, Option<f64>)> {
    let observed = Observed::under("/nowhere", variables, &[0]);
    let sources = super::told(&observed).sources;
    sources
        .into_iter()
        .map(|source| (source.place, source.cpus))
        .collect()
}

/// What is said of each source.
fn notes(variables: &[(&str, &str)]) -> Vec<String> {
    let observed = Observed::under("/nowhere", variables, &[0]);
    let sources = super::told(&observed).sources;
    let notes = sources.iter().filter_map(Source::note);
    notes.map(str::to_owned).collect()
}

/// The processes of each launcher on this node, by the variable's name.
fn processes(variables: &[(&str, &str)]) -> Vec<(&'static str, u32)> {
    let observed = Observed::under("/nowhere", variables, &[0]);
    let launched = super::told(&observed).launched;
    launched
        .into_iter()
        .map(|one| (one.place, one.processes))
        .collect()
}

fn named(name: &str, cpus: Option<f64>) -> (String, Option<f64>) {
    (name.to_owned(), cpus)
}

#[test]
fn every_variable_is_in_the_table_once() {
    let mut names: Vec<&str> = entries()
        .flat_map(|entry| entry.variables.iter().map(|variable| variable.name))
        .collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    for entry in entries() {
        assert!(!entry.variables.is_empty() && !entry.documented.is_empty());
        let is_beside = |name| entry.beside.contains(name);
        assert!(entry.job.iter().all(is_beside), "{}", entry.name);
    }
}

#[test]
fn slurms_task_counts_wherever_the_job_runs() {
    let variables = [("SLURM_CPUS_PER_TASK", "6"), ("SLURM_JOB_NUM_NODES", "4")];
    assert_eq!(told(&variables), [named("SLURM_CPUS_PER_TASK", Some(6.0))]);
}

#[test]
fn slurms_node_counts_on_however_many_nodes() {
    let on = |nodes| {
        told(&[
            ("SLURM_CPUS_ON_NODE", "16"),
            ("SLURM_JOB_CPUS_PER_NODE", "16(x5)"),
            ("SLURM_JOB_NUM_NODES", nodes),
        ])
    };
    let both = [
        named("SLURM_CPUS_ON_NODE", Some(16.0)),
        named("SLURM_JOB_CPUS_PER_NODE", Some(16.0)),
    ];
    for nodes in ["1", "5", "many"] {
        assert_eq!(on(nodes), both, "{nodes}");
    }
    let alone = notes(&[("SLURM_CPUS_ON_NODE", "4")]);
    assert_eq!(alone, ["of this node; how many the job has is not said"]);
}

#[test]
fn slurms_list_of_different_nodes_is_taken_at_this_ones_place() {
    let on = |node: Option<&str>| {
        let list = [
            ("SLURM_JOB_CPUS_PER_NODE", "16(x2),8"),
            ("SLURM_JOB_NODELIST", "n[09-11]"),
        ];
        let own = node.map(|node| ("SLURMD_NODENAME", node));
        told(&list.into_iter().chain(own).collect::<Vec<_>>())
    };
    let says = |cpus| [named("SLURM_JOB_CPUS_PER_NODE", Some(cpus))];
    assert_eq!(on(Some("n10")), says(16.0));
    assert_eq!(on(Some("n11")), says(8.0));
    assert_eq!(on(Some("elsewhere")), says(8.0), "the smallest");
    assert_eq!(on(None), says(8.0), "the smallest");
    for list in ["", "16(x", "0", "sixteen"] {
        let none = [named("SLURM_JOB_CPUS_PER_NODE", None)];
        assert_eq!(told(&[("SLURM_JOB_CPUS_PER_NODE", list)]), none, "{list}");
    }
}

#[test]
fn slurms_tasks_of_a_step_share_the_node() {
    const TASKS: &str = "SLURM_STEP_TASKS_PER_NODE";
    let nodes = ("SLURM_STEP_NODELIST", "n[1-3]");
    assert_eq!(processes(&[(TASKS, "8")]), [(TASKS, 8)]);
    assert_eq!(processes(&[(TASKS, "8(x3)")]), [(TASKS, 8)]);
    let on = |node| processes(&[(TASKS, "8(x2),1"), nodes, ("SLURMD_NODENAME", node)]);
    assert_eq!(on("n2"), [(TASKS, 8)]);
    assert_eq!(on("n3"), [(TASKS, 1)]);
    assert_eq!(on("n4"), [(TASKS, 8)], "the largest");
    assert_eq!(processes(&[(TASKS, "none")]), []);
    // What a batch script was asked for is not what runs beside it.
    assert_eq!(processes(&[("SLURM_TASKS_PER_NODE", "8")]), []);
}

#[test]
fn slurms_cpus_for_gpus_follow_the_gpus() {
    let with = |name, value| {
        let variables = [("SLURM_CPUS_PER_GPU", "7"), (name, value)];
        let observed = Observed::under("/nowhere", &variables, &[0]);
        let source = super::told(&observed).sources.remove(0);
        (source.cpus, source.counts)
    };
    assert_eq!(with("SLURM_GPUS_PER_TASK", "1"), (Some(7.0), For::Task));
    assert_eq!(
        with("SLURM_GPUS_PER_TASK", "a100:2"),
        (Some(14.0), For::Task)
    );
    assert_eq!(with("SLURM_NTASKS_PER_GPU", "2"), (Some(3.5), For::Task));
    assert_eq!(with("SLURM_GPUS_ON_NODE", "8"), (Some(56.0), For::Node));
    assert_eq!(
        with("SLURM_GPUS_PER_NODE", "gpu:8"),
        (Some(56.0), For::Node)
    );
    assert_eq!(with("SLURM_JOB_GPUS", "0,1,2,3"), (Some(28.0), For::Node));
    assert_eq!(with("HOME", "x"), (Some(7.0), For::Task), "one GPU");
    // A whole job's GPUs are this node's if it has no other.
    assert_eq!(with("SLURM_GPUS", "8"), (Some(7.0), For::Task), "one GPU");
    let job = [
        ("SLURM_CPUS_PER_GPU", "7"),
        ("SLURM_GPUS", "8"),
        ("SLURM_JOB_NUM_NODES", "1"),
    ];
    assert_eq!(told(&job), [named("SLURM_CPUS_PER_GPU", Some(56.0))]);
    assert_eq!(
        told(&[("SLURM_CPUS_PER_GPU", "a")]),
        [named("SLURM_CPUS_PER_GPU", None)]
    );
}

#[test]
fn slurms_resources_of_a_task_count_where_its_cpus_are_not_said() {
    const TRES: &str = "SLURM_TRES_PER_TASK";
    for value in ["cpu=4,gres/gpu=1", "gres/gpu:1,cpu:4"] {
        assert_eq!(told(&[(TRES, value)]), [named(TRES, Some(4.0))]);
        let both = told(&[(TRES, value), ("SLURM_CPUS_PER_TASK", "2")]);
        assert_eq!(both, [named("SLURM_CPUS_PER_TASK", Some(2.0))]);
    }
    assert_eq!(told(&[(TRES, "gres/gpu=1")]), [named(TRES, None)]);
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
fn a_count_of_the_whole_job_is_taken_for_one_node_where_none_is_said() {
    let jobs: [&[(&str, &str)]; 3] = [
        &[("PBS_JOBID", "1"), ("PBS_NP", "8")],
        &[("LSB_JOBID", "1"), ("LSB_DJOB_NUMPROC", "8")],
        &[("JOB_ID", "1"), ("NSLOTS", "8")],
    ];
    for job in jobs {
        assert_eq!(told(job), [named(job[1].0, Some(8.0))]);
        assert!(notes(job)[0].ends_with("taken as one"), "{job:?}");
    }
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

#[test]
fn a_host_that_is_listed_twice_has_both() {
    let job = [
        ("LSB_JOBID", "1"),
        ("LSB_MCPU_HOSTS", "a 4 A.site.org 2"),
        ("LSB_DJOB_NUMPROC", "6"),
    ];
    let both = [
        named("LSB_MCPU_HOSTS", Some(6.0)),
        named("LSB_DJOB_NUMPROC", Some(6.0)),
    ];
    assert_eq!(told(&job), both);
    let job = [("LSB_JOBID", "1"), ("LSB_MCPU_HOSTS", "a 4 a many")];
    assert_eq!(told(&job), [named("LSB_MCPU_HOSTS", None)]);
}

#[test]
fn launchers_tell_their_processes() {
    let plain = [
        "OMPI_COMM_WORLD_LOCAL_SIZE",
        "MPI_LOCALNRANKS",
        "MV2_COMM_WORLD_LOCAL_SIZE",
        "MVP_COMM_WORLD_LOCAL_SIZE",
        "PALS_LOCAL_SIZE",
        "PMI_LOCAL_SIZE",
        "JSM_NAMESPACE_LOCAL_SIZE",
        "HOROVOD_LOCAL_SIZE",
        "LOCAL_WORLD_SIZE",
    ];
    for name in plain {
        assert_eq!(processes(&[(name, "8")]), [(name, 8)]);
        for value in ["", "0", "-1", "1.5", "eight", "9999999999"] {
            assert_eq!(processes(&[(name, value)]), [], "{name}={value}");
            assert_eq!(told(&[(name, value)]), [named(name, None)]);
        }
    }
    assert_eq!(processes(&[("LOCAL_SIZE", "8")]), [], "anybody's name");
    let deepspeed = [("LOCAL_SIZE", "8"), ("CROSS_SIZE", "1")];
    assert_eq!(processes(&deepspeed), [("LOCAL_SIZE", 8)]);
}

#[test]
fn flux_tells_tasks_of_the_job() {
    let on = |tasks, nodes: Option<&'static str>, local| {
        let mut variables = vec![("FLUX_JOB_SIZE", tasks), ("FLUX_TASK_LOCAL_ID", local)];
        variables.extend(nodes.map(|nodes| ("FLUX_JOB_NNODES", nodes)));
        processes(&variables).first().map(|(_, tasks)| *tasks)
    };
    assert_eq!(on("2", Some("1"), "0"), Some(2));
    assert_eq!(on("5", Some("2"), "0"), Some(3));
    assert_eq!(on("5", Some("2"), "3"), Some(4), "four are here");
    assert_eq!(on("5", None, "0"), Some(5));
    assert_eq!(on("0", Some("1"), "0"), None);
    assert_eq!(processes(&[("FLUX_JOB_SIZE", "2")]), [], "no task of it");
}

#[test]
fn users_and_platforms_say_how_many_cpus_programs_may_use() {
    let plain = [
        "PYTHON_CPU_COUNT",
        "LOKY_MAX_CPU_COUNT",
        "GOMAXPROCS",
        "MC_CORES",
        "BIOCPARALLEL_WORKER_NUMBER",
        "DOTNET_PROCESSOR_COUNT",
        "JULIA_CPU_THREADS",
        "AG_CPU_COUNT",
        "CPU_LIMIT",
        "PJM_VNODE_CORE",
        "PJM_NODE_CORE",
    ];
    for name in plain {
        assert_eq!(told(&[(name, "4")]), [named(name, Some(4.0))]);
        assert_eq!(told(&[(name, "many")]), [named(name, None)]);
    }
    let one = |name, value| told(&[(name, value)])[0].1;
    assert_eq!(one("CPU_LIMIT", "2.0"), Some(2.0));
    assert_eq!(one("CPU_LIMIT", "500m"), Some(0.5));
    assert_eq!(one("MC_CORES", "0"), Some(1.0));
    assert_eq!(one("PYTHON_CPU_COUNT", "default"), None);
    assert_eq!(one("NOMAD_CPU_CORES", "0,5-7"), Some(4.0));
    assert_eq!(one("NOMAD_CPU_CORES", "4 cores"), None);
}

#[test]
fn what_poolkeeper_wrote_is_nobodys_choice() {
    let mark = ("POOLKEEPER_SET", "cpus=4,openmp=4,blas=1");
    assert_eq!(told(&[mark, ("PYTHON_CPU_COUNT", "4")]), []);
    let theirs = [named("PYTHON_CPU_COUNT", Some(3.0))];
    assert_eq!(told(&[mark, ("PYTHON_CPU_COUNT", "3")]), theirs);
}

#[test]
fn a_job_has_a_name() {
    let of = |variables: &[(&'static str, &'static str)]| {
        let variables = variables.to_vec();
        job(|name| Some(variables.iter().find(|(known, _)| *known == name)?.1))
    };
    assert_eq!(of(&[]), None);
    assert_eq!(of(&[("SLURM_JOB_ID", "17")]).as_deref(), Some("Slurm:17"));
    assert_eq!(of(&[("FLUX_JOB_ID", "f1")]).as_deref(), Some("Flux:f1"));
}

#[test]
fn a_file_that_cannot_be_read_is_unknown() {
    let job = [
        ("JOB_ID", "1"),
        ("NSLOTS", "4"),
        ("NHOSTS", "2"),
        ("PE_HOSTFILE", "/no/such"),
    ];
    let observed = Observed::under("/nowhere", &job, &[0]);
    let file = super::told(&observed).sources.remove(0);
    assert!(matches!(file.status, SourceStatus::Unknown(_)), "{file:?}");
    assert_eq!(file.value, "/no/such");
}
