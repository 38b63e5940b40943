//! The budget on trees of files as real systems have them: `budget/README.md`
//! says what each is.

use poolkeeper::budget::{Budget, Observed, Source, SourceKind, SourceStatus};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A tree, and what its budget has to be on CPUs 0 to 7.
struct Case {
    tree: &'static str,
    cpus: u32,
    exact: f64,
    decides: (SourceKind, &'static str),
    /// What the other quotas say, in the order of the sources.
    others: &'static [(&'static str, &'static str)],
}

const MACHINE: (SourceKind, &str) = (SourceKind::Machine, "/sys/devices/system/cpu/online");
const OWN_V1: &str = "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us";
const OWN_V2: &str = "/sys/fs/cgroup/cpu.max";
const MEMBERSHIP: &str = "/proc/self/cgroup";
const PARTLY: &str = "unknown: only groups above this one can be seen: its own quota may be lower";
const OUTSIDE: &str = "unknown: no mount shows this group: its quotas can't be seen";

const CONTAINERS: &[Case] = &[
    Case {
        tree: "docker_v1",
        cpus: 1,
        exact: 1.5,
        decides: (SourceKind::Quota, OWN_V1),
        others: &[],
    },
    Case {
        tree: "docker_v1_moved",
        cpus: 8,
        exact: 8.0,
        decides: MACHINE,
        others: &[(MEMBERSHIP, OUTSIDE)],
    },
    Case {
        tree: "docker_v2",
        cpus: 2,
        exact: 2.0,
        decides: (SourceKind::Quota, OWN_V2),
        others: &[],
    },
    Case {
        tree: "docker_v2_host_cgroupns",
        cpus: 3,
        exact: 3.5,
        decides: (
            SourceKind::Quota,
            "/sys/fs/cgroup/system.slice/docker-\
             5d2cb6cd5ef3f1a8e0b6b4c9a2f08e6f1c3a94d7b8e25f60a1d9c4e7b3f80612.scope/cpu.max",
        ),
        others: &[],
    },
    Case {
        tree: "docker_v2_leaf",
        cpus: 2,
        exact: 2.0,
        decides: (SourceKind::Quota, OWN_V2),
        others: &[],
    },
    Case {
        tree: "docker_v2_over_hosts_sys",
        cpus: 4,
        exact: 4.0,
        decides: (SourceKind::Quota, OWN_V2),
        others: &[],
    },
    Case {
        tree: "kubernetes_v1",
        cpus: 1,
        exact: 0.5,
        decides: (SourceKind::Quota, OWN_V1),
        others: &[],
    },
    Case {
        tree: "kubernetes_v1_pod_quota",
        cpus: 2,
        exact: 2.5,
        decides: (
            SourceKind::Quota,
            "/sys/fs/cgroup/cpu,cpuacct/kubepods/burstable/\
             podc101fead-5fa2-4525-97af-5894973b336e/cpu.cfs_quota_us",
        ),
        others: &[],
    },
    Case {
        tree: "kubernetes_v2_pod_quota",
        cpus: 3,
        exact: 3.0,
        decides: (
            SourceKind::Quota,
            "/sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/\
             kubepods-burstable-podc101fead_5fa2_4525_97af_5894973b336e.slice/cpu.max",
        ),
        others: &[],
    },
    Case {
        tree: "lxc",
        cpus: 1,
        exact: 1.5,
        decides: (SourceKind::Quota, OWN_V2),
        others: &[],
    },
    Case {
        tree: "podman_rootless",
        cpus: 2,
        exact: 2.5,
        decides: (
            SourceKind::Quota,
            "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\
             5d2cb6cd5ef3f1a8e0b6b4c9a2f08e6f1c3a94d7b8e25f60a1d9c4e7b3f80612.scope/cpu.max",
        ),
        others: &[],
    },
];

const HOSTS: &[Case] = &[
    Case {
        tree: "systemd_slices",
        cpus: 2,
        exact: 2.5,
        decides: (
            SourceKind::Quota,
            "/sys/fs/cgroup/user.slice/user-1000.slice/cpu.max",
        ),
        others: &[("/sys/fs/cgroup/user.slice/cpu.max", "allows 6")],
    },
    Case {
        tree: "hybrid",
        cpus: 3,
        exact: 3.0,
        decides: (
            SourceKind::Quota,
            "/sys/fs/cgroup/cpu,cpuacct/system.slice/job.service/cpu.cfs_quota_us",
        ),
        others: &[],
    },
    Case {
        tree: "wsl2",
        cpus: 8,
        exact: 8.0,
        decides: MACHINE,
        others: &[("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "no-limit: no quota")],
    },
    Case {
        tree: "cpuset_v1",
        cpus: 2,
        exact: 2.0,
        decides: (
            SourceKind::Cpuset,
            "/sys/fs/cgroup/cpuset/batch/job/cpuset.effective_cpus",
        ),
        others: &[(
            "/sys/fs/cgroup/cpu,cpuacct/batch/job/cpu.cfs_quota_us",
            "no-limit: no quota",
        )],
    },
    Case {
        tree: "cpuset_v2",
        cpus: 2,
        exact: 2.0,
        decides: (
            SourceKind::Cpuset,
            "/sys/fs/cgroup/batch.slice/job.scope/cpuset.cpus.effective",
        ),
        others: &[(
            "/sys/fs/cgroup/batch.slice/job.scope/cpu.max",
            "no-limit: no quota",
        )],
    },
];

const ODD_VIEWS: &[Case] = &[
    Case {
        tree: "several_mounts",
        cpus: 1,
        exact: 1.5,
        decides: (
            SourceKind::Quota,
            "/mnt/host/podc101fead-5fa2-4525-97af-5894973b336e/cpu.cfs_quota_us",
        ),
        others: &[(
            "/mnt/host/podc101fead-5fa2-4525-97af-5894973b336e/\
             5d2cb6cd5ef3f1a8e0b6b4c9a2f08e6f1c3a94d7b8e25f60a1d9c4e7b3f80612/cpu.cfs_quota_us",
            "allows 4",
        )],
    },
    Case {
        tree: "unshared_namespace",
        cpus: 4,
        exact: 4.0,
        decides: (SourceKind::Quota, OWN_V2),
        others: &[(MEMBERSHIP, PARTLY)],
    },
    Case {
        tree: "outside_namespace",
        cpus: 8,
        exact: 8.0,
        decides: MACHINE,
        others: &[(MEMBERSHIP, OUTSIDE)],
    },
    Case {
        tree: "removed_group",
        cpus: 3,
        exact: 3.0,
        decides: (
            SourceKind::Quota,
            "/sys/fs/cgroup/user.slice/user-1000.slice/cpu.max",
        ),
        others: &[(MEMBERSHIP, PARTLY)],
    },
    Case {
        tree: "not_mounted",
        cpus: 8,
        exact: 8.0,
        decides: MACHINE,
        others: &[(
            MEMBERSHIP,
            "unknown: this group's hierarchy is not mounted here: its quotas can't be seen",
        )],
    },
    Case {
        tree: "odd_names",
        cpus: 2,
        exact: 2.0,
        decides: (SourceKind::Quota, "/mnt/c g/a b/cpu.max"),
        others: &[],
    },
];

#[test]
fn containers_have_the_budget_that_they_were_given() {
    check(CONTAINERS);
}

#[test]
fn hosts_have_the_budget_of_the_process_group() {
    check(HOSTS);
}

#[test]
fn odd_views_of_the_groups_are_read_as_far_as_they_go() {
    check(ODD_VIEWS);
}

/// The pod of the issue that started this: 12 CPUs of a machine with 192.
#[test]
fn a_pod_on_a_large_machine_has_its_own_cpus() {
    let mask: Vec<u32> = (0..192).collect();
    let budget = read("kubernetes_v2", &mask);
    assert_eq!((budget.cpus, budget.exact), (12, 12.5));
    assert_eq!(budget.deciding().place, OWN_V2);
}

#[test]
fn cores_are_counted_within_the_mask() {
    let cores = |tree: &str, mask: &[u32]| {
        let budget = read(tree, mask);
        (budget.cpus, budget.physical_cores, budget.performance_cores)
    };
    let all = [0, 1, 2, 3, 4, 5, 6, 7];
    assert_eq!(cores("smt", &all), (8, Some(4), None));
    assert_eq!(cores("smt", &[0, 4, 5]), (3, Some(2), None));
    assert_eq!(cores("intel_hybrid", &all), (8, Some(6), Some(2)));
    assert_eq!(cores("intel_hybrid", &[1, 2, 4]), (3, Some(3), Some(2)));
    assert_eq!(cores("intel_hybrid", &[4, 5]), (2, Some(2), Some(0)));
    assert_eq!(cores("arm_big_little", &all[..6]), (6, Some(6), Some(2)));
    assert_eq!(cores("arm_big_little", &[0, 1]), (2, Some(2), Some(0)));
    assert_eq!(cores("offline", &[0, 1, 2, 4]), (4, Some(3), None));
    assert_eq!(cores("docker_v2", &[0, 1]), (2, None, None));
}

/// A tree that no test reads proves nothing.
#[test]
fn every_tree_is_read_by_a_test_and_described() {
    let of_cases = [CONTAINERS, HOSTS, ODD_VIEWS].into_iter().flatten();
    let mut named: BTreeSet<&str> = of_cases.map(|case| case.tree).collect();
    named.extend([
        "arm_big_little",
        "intel_hybrid",
        "kubernetes_v2",
        "offline",
        "smt",
    ]);
    let entries = std::fs::read_dir(trees()).unwrap();
    let entries = entries.map(|entry| entry.unwrap().path());
    let folders: BTreeSet<String> = entries
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(folders.iter().eq(named.iter()), "{folders:?}\n{named:?}");
    let readme = std::fs::read_to_string(trees().join("README.md")).unwrap();
    for tree in folders {
        assert!(readme.contains(&format!("`{tree}`")), "README.md: {tree}");
    }
}

fn check(cases: &[Case]) {
    let mask: Vec<u32> = (0..8).collect();
    for case in cases {
        let tree = case.tree;
        let budget = read(tree, &mask);
        let told = format!("{tree}: {:#?}", budget.sources);
        assert_eq!(
            (budget.cpus, budget.exact),
            (case.cpus, case.exact),
            "{told}"
        );
        let decides = budget.deciding();
        assert_eq!(
            (decides.kind, decides.place.as_str()),
            case.decides,
            "{told}"
        );
        let quotas = budget.sources.iter();
        let others: Vec<(&str, String)> = quotas
            .filter(|source| source.kind == SourceKind::Quota)
            .filter(|source| source.status != SourceStatus::Decides)
            .map(|source| (source.place.as_str(), in_words(source)))
            .collect();
        let expected = case.others.iter();
        let expected: Vec<(&str, String)> = expected
            .map(|(place, words)| (*place, (*words).to_owned()))
            .collect();
        assert_eq!(others, expected, "{told}");
    }
}

fn in_words(source: &Source) -> String {
    match (source.cpus, source.status.note()) {
        (Some(cpus), _) => format!("allows {cpus}"),
        (None, note) => format!("{}: {}", source.status.name(), note.unwrap_or("")),
    }
}

fn read(tree: &str, mask: &[u32]) -> Budget {
    let root = trees().join(tree);
    assert!(root.is_dir(), "{}", root.display());
    Budget::read(&Observed::under(root, &[], mask)).unwrap()
}

fn trees() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/budget")
}
