use super::*;
use crate::budget::environment;
use proptest::prelude::*;
use std::collections::HashMap;

type Environment = HashMap<String, String>;

fn share(cpus: u32) -> Share {
    Share::new(cpus, cpus, 1)
}

fn set(pairs: &[(&str, &str)]) -> Environment {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn changes(share: &Share, now: &Environment, force: bool) -> Changes {
    Changes::new(share, |name| now.get(name).cloned(), force)
}

fn apply(share: &Share, now: &mut Environment) -> Changes {
    let changes = changes(share, now, false);
    for (name, value) in &changes.set {
        now.insert((*name).to_owned(), value.clone());
    }
    changes
}

#[test]
fn what_the_user_set_stays_unless_forced() {
    let mut now = set(&[("OMP_NUM_THREADS", "3")]);
    let kept = changes(&share(2), &now, false).kept;
    assert_eq!(kept.len(), 1);
    assert_eq!((kept[0].value.as_str(), kept[0].ours), ("3", 2));
    let forced = changes(&share(2), &now, true);
    assert_eq!((forced.kept, forced.replaced), (vec![], vec![]));
    for (name, value) in forced.set {
        now.insert(name.to_owned(), value);
    }
    assert_eq!(now["OMP_NUM_THREADS"], "2");
}

#[test]
fn what_would_silence_the_users_number_is_no_larger() {
    let mut now = set(&[("OMP_NUM_THREADS", "1")]);
    let kept = apply(&Share::new(64, 64, 64), &mut now).kept;
    let silenced = [
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
    ];
    for name in silenced {
        assert_eq!(now[name], "1", "{name}");
    }
    assert_eq!(
        now["POLARS_MAX_THREADS"], "64",
        "it does not read OMP_NUM_THREADS"
    );
    assert_eq!(
        kept[0].followed_by,
        [
            "OPENBLAS_NUM_THREADS",
            "MKL_NUM_THREADS",
            "NUMEXPR_NUM_THREADS"
        ]
    );
    // A smaller number of their own counts for these.
    let mut now = set(&[("OMP_NUM_THREADS", "4"), ("GOTO_NUM_THREADS", "2")]);
    apply(&Share::new(64, 64, 64), &mut now);
    assert_eq!(
        (
            now["OPENBLAS_NUM_THREADS"].as_str(),
            now["MKL_NUM_THREADS"].as_str()
        ),
        ("2", "4")
    );
}

#[test]
fn what_is_no_number_is_replaced_and_told() {
    let values = [
        ("all", 2),
        ("0", 2),
        ("-1", 2),
        ("1.0", 1),
        ("500m", 1),
        ("9999999999", 2),
    ];
    for (value, number) in values {
        let mut now = set(&[("OMP_NUM_THREADS", value)]);
        let changes = apply(&Share::new(2, 2, 2), &mut now);
        assert_eq!(now["OMP_NUM_THREADS"], number.to_string(), "{value}");
        assert_eq!(now["OPENBLAS_NUM_THREADS"], number.to_string(), "{value}");
        assert_eq!(changes.kept, []);
        let told: Vec<_> = changes
            .replaced
            .iter()
            .map(|r| (r.name, r.value.as_str(), r.ours))
            .collect();
        assert_eq!(told, [("OMP_NUM_THREADS", value, number)]);
    }
}

#[test]
fn a_list_is_kept_and_its_first_number_counts() {
    let mut now = set(&[("OMP_NUM_THREADS", "1,4"), ("MKL_NUM_THREADS", "3,1")]);
    let changes = apply(&Share::new(2, 2, 2), &mut now);
    assert_eq!(now["OMP_NUM_THREADS"], "1,4");
    assert_eq!(now["OPENBLAS_NUM_THREADS"], "1");
    assert_eq!(now["MKL_NUM_THREADS"], "1", "it takes no list");
    assert_eq!(changes.replaced[0].name, "MKL_NUM_THREADS");
}

#[test]
fn what_poolkeeper_set_is_lowered_by_the_next_call_and_never_raised() {
    let mut now = Environment::new();
    for (cpus, expected) in [(8, "8"), (2, "2"), (4, "2")] {
        apply(&share(cpus), &mut now);
        assert_eq!(now["OMP_NUM_THREADS"], expected);
    }
    now.insert("OMP_NUM_THREADS".to_owned(), "5".to_owned());
    let kept = apply(&share(4), &mut now).kept;
    assert_eq!((now["OMP_NUM_THREADS"].as_str(), kept.len()), ("5", 1));
}

#[test]
fn a_number_that_is_the_shares_too_stays_the_users() {
    let mut now = set(&[("OMP_NUM_THREADS", "4")]);
    assert_eq!(apply(&share(4), &mut now).kept, []);
    let kept = apply(&share(2), &mut now).kept;
    assert_eq!((now["OMP_NUM_THREADS"].as_str(), kept.len()), ("4", 1));
}

#[test]
fn the_override_is_always_passed_on() {
    let now = set(&[("POOLKEEPER_CPUS", "4")]);
    let changes = changes(&share(2), &now, false);
    assert!(changes.set.contains(&("POOLKEEPER_CPUS", "2".to_owned())));
}

#[test]
fn a_limit_of_the_whole_tree_of_regions_is_told_beside_what_it_lowers() {
    let now = set(&[("OMP_NUM_THREADS", "8"), ("OMP_THREAD_LIMIT", "3")]);
    let kept = changes(&share(2), &now, false).kept;
    assert_eq!(kept[0].lowered_by, Some(("OMP_THREAD_LIMIT", 3)));
    assert_eq!(kept.len(), 1, "OMP_THREAD_LIMIT is none of ours");
}

#[test]
fn the_limit_of_loaded_pools_is_what_the_variables_say() {
    let request = |now: &[(&str, &str)]| changes(&Share::new(8, 8, 8), &set(now), false).request();
    let plain = Share::new(8, 8, 8).request();
    assert_eq!(request(&[]), plain);
    let libraries = [
        "openblas", "mkl", "blis", "libgomp", "libomp", "arrow", "kmeans",
    ];
    let each = |threads: u32| {
        let select = |request: Request, id| request.select(Selector::Runtime(id), threads);
        libraries.into_iter().fold(plain.clone(), select)
    };
    assert_eq!(request(&[("OMP_NUM_THREADS", "1")]), each(1));
    let only = plain.clone().select(Selector::Runtime("openblas"), 16);
    assert_eq!(request(&[("OPENBLAS_NUM_THREADS", "16")]), only);
    let reading = plain.clone().select(Selector::Runtime("arrow_io"), 5);
    assert_eq!(request(&[("ARROW_IO_THREADS", "5")]), reading);
    let forced = changes(
        &Share::new(8, 8, 8),
        &set(&[("OMP_NUM_THREADS", "1")]),
        true,
    );
    assert_eq!(forced.request(), plain);
}

/// Values that people, job scripts and container images really have, and worse.
fn some_value() -> impl Strategy<Value = String> {
    prop_oneof![
        (1..200u32).prop_map(|number| number.to_string()),
        prop::sample::select(vec![
            "",
            " ",
            "0",
            "all",
            "auto",
            "4,2",
            "1,",
            " 3 ",
            "1e3",
            "1.0",
            "500m",
            "-1",
            "+2",
            "9999999999",
            "18446744073709551616",
            "0x4",
            "vier",
            "四",
            "٣",
            "1\n2",
            "1;touch x",
            "\u{1b}[2J",
            "nan",
            "inf",
            "1e400",
            "007",
        ])
        .prop_map(str::to_owned),
        ".{0,8}",
    ]
}

fn some_name() -> impl Strategy<Value = &'static str> {
    let mut names: Vec<&str> = counted().map(|(_, variable)| variable.name).collect();
    names.extend([
        "GOTO_NUM_THREADS",
        "OMP_THREAD_LIMIT",
        "NSLOTS",
        "RAYON_RS_NUM_CPUS",
    ]);
    prop::sample::select(names)
}

fn some_share() -> impl Strategy<Value = Share> {
    (1..200u32, 1..200u32, 1..200u32)
        .prop_map(|(cpus, openmp, blas)| Share::new(cpus, openmp.min(cpus), blas.min(cpus)))
}

proptest! {
    #[test]
    fn no_variable_is_ever_above_what_was_given(
        users in prop::collection::hash_map(some_name(), some_value(), 0..12),
        first in some_share(),
        second in some_share(),
    ) {
        let before: Environment =
            users.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let mut now = before.clone();
        let changes = apply(&first, &mut now);
        let plain = Numbers::of(&first);
        for (_, variable) in counted() {
            let users = Told::read(before.get(variable.name).map(String::as_str), variable.is_list);
            let after = now.get(variable.name).filter(|value| !value.trim().is_empty());
            let after = Told::read(after.map(String::as_str), variable.is_list);
            let ours = plain.kept_by(variable).unwrap();
            let of_others = variable.over.iter().filter_map(|name| {
                Told::read(before.get(*name).map(String::as_str), true).number()
            });
            match users {
                // Their number stays, and is told where it is not ours.
                Told::Number(number) => {
                    prop_assert_eq!(&now[variable.name], &before[variable.name]);
                    let is_told = changes.kept.iter().any(|kept| kept.name == variable.name);
                    prop_assert_eq!(is_told, number != ours);
                }
                // Nothing else does: what takes its place is within both.
                told => {
                    let most = of_others.chain(told.number()).chain([ours]).min().unwrap();
                    let within = match after {
                        Told::Nothing => variable.usual.is_some_and(|usual| usual <= ours),
                        Told::Number(number) => number <= most,
                        Told::NoNumber(_) => false,
                    };
                    prop_assert!(within, "{}: {:?} of {:?}", variable.name, after, told);
                    let is_told = changes.replaced.iter().any(|told| told.name == variable.name);
                    prop_assert_eq!(is_told, matches!(told, Told::NoNumber(_)));
                }
            }
        }
        // Again is the same, and a later share never raises anything.
        let once = now.clone();
        let again = apply(&first, &mut now);
        prop_assert_eq!(&now, &once);
        prop_assert_eq!(&again.kept, &changes.kept);
        for card in runtimes::all() {
            // A pool begins with its variable's number, and a limit only lowers.
            let decides = card.environment.iter().find(|variable| variable.counts.is_some());
            let begins = decides.and_then(|variable| {
                Told::read(once.get(variable.name).map(String::as_str), true).number()
            });
            let has = |changes: &Changes| changes.most(card).min(begins.unwrap_or(u32::MAX));
            prop_assert_eq!(has(&again), has(&changes), "{}", card.id);
        }
        apply(&second, &mut now);
        for setting in environment(&second) {
            let number = |from: &Environment| {
                Told::read(from.get(setting.name).map(String::as_str), true).number()
            };
            if let Some(earlier) = number(&once).filter(|_| setting.name != OVERRIDE) {
                prop_assert!(number(&now) <= Some(earlier), "{}", setting.name);
            }
        }
    }
}
