//! The doctor's rules on machines and processes that aren't here.

use poolkeeper::doctor::{Facts, Host, PoolFacts, Report, Room, Severity, diagnose, safe_threads};
use std::num::NonZeroU32;

/// An OpenBLAS on pthreads as the wheels have it, with so many threads.
fn openblas(file: &str, threads: u32) -> PoolFacts {
    let mut found = PoolFacts::described("openblas", file, threads).unwrap();
    found.pool.threading_layer = Some("pthreads".to_owned());
    found.pool.version = Some("0.3.30".to_owned());
    found.pool.max_threads = NonZeroU32::new(64);
    found.pool.capacity = Some(128 - threads);
    found.workers = threads - 1;
    found
}

/// A machine with so many CPUs on which nothing holds a program back.
fn machine(cpus: u32, pools: Vec<PoolFacts>) -> Facts {
    let facts = Facts {
        pools,
        ..Facts::default()
    };
    let mut facts = facts.on_machine(cpus).unwrap();
    facts.cpus.is_pretended = false;
    facts
}

/// The story: two OpenBLAS of 32 threads and a libgomp of 128, on 128 CPUs.
fn story() -> Facts {
    let mut facts = machine(128, Vec::new());
    facts.pools = vec![
        openblas("/numpy.libs/libscipy_openblas64_.so", 32),
        openblas("/scipy.libs/libscipy_openblas.so", 32),
        PoolFacts::described("libgomp", "/scikit_learn.libs/libgomp.so.1", 128).unwrap(),
    ];
    facts
}

fn codes(report: &Report, severity: Severity) -> Vec<&'static str> {
    let found = report.findings.iter();
    found
        .filter(|finding| finding.severity == severity)
        .map(|finding| finding.code)
        .collect()
}

#[test]
fn the_storys_machine_is_in_danger() {
    let report = diagnose(&story());
    assert_eq!(codes(&report, Severity::Error), ["PK101"]);
    let finding = &report.findings[0];
    assert!(
        finding.summary.contains("128 OpenMP threads"),
        "{}",
        finding.summary
    );
    assert!(
        finding.summary.ends_with("safe with 96."),
        "{}",
        finding.summary
    );
    assert_eq!(
        finding.fix.shell,
        Some(format!(
            "export OMP_NUM_THREADS={}",
            last_number(&finding.summary)
        ))
    );
    assert!(!report.is_healthy);
}

#[test]
fn the_storys_two_limits_make_it_safe() {
    let mut facts = story();
    for found in &mut facts.pools {
        let threads = if found.pool.runtime == "libgomp" {
            8
        } else {
            4
        };
        found.pool.num_threads = NonZeroU32::new(threads);
        if let Some(capacity) = &mut found.pool.capacity {
            *capacity = 128 - threads;
        }
    }
    let report = diagnose(&facts);
    assert!(report.is_healthy, "{report:?}");
}

#[test]
fn a_laptop_predicts_the_large_machine() {
    let laptop = machine(
        8,
        vec![
            openblas("/numpy.libs/libscipy_openblas64_.so", 8),
            PoolFacts::described("libgomp", "/scikit_learn.libs/libgomp.so.1", 8).unwrap(),
        ],
    );
    assert!(diagnose(&laptop).is_healthy);
    let large = laptop.on_machine(128).unwrap();
    let threads: Vec<_> = large
        .pools
        .iter()
        .map(|found| found.pool.num_threads)
        .collect();
    // OpenBLAS is built for 64.
    assert_eq!(threads, [NonZeroU32::new(64), NonZeroU32::new(128)]);
    assert_eq!(codes(&diagnose(&large), Severity::Error), ["PK101"]);
    assert!(diagnose(&laptop.on_machine(64).unwrap()).is_healthy);
}

#[test]
fn a_limit_holds_on_the_large_machine_and_the_workers_are_there_all_the_same() {
    let mut laptop = machine(8, vec![openblas("/numpy.libs/libscipy_openblas64_.so", 1)]);
    laptop.pools[0].is_limited = true;
    let mut large = laptop.on_machine(128).unwrap();
    assert_eq!(large.pools[0].pool.num_threads, NonZeroU32::new(1));
    assert_eq!(large.pools[0].workers, 63);
    large
        .pools
        .push(PoolFacts::described("libgomp", "/libgomp.so.1", 66).unwrap());
    let report = diagnose(&large);
    assert!(
        report.findings[0].summary.ends_with("safe with 64."),
        "{report:?}"
    );
}

#[test]
fn a_variable_holds_on_the_large_machine_too() {
    let mut facts = machine(8, vec![openblas("/numpy.libs/libscipy_openblas64_.so", 2)]);
    let variables = &mut facts.environment;
    variables
        .now
        .insert("OPENBLAS_NUM_THREADS".into(), "2".into());
    let large = facts.on_machine(128).unwrap();
    assert_eq!(large.pools[0].pool.num_threads, NonZeroU32::new(2));
}

#[test]
fn a_quota_below_what_the_libraries_counted() {
    let mut facts = machine(192, vec![openblas("/libopenblas.so", 64)]);
    facts.cpus.budget = 12;
    facts.cpus.source = "the container's quota in /sys/fs/cgroup/cpu.max".to_owned();
    let report = diagnose(&facts);
    assert_eq!(codes(&report, Severity::Warning), ["PK202"]);
    let evidence: Vec<_> = report.findings[0]
        .evidence
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        evidence[1].contains("/sys/fs/cgroup/cpu.max"),
        "{evidence:?}"
    );
}

#[test]
fn a_container_without_room_for_the_threads() {
    let openmp = PoolFacts::described("libgomp", "/libgomp.so.1", 64).unwrap();
    let mut facts = machine(64, vec![openmp]);
    facts.system.threads = vec![Room {
        place: "/sys/fs/cgroup/pids.max".to_owned(),
        limit: 50,
        used: 10,
    }];
    let report = diagnose(&facts);
    assert_eq!(codes(&report, Severity::Error), ["PK601"]);
    assert_eq!(
        report.findings[0].fix.shell.as_deref(),
        Some("export OMP_NUM_THREADS=41")
    );
    // Those that it has started already are counted by the limit.
    facts.pools[0].workers = 40;
    assert!(diagnose(&facts).is_healthy);
}

#[test]
fn threads_that_call_no_blas_endanger_none() {
    for runtime in ["kmeans", "lightgbm"] {
        let wide = PoolFacts::described(runtime, "/of/its/own.so", 128).unwrap();
        let mut facts = machine(128, vec![openblas("/libopenblas.so", 32), wide]);
        facts.pools[1].pool.num_threads = NonZeroU32::new(128);
        let report = diagnose(&facts);
        assert!(report.is_healthy, "{runtime}: {report:?}");
        let noted = codes(&report, Severity::Note);
        assert!(!noted.contains(&"PK203"), "{runtime}: {noted:?}");
        assert!(!noted.contains(&"PK205"), "{runtime}: {noted:?}");
        assert_eq!(safe_threads(&facts), [], "{runtime}");
    }
}

#[test]
fn only_openmp_runtimes_bind_their_threads() {
    let openmp = PoolFacts::described("libgomp", "/libgomp.so.1", 4).unwrap();
    let mut facts = machine(4, vec![openmp]);
    let bound = facts
        .environment
        .now
        .insert("OMP_PROC_BIND".into(), "true".into());
    assert_eq!(bound, None);
    let kmeans = PoolFacts::described("kmeans", "/_native.so", 4).unwrap();
    facts.pools.push(kmeans);
    assert_eq!(
        codes(&diagnose(&facts), Severity::Warning),
        Vec::<&str>::new()
    );
    let llvm = PoolFacts::described("libomp", "/libomp.so", 4).unwrap();
    facts.pools.push(llvm);
    assert_eq!(codes(&diagnose(&facts), Severity::Warning), ["PK302"]);
}

#[test]
fn a_pool_that_reads_a_variable_takes_its_number_to_the_large_machine() {
    let begins = |runtime: &str, variable: &str| {
        let found = PoolFacts::described(runtime, "/its.so", 8).unwrap();
        let mut facts = machine(8, vec![found]);
        let now = &mut facts.environment.now;
        now.insert(variable.to_owned(), "200".to_owned());
        let there = facts.on_machine(128).unwrap();
        there.pools[0].pool.num_threads.map(NonZeroU32::get)
    };
    assert_eq!(begins("libgomp", "OMP_NUM_THREADS"), Some(200));
    assert_eq!(begins("mkl", "MKL_NUM_THREADS"), Some(200));
    // These start no more threads than there are CPUs.
    assert_eq!(begins("openblas", "OPENBLAS_NUM_THREADS"), Some(128));
    assert_eq!(begins("kmeans", "OMP_NUM_THREADS"), Some(128));
    assert_eq!(begins("kmeans", "MKL_NUM_THREADS"), Some(128));
}

#[test]
fn k_means_takes_the_budget_and_not_what_libraries_count() {
    let mut facts = machine(8, Vec::new());
    facts.cpus.budget = 2;
    facts.pools = vec![PoolFacts::described("kmeans", "/_native.so", 2).unwrap()];
    let there = facts.on_machine(128).unwrap();
    assert_eq!(there.pools[0].pool.num_threads, NonZeroU32::new(128));
}

#[test]
fn a_build_without_threads_has_none_on_a_large_machine_either() {
    for (runtime, layer) in [("mkl", "sequential"), ("blis", "disabled")] {
        let mut found = PoolFacts::described(runtime, "/its.so", 1).unwrap();
        found.pool.threading_layer = Some(layer.to_owned());
        let facts = machine(1, vec![found]);
        let there = facts.on_machine(128).unwrap();
        assert_eq!(
            there.pools[0].pool.num_threads,
            NonZeroU32::new(1),
            "{runtime}"
        );
    }
}

#[test]
fn what_is_to_be_typed_names_the_variable_that_the_pool_reads() {
    let mut blis = PoolFacts::described("blis", "/libblis.so", 4).unwrap();
    blis.pool.threading_layer = Some("pthreads".to_owned());
    let openmp = PoolFacts::described("libgomp", "/libgomp.so.1", 4).unwrap();
    let facts = machine(4, vec![blis, openmp]);
    let report = diagnose(&facts);
    let mut findings = report.findings.iter();
    let finding = findings.find(|finding| finding.code == "PK205").unwrap();
    assert_eq!(
        finding.fix.shell.as_deref(),
        Some("export BLIS_NUM_THREADS=1")
    );
}

#[test]
fn findings_are_sorted_with_the_worst_first() {
    let mut facts = story();
    facts.cpus.budget = 4;
    let severities: Vec<_> = diagnose(&facts)
        .findings
        .iter()
        .map(|finding| finding.severity)
        .collect();
    assert!(severities.is_sorted(), "{severities:?}");
    assert_eq!(severities.first(), Some(&Severity::Error));
    assert_eq!(severities.last(), Some(&Severity::Note));
}

#[test]
fn a_machine_that_cannot_be_is_an_error() {
    for cpus in [0, poolkeeper::MAX_LIMIT + 1] {
        let error = Facts::default().on_machine(cpus).unwrap_err();
        assert_eq!(error.code(), "invalid-cpus");
    }
    let error = PoolFacts::described("openblass", "/x.so", 1).unwrap_err();
    assert!(error.to_string().contains("did you mean \"openblas\"?"));
}

#[test]
fn this_process_is_looked_at() {
    poolkeeper::doctor::remember_start();
    let facts = Facts::gather(Host::default()).unwrap();
    assert_eq!(
        facts.cpus.budget,
        poolkeeper::budget::budget().unwrap().cpus
    );
    assert_eq!(facts.cpus.mask_at_start.as_ref(), Some(&facts.cpus.mask));
    assert!(facts.environment.at_start.is_some());
    assert!(diagnose(&facts).is_healthy);
}

/// "... it is safe with 97." gives "97".
fn last_number(sentence: &str) -> &str {
    let last = sentence.trim_end_matches('.').rsplit(' ').next();
    last.expect("a sentence has words")
}
