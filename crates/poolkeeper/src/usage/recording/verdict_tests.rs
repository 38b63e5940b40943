//! Verdicts on made-up recordings.

use super::{BudgetStep, Cause, Lane, OwnerUse, ProcessUse, Recording, Verdict};
use crate::usage::{Owner, Throttling};
use std::time::Duration;

fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

/// Ten seconds on two CPUs, in stretches of 100 ms; each lane has the CPUs on which
/// it ran and for which it waited, all the time.
fn recording(lanes: &[(f64, f64)], others: f64) -> Recording {
    let all = |cpus: f64| vec![ms(100).mul_f64(cpus); 100];
    let time = |cpus: f64| ms(10_000).mul_f64(cpus);
    let owner = |(ran, waited): &(f64, f64)| OwnerUse {
        owner: Owner::Main,
        threads: 1,
        ran: time(*ran),
        waited: time(*waited),
    };
    let lane = |(owner, (ran, waited)): (usize, &(f64, f64))| Lane {
        process: 0,
        owner,
        ran: all(*ran),
        waited: all(*waited),
    };
    let process = ProcessUse {
        pid: Some(1),
        name: "made-up".to_owned(),
        command: Vec::new(),
        began: Duration::ZERO,
        ended: None,
        peak_threads: lanes.len(),
        ran: time(lanes.iter().map(|lane| lane.0).sum()),
        waited: time(lanes.iter().map(|lane| lane.1).sum()),
    };
    Recording {
        pid: 1,
        command: Vec::new(),
        wall: ms(10_000),
        interval: ms(50),
        looks: 200,
        budget: vec![BudgetStep {
            at: Duration::ZERO,
            exact: 2.0,
            cpus: 2,
            source: "made-up".to_owned(),
        }],
        owners: lanes.iter().map(owner).collect(),
        processes: vec![process],
        width: ms(100),
        lanes: lanes.iter().enumerate().map(lane).collect(),
        others: Some(all(others)),
        throttling: None,
        tells_waits: true,
        unseen_cpu: Duration::ZERO,
        unseen: Vec::new(),
        set: Vec::new(),
        is_launched: false,
    }
}

fn about(one: f64, other: f64) -> bool {
    (one - other).abs() < 1e-6
}

#[test]
fn two_threads_on_two_cpus_are_well() {
    let verdict = Verdict::of(&recording(&[(1.0, 0.0), (0.98, 0.02)], 0.01));
    assert!(verdict.is_well(), "{verdict:?}");
    assert!(about(verdict.used, 1.98) && about(verdict.wanted, 2.0) && about(verdict.had, 2.0));
}

#[test]
fn sixteen_threads_on_two_cpus_wait_for_each_other() {
    let verdict = Verdict::of(&recording(&[(0.2, 1.8), (1.8, 12.2)], 0.0));
    let [Cause::Crowd(crowd)] = verdict.causes.as_slice() else {
        panic!("{verdict:?}");
    };
    assert!(about(crowd.part, 1.0) && about(crowd.threads, 16.0) && about(crowd.cpus, 2.0));
    assert!(about(crowd.waited.as_secs_f64(), 140.0));
    assert!(about(crowd.wanted.as_secs_f64(), 160.0));
    let (first, threads) = crowd.owners[0];
    assert!(first == 1 && about(threads, 14.0), "{:?}", crowd.owners);
    assert_eq!(crowd.processes.len(), 1);
}

#[test]
fn one_thread_that_waits_for_others_is_not_to_blame() {
    // It wants one CPU of two, and gets half of one: others have one and a half.
    let verdict = Verdict::of(&recording(&[(0.5, 0.5)], 1.5));
    let [Cause::Neighbours { waited, took }] = verdict.causes.as_slice() else {
        panic!("{verdict:?}");
    };
    assert!(about(waited.as_secs_f64(), 5.0) && about(*took, 1.5));
}

#[test]
fn both_are_told_apart() {
    // Six threads, two CPUs, one of which others have.
    let verdict = Verdict::of(&recording(&[(1.0, 5.0)], 1.0));
    let [Cause::Crowd(crowd), Cause::Neighbours { waited, .. }] = verdict.causes.as_slice() else {
        panic!("{verdict:?}");
    };
    assert!(about(crowd.waited.as_secs_f64(), 40.0));
    assert!(about(waited.as_secs_f64(), 10.0));
}

#[test]
fn others_that_nobody_waited_for_are_not_told_of() {
    assert!(Verdict::of(&recording(&[(0.5, 0.0)], 1.5)).is_well());
}

#[test]
fn waits_that_nobody_explains_are_nobodys() {
    // It had a CPU to spare, and nobody else took one: a mask or a lock of the kernel's.
    let verdict = Verdict::of(&recording(&[(0.5, 0.5)], 0.0));
    assert!(verdict.causes.is_empty(), "{verdict:?}");
}

#[test]
fn a_short_crowd_in_a_long_run_is_not_worth_a_word() {
    let mut recording = recording(&[(1.0, 0.0)], 0.0);
    // Three of a hundred stretches.
    for waited in &mut recording.lanes[0].waited[40..43] {
        *waited = ms(1000);
    }
    assert!(Verdict::of(&recording).is_well());
    for waited in &mut recording.lanes[0].waited[40..60] {
        *waited = ms(1000);
    }
    let verdict = Verdict::of(&recording);
    let [Cause::Crowd(crowd)] = verdict.causes.as_slice() else {
        panic!("{verdict:?}");
    };
    assert!(about(crowd.part, 0.2) && about(crowd.threads, 11.0));
    assert!(about(crowd.waited.as_secs_f64(), 18.0));
}

#[test]
fn a_budget_that_shrinks_counts_from_then_on() {
    let mut recording = recording(&[(1.0, 1.0)], 0.0);
    recording.budget.push(BudgetStep {
        at: ms(4950),
        exact: 1.0,
        cpus: 1,
        source: "made-up".to_owned(),
    });
    assert!(about(recording.cpus(0), 2.0));
    assert!(about(recording.cpus(49), 1.5));
    assert!(about(recording.cpus(99), 1.0));
    let verdict = Verdict::of(&recording);
    let [Cause::Crowd(crowd)] = verdict.causes.as_slice() else {
        panic!("{verdict:?}");
    };
    // The stretch in which it shrank counts, too.
    assert!(about(crowd.time.as_secs_f64(), 5.1) && about(crowd.threads, 2.0));
}

#[test]
fn a_quota_that_stops_the_group_is_told() {
    let mut recording = recording(&[(1.0, 0.0)], 0.0);
    recording.throttling = Some(Throttling {
        group: "/sys/fs/cgroup/x".into(),
        periods: 100,
        throttled: 53,
        time: ms(3200),
    });
    let verdict = Verdict::of(&recording);
    assert!(matches!(verdict.causes.as_slice(), [Cause::Throttled(_)]));
    // Once is no time: a period in which it did what it had saved for.
    recording.throttling.as_mut().unwrap().throttled = 2;
    assert!(Verdict::of(&recording).is_well());
}

#[test]
fn one_thread_may_want_more_than_half_a_cpu() {
    let mut recording = recording(&[(0.5, 0.5)], 0.0);
    recording.budget[0].exact = 0.5;
    let verdict = Verdict::of(&recording);
    let [Cause::Crowd(crowd)] = verdict.causes.as_slice() else {
        panic!("{verdict:?}");
    };
    assert!(about(crowd.part, 1.0) && about(crowd.threads, 1.0) && about(crowd.cpus, 0.5));
    assert!(about(crowd.waited.as_secs_f64(), 5.0));
}

#[test]
fn what_was_not_seen_is_not_well() {
    let mut short = recording(&[(1.0, 0.0)], 0.0);
    short.wall = ms(150);
    let verdict = Verdict::of(&short);
    assert!(verdict.is_short && !verdict.is_well());
    // It waited for others, but hardly worked: that is no reason for anything.
    let verdict = Verdict::of(&recording(&[(0.005, 0.5)], 2.0));
    assert!(verdict.is_short && verdict.causes.is_empty());
    let mut partial = recording(&[(0.5, 0.0)], 0.0);
    partial.unseen_cpu = ms(2000);
    let verdict = Verdict::of(&partial);
    assert!(verdict.is_partial && !verdict.is_well());
    assert!(about(verdict.used, 0.7));
    let mut blind = recording(&[(0.5, 0.0)], 0.0);
    blind.tells_waits = false;
    assert!(!Verdict::of(&blind).is_well());
}

#[test]
fn the_last_stretch_is_as_long_as_the_recording() {
    let mut short = recording(&[(1.0, 0.0)], 0.0);
    short.wall = ms(930);
    assert_eq!(short.stretches(), 10);
    assert_eq!((short.length(0), short.length(9)), (ms(100), ms(30)));
}

#[test]
fn each_cause_has_a_code() {
    let code = |recording: &Recording| -> Vec<&'static str> {
        let verdict = Verdict::of(recording);
        verdict.causes.iter().map(Cause::code).collect()
    };
    assert_eq!(code(&recording(&[(1.0, 7.0), (1.0, 7.0)], 0.0)), ["PK701"]);
    assert_eq!(code(&recording(&[(1.0, 0.5)], 1.0)), ["PK703"]);
    let mut stopped = recording(&[(1.0, 0.0)], 0.0);
    stopped.throttling = Some(Throttling {
        group: "/".into(),
        periods: 100,
        throttled: 50,
        time: ms(500),
    });
    assert_eq!(code(&stopped), ["PK704"]);
    // Two processes with two threads each, which they would have alone.
    let mut two = recording(&[(0.5, 0.5), (0.5, 0.5), (0.5, 0.5), (0.5, 0.5)], 0.0);
    two.processes.push(two.processes[0].clone());
    for lane in &mut two.lanes[2..] {
        lane.process = 1;
    }
    assert_eq!(code(&two), ["PK702"]);
    // Four processes with one thread each do not take the whole budget.
    let mut four = two.clone();
    four.processes = vec![two.processes[0].clone(); 4];
    for (process, lane) in four.lanes.iter_mut().enumerate() {
        lane.process = process;
    }
    assert_eq!(code(&four), ["PK701"]);
}

#[test]
fn one_thread_that_works_alone_is_well_and_told() {
    let verdict = Verdict::of(&recording(&[(0.98, 0.01)], 0.1));
    assert!(verdict.is_well());
    let alone = verdict.alone.unwrap();
    assert!(
        about(alone.part, 1.0) && about(alone.idle, 2.0 - 0.98 - 0.1),
        "{alone:?}"
    );
    // Two that work by halves, a program that sleeps, and one whose neighbours work.
    for (lanes, others) in [
        (&[(0.5, 0.0), (0.5, 0.0)][..], 0.0),
        (&[(0.2, 0.0)], 0.0),
        (&[(1.0, 0.0), (1.0, 0.0)], 0.0),
        (&[(0.98, 0.0)], 0.9),
    ] {
        assert_eq!(
            Verdict::of(&recording(lanes, others)).alone,
            None,
            "{lanes:?}"
        );
    }
    let mut one = recording(&[(1.0, 0.0)], 0.0);
    (one.budget[0].exact, one.budget[0].cpus) = (1.0, 1);
    assert_eq!(Verdict::of(&one).alone, None);
}
