//! The budget where files say what they should not, or can't be read.

use poolkeeper::budget::{Budget, Observed, SourceKind, SourceStatus};
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Files made for one test.
struct Tree(PathBuf);

impl Tree {
    fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "budget-{}-{}",
            std::process::id(),
            MADE.fetch_add(1, Ordering::Relaxed)
        );
        let tree = Tree(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name));
        std::fs::create_dir_all(&tree.0).unwrap();
        tree
    }

    /// A system with version 2, and the process in `/outer/inner`.
    fn v2() -> Self {
        let tree = Tree::new();
        tree.write("proc/self/cgroup", "0::/outer/inner\n");
        tree.write(
            "proc/self/mountinfo",
            "33 24 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        );
        tree.folder("sys/fs/cgroup/outer/inner");
        tree
    }

    /// A system with version 1, and the process in `/outer/inner`.
    fn v1() -> Self {
        let tree = Tree::new();
        tree.write("proc/self/cgroup", "4:cpu,cpuacct:/outer/inner\n");
        tree.write(
            "proc/self/mountinfo",
            "33 24 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n",
        );
        tree.folder("sys/fs/cgroup/cpu/outer/inner");
        tree
    }

    fn write(&self, path: &str, contents: impl AsRef<[u8]>) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }

    /// Also what can't be read where a file should be, whoever runs the tests.
    fn folder(&self, path: &str) {
        std::fs::create_dir_all(self.0.join(path)).unwrap();
    }

    fn budget(&self, cpus: u32) -> Budget {
        let mask: Vec<u32> = (0..cpus).collect();
        Budget::read(&Observed::under(&self.0, &[], &mask)).unwrap()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // What is left behind is in cargo's own folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const CGROUP: &str = "sys/fs/cgroup";
const NUMBERS: &str = "ignored: not a quota and a period in microseconds";
const FIELDS: &str = "ignored: not a quota and a period";

/// The sources of one kind that did not decide, in words.
fn others(budget: &Budget, kind: SourceKind) -> Vec<String> {
    let of_kind = budget.sources.iter().filter(|source| source.kind == kind);
    of_kind
        .filter(|source| source.status != SourceStatus::Decides)
        .map(|source| match (source.cpus, source.status.note()) {
            (Some(cpus), _) => format!("allows {cpus}"),
            (None, note) => format!("{}: {}", source.status.name(), note.unwrap_or("")),
        })
        .collect()
}

#[test]
fn cpu_max_that_sets_no_limit_says_how() {
    let cases: [(&[u8], &str); 17] = [
        (b"", "no-limit: the file is empty"),
        (b" \n", "no-limit: the file is empty"),
        (b"max 100000\n", "no-limit: no quota"),
        (b"max", "no-limit: no quota"),
        (b"max 100000 1", FIELDS),
        (b"1 2 3", FIELDS),
        (b"50000 0", NUMBERS),
        (b"0 100000", NUMBERS),
        (b"0", NUMBERS),
        (b"-1 100000", NUMBERS),
        (b"100000 -1", NUMBERS),
        (b"1.5 100000", NUMBERS),
        (b"many 100000", NUMBERS),
        (b"0x10 100000", NUMBERS),
        (b"18446744073709551616 100000", NUMBERS),
        (b"\xff\xfe\x00 100000", NUMBERS),
        (b"18446744073709551615 1", "allows 18446744073709552000"),
    ];
    for (text, words) in cases {
        let tree = Tree::v2();
        tree.write(&format!("{CGROUP}/outer/inner/cpu.max"), text);
        let budget = tree.budget(8);
        let name = String::from_utf8_lossy(text);
        assert_eq!((budget.cpus, budget.exact), (8, 8.0), "{name:?}");
        assert_eq!(others(&budget, SourceKind::Quota), [words], "{name:?}");
    }
}

#[test]
fn cpu_max_in_odd_forms_is_understood() {
    for (text, cpus, exact) in [
        ("150000", 1, 1.5),
        ("150000 100000", 1, 1.5),
        (" 300000\t100000\n\n", 3, 3.0),
        ("1000 1000000", 1, 0.001),
    ] {
        let tree = Tree::v2();
        tree.write(&format!("{CGROUP}/outer/inner/cpu.max"), text);
        let budget = tree.budget(8);
        assert_eq!((budget.cpus, budget.exact), (cpus, exact), "{text:?}");
        assert_eq!(budget.deciding().kind, SourceKind::Quota, "{text:?}");
        assert_eq!(budget.deciding().value, text.trim(), "{text:?}");
    }
}

#[test]
fn a_v1_quota_that_is_no_limit_says_how() {
    for (quota, period, words) in [
        ("-1", "100000", "no-limit: no quota"),
        ("-1", "0", "no-limit: no quota"),
        ("", "100000", "no-limit: the file is empty"),
        ("-2", "100000", NUMBERS),
        ("0", "100000", NUMBERS),
        ("150000", "0", NUMBERS),
        ("150000", "-100000", NUMBERS),
        ("150000", "", NUMBERS),
        ("max", "100000", NUMBERS),
        ("99999999999999999999", "100000", NUMBERS),
    ] {
        let tree = Tree::v1();
        tree.write(&format!("{CGROUP}/cpu/outer/inner/cpu.cfs_quota_us"), quota);
        tree.write(
            &format!("{CGROUP}/cpu/outer/inner/cpu.cfs_period_us"),
            period,
        );
        let budget = tree.budget(8);
        assert_eq!(budget.exact, 8.0, "{quota:?} {period:?}");
        let told = others(&budget, SourceKind::Quota);
        assert_eq!(told, [words], "{quota:?} {period:?}");
    }
}

#[test]
fn a_v1_quota_without_a_period_has_the_kernels_default() {
    let tree = Tree::v1();
    tree.write(&format!("{CGROUP}/cpu/outer/cpu.cfs_quota_us"), "250000\n");
    assert_eq!(tree.budget(8).exact, 2.5);
}

#[test]
fn what_is_malformed_inside_does_not_hide_what_is_outside() {
    let tree = Tree::v2();
    tree.write(&format!("{CGROUP}/outer/cpu.max"), "200000 100000");
    tree.write(&format!("{CGROUP}/outer/inner/cpu.max"), "lots");
    tree.write(&format!("{CGROUP}/outer/cpuset.cpus.effective"), "0-2");
    tree.write(&format!("{CGROUP}/outer/inner/cpuset.cpus.effective"), "0-");
    let budget = tree.budget(8);
    assert_eq!(budget.exact, 2.0);
    assert_eq!(budget.deciding().place, "/sys/fs/cgroup/outer/cpu.max");
    assert_eq!(others(&budget, SourceKind::Quota), [NUMBERS]);
    let cpusets = others(&budget, SourceKind::Cpuset);
    assert_eq!(cpusets, ["ignored: not a list of CPUs", "allows 3"]);
}

#[test]
fn what_cannot_be_read_is_shown() {
    let unreadable = |tree: Tree, path: &str, kind: SourceKind, place: &str| {
        tree.folder(path);
        let budget = tree.budget(8);
        assert_eq!(budget.exact, 8.0, "{path}");
        let mut sources = budget.sources.iter();
        let source = sources.find(|source| source.kind == kind && source.place == place);
        let source = source.unwrap_or_else(|| panic!("{path}: not shown"));
        let is_unknown = matches!(source.status, SourceStatus::Unknown(_));
        assert!(is_unknown, "{path}: {source:?}");
        // A quota may be lower; a cpuset is kept by the affinity mask.
        let is_said = budget.unknown().any(|said| said == source);
        assert_eq!(is_said, kind == SourceKind::Quota, "{path}");
    };
    let quota = "outer/inner/cpu.cfs_quota_us";
    let shown = format!("/{CGROUP}/cpu/{quota}");
    let path = format!("{CGROUP}/cpu/{quota}");
    unreadable(Tree::v1(), &path, SourceKind::Quota, &shown);
    let tree = Tree::v1();
    tree.write(&path, "100000");
    let period = format!("{CGROUP}/cpu/outer/inner/cpu.cfs_period_us");
    unreadable(tree, &period, SourceKind::Quota, &shown);
    for (file, kind) in [
        ("cpu.max", SourceKind::Quota),
        ("cpuset.cpus.effective", SourceKind::Cpuset),
    ] {
        let path = format!("{CGROUP}/outer/inner/{file}");
        unreadable(Tree::v2(), &path, kind, &format!("/{path}"));
    }
    for path in ["proc/self/cgroup", "proc/self/mountinfo"] {
        let tree = Tree::v2();
        std::fs::remove_file(tree.0.join(path)).unwrap();
        unreadable(tree, path, SourceKind::Quota, &format!("/{path}"));
    }
}

#[test]
fn a_system_without_cgroups_has_its_mask() {
    for missing in ["proc/self/cgroup", "proc/self/mountinfo"] {
        let tree = Tree::v2();
        tree.write(&format!("{CGROUP}/outer/cpu.max"), "200000 100000");
        std::fs::remove_file(tree.0.join(missing)).unwrap();
        let budget = tree.budget(8);
        let kinds: Vec<_> = budget.sources.iter().map(|source| source.kind).collect();
        assert_eq!(kinds, [SourceKind::Affinity], "{missing}");
    }
}

#[test]
fn a_list_of_running_cpus_that_is_none_is_ignored() {
    for text in ["", "all", "0-", "4-2", "0-99999999"] {
        let tree = Tree::v2();
        tree.write("sys/devices/system/cpu/online", text);
        let budget = tree.budget(8);
        assert_eq!(budget.deciding().kind, SourceKind::Affinity, "{text:?}");
        let told = others(&budget, SourceKind::Machine);
        assert_eq!(told, ["ignored: not a list of CPUs"], "{text:?}");
    }
}

/// As containerd names groups where the kubelet's driver is another than its
/// own (opentelemetry-java #4507); not every clone can have colons in names.
#[test]
fn colons_in_a_groups_name_are_part_of_it() {
    let path = "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:ee4b20e9";
    let tree = Tree::v1();
    tree.write("proc/self/cgroup", format!("9:cpuacct,cpu:{path}\n"));
    tree.write(&format!("{CGROUP}/cpu{path}/cpu.cfs_quota_us"), "300000");
    assert_eq!(tree.budget(8).exact, 3.0);
}

/// A word of a mount's line: mostly such as mean something.
fn word() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "1",
        "2",
        "3",
        "-",
        "/",
        "/..",
        "/../..",
        "/a",
        "/a/b",
        "/m",
        "/m/a",
        "\\040",
        "\\777",
        "\\",
        "cgroup",
        "cgroup2",
        "tmpfs",
        "rw",
        "rw,cpu",
        "rw,cpuset",
        "shared:1",
        "",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

fn mounts() -> impl Strategy<Value = String> {
    let id = 0..4_u32;
    let place = prop::sample::select(vec!["/", "/..", "/../..", "/a", "/a/b", "/m", "/m/a"]);
    let kind = prop::sample::select(vec!["cgroup2 x rw", "cgroup x rw,cpu,cpuset", "tmpfs x rw"]);
    let line =
        (id.clone(), id, place.clone(), place, kind).prop_map(|(id, parent, root, point, kind)| {
            format!("{id} {parent} 0:1 {root} {point} rw - {kind}")
        });
    let nonsense = prop::collection::vec(word(), 0..14).prop_map(|words| words.join(" "));
    let lines = prop::collection::vec(prop_oneof![3 => line, 1 => nonsense], 0..6);
    lines.prop_map(|lines| lines.join("\n"))
}

fn membership() -> impl Strategy<Value = String> {
    let head = prop::sample::select(vec!["0::", "3:cpu,cpuset:", "1:name=systemd:", "::", ""]);
    let path = prop::sample::select(vec!["/", "/a", "/a/b", "/..", "/../a", "/a (deleted)", "a"]);
    let line = prop_oneof![
        4 => (head, path).prop_map(|(head, path)| format!("{head}{path}")),
        1 => "\\PC{0,12}",
    ];
    let lines = prop::collection::vec(line, 0..4);
    lines.prop_map(|lines| lines.join("\n"))
}

fn contents() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "(max|-?[0-9]{1,21})( -?[0-9]{1,21}){0,2}\n?".prop_map(String::into_bytes),
        "[0-9,-]{0,12}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..24),
    ]
}

const FILES: [&str; 6] = [
    "cpu.max",
    "cpu.cfs_quota_us",
    "cpu.cfs_period_us",
    "cpuset.cpus",
    "cpuset.cpus.effective",
    "cpuset.effective_cpus",
];

proptest! {
    #[test]
    fn whatever_the_files_say_the_budget_is_within_the_mask(
        mounts in mounts(),
        membership in membership(),
        contents in prop::collection::vec(contents(), FILES.len() * 3 + 1),
        cpus in 1..=16_u32,
    ) {
        let tree = Tree::new();
        tree.write("proc/self/mountinfo", mounts);
        tree.write("proc/self/cgroup", membership);
        let mut contents = contents.iter();
        for folder in ["m", "m/a", "m/a/b"] {
            for file in FILES {
                tree.write(&format!("{folder}/{file}"), contents.next().unwrap());
            }
        }
        tree.write("sys/devices/system/cpu/online", contents.next().unwrap());
        let budget = tree.budget(cpus);
        prop_assert!(budget.cpus >= 1 && budget.cpus <= cpus);
        prop_assert!(budget.exact > 0.0 && budget.exact <= f64::from(cpus));
        prop_assert_eq!(budget.deciding().cpus, Some(budget.exact));
    }

    /// On groups as they should be, the budget is the smallest quota of any level.
    #[test]
    fn the_smallest_quota_of_all_levels_decides(
        quotas in prop::collection::vec(prop::option::of(1000..2_000_000_u64), 1..6),
        period in 1000..1_000_000_u64,
        is_v2: bool,
    ) {
        let tree = if is_v2 { Tree::v2() } else { Tree::v1() };
        let mount = if is_v2 { CGROUP.to_owned() } else { format!("{CGROUP}/cpu") };
        let mut group = String::new();
        for quota in &quotas {
            group.push_str("/g");
            let folder = format!("{mount}{group}");
            let put = |file: &str, text: String| tree.write(&format!("{folder}/{file}"), text);
            if is_v2 {
                let quota = quota.map_or("max".to_owned(), |quota| quota.to_string());
                put("cpu.max", format!("{quota} {period}\n"));
            } else {
                let quota = quota.map_or("-1".to_owned(), |quota| quota.to_string());
                put("cpu.cfs_quota_us", quota);
                put("cpu.cfs_period_us", period.to_string());
            }
        }
        let head = if is_v2 { "0::" } else { "7:cpu:" };
        tree.write("proc/self/cgroup", format!("{head}{group}\n"));
        let cpus = |quota: &u64| *quota as f64 / period as f64;
        let smallest = quotas.iter().flatten().map(cpus).fold(16.0, f64::min);
        prop_assert_eq!(tree.budget(16).exact, smallest);
    }
}
