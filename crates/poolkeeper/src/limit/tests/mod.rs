//! The registry of live scopes on pools that are not there.
//!
//! Threads are played by one thread, which says who it is: so every
//! interleaving can be tried, and tried again.

mod claims;
mod fakes;
mod model;
mod plans;

use crate::limit::end_status::EndStatus;
use crate::limit::hold::Standing;
use crate::limit::registry::Live;
use crate::limit::request::{Request, Selector};
use fakes::{FakeProcess, Stage};

#[test]
fn a_scope_ended_elsewhere_is_settled_by_its_own_thread() {
    let mut stage = Stage::new(FakeProcess::starting_at(8));
    let owner = stage.thread();
    let other = stage.thread();
    let mut scope = stage.enter(owner, Request::new().openmp(2));
    stage.end(other, &mut scope);
    let (_, hold) = scope.holds().next().expect("one pool");
    assert_eq!(hold.end, Some(EndStatus::OtherThread));
    assert_eq!(stage.openmp(owner), 2, "another thread can't set it");
    stage.call(owner);
    assert_eq!(stage.openmp(owner), 8);
}

#[test]
fn a_thread_that_is_gone_takes_its_value_with_it() {
    let mut stage = Stage::new(FakeProcess::starting_at(8));
    let owner = stage.thread();
    let mut scope = stage.enter(owner, Request::new().openmp(2));
    stage.thread_ends(owner);
    let next = stage.thread();
    assert_ne!(owner, next, "a key is never used again");
    stage.end(next, &mut scope);
    let (_, hold) = scope.holds().next().expect("one pool");
    assert_eq!(hold.end, Some(EndStatus::ThreadGone));
}

#[test]
fn a_forked_child_drops_the_scopes_of_threads_it_does_not_have() {
    let mut stage = Stage::new(FakeProcess::starting_at(8));
    let (forking, other) = (stage.thread(), stage.thread());
    let mut kept = stage.enter(forking, Request::new().blas(4));
    let _dropped = stage.enter(other, Request::new().blas(1));
    assert_eq!(stage.blas(), 1);
    stage.registry.forked(Some(forking));
    stage.call(forking);
    assert_eq!(stage.blas(), 4);
    stage.end(forking, &mut kept);
    assert_eq!(stage.blas(), 8);
}

#[test]
fn a_runtime_that_starts_anew_in_a_child_is_set_again() {
    let mut stage = Stage::new(FakeProcess::starting_at(8));
    let thread = stage.thread();
    let mut scope = stage.enter(thread, Request::new().openmp(2));
    stage.registry.forked(Some(thread));
    stage.somebody_sets_openmp(thread, 8);
    stage.call(thread);
    assert_eq!(stage.openmp(thread), 2);
    stage.end(thread, &mut scope);
    assert_eq!(stage.openmp(thread), 8);
}

#[test]
fn the_innermost_of_a_context_wins_and_other_contexts_hold() {
    let mut stage = Stage::new(FakeProcess::starting_at(8));
    let thread = stage.thread();
    let request = |threads, context| Request::new().blas(threads).innermost_of(context);
    let mut outer = stage.enter(thread, request(2, 1));
    let mut inner = stage.enter(thread, request(6, 1));
    assert_eq!(stage.blas(), 6, "the innermost wins, though it is higher");
    let mut elsewhere = stage.enter(thread, request(3, 2));
    assert_eq!(stage.blas(), 3, "another context's limit holds");
    stage.end(thread, &mut outer);
    assert_eq!(stage.blas(), 3);
    stage.end(thread, &mut elsewhere);
    assert_eq!(stage.blas(), 6);
    stage.end(thread, &mut inner);
    assert_eq!(stage.blas(), 8);
}

#[test]
fn what_is_kept_stays_or_is_undone_by_the_scope_around_it() {
    let mut stage = Stage::new(FakeProcess::starting_at(8));
    let thread = stage.thread();
    let request = |threads| Request::new().blas(threads).innermost_of(1);
    let mut bare = stage.enter(thread, request(5));
    stage.registry.keep(&mut bare);
    assert_eq!(stage.blas(), 5, "nobody else is live: it stays");
    let mut outer = stage.enter(thread, request(2));
    let mut bare = stage.enter(thread, request(4));
    stage.registry.keep(&mut bare);
    assert_eq!(stage.blas(), 4);
    stage.end(thread, &mut outer);
    assert_eq!(stage.blas(), 5, "back to what the outer scope found");
}

#[test]
fn what_is_left_behind_belongs_to_the_scope_around_it() {
    let mut stage = Stage::new(FakeProcess::starting_at(8));
    let thread = stage.thread();
    let request = |threads| Request::new().blas(threads).innermost_of(1);
    let mut outer = stage.enter(thread, request(4));
    let mut bare = stage.enter(thread, request(2));
    stage.registry.keep(&mut bare);
    let mut inner = stage.enter(thread, request(1));
    let mut bare = stage.enter(thread, request(12));
    stage.registry.keep(&mut bare);
    assert_eq!(stage.blas(), 12);
    stage.end(thread, &mut inner);
    assert_eq!(
        stage.blas(),
        2,
        "what was left behind inside is undone, the other is not"
    );
    stage.end(thread, &mut outer);
    assert_eq!(stage.blas(), 8);
}

#[test]
fn a_witness_limits_nothing_and_undoes_what_was_left_behind() {
    let mut stage = Stage::new(FakeProcess::starting_at(8));
    let thread = stage.thread();
    let selector = Selector::Level(crate::Level::Blas);
    let mut witness = stage.enter(thread, Request::new().innermost_of(1).witness(selector));
    assert_eq!(stage.blas(), 8);
    let mut bare = stage.enter(thread, Request::new().blas(3).innermost_of(1));
    stage.registry.keep(&mut bare);
    assert_eq!(stage.blas(), 3);
    stage.end(thread, &mut witness);
    assert_eq!(stage.blas(), 8);
}

#[test]
fn a_clamped_value_is_not_taken_for_somebody_elses() {
    let mut stage = Stage::new(FakeProcess::starting_at(8).at_most(16));
    let thread = stage.thread();
    let mut scope = stage.enter(thread, Request::new().blas(100).force());
    assert_eq!(stage.blas(), 16);
    let (_, hold) = scope.holds().next().expect("one pool");
    assert_eq!(hold.observed, 16);
    stage.end(thread, &mut scope);
    assert_eq!(stage.blas(), 8);
}

#[test]
fn a_limit_only_lowers_and_force_raises() {
    let mut stage = Stage::new(FakeProcess::starting_at(8));
    let thread = stage.thread();
    let standing = |scope: &Live| scope.holds().next().expect("one pool").1.standing;
    let mut high = stage.enter(thread, Request::new().blas(12));
    assert_eq!((stage.blas(), standing(&high)), (8, Standing::Below));
    let mut forced = stage.enter(thread, Request::new().blas(20).force());
    assert_eq!((stage.blas(), standing(&forced)), (20, Standing::Applied));
    let mut inside = stage.enter(thread, Request::new().blas(16));
    assert_eq!((stage.blas(), standing(&inside)), (16, Standing::Applied));
    stage.end(thread, &mut forced);
    assert_eq!(stage.blas(), 8, "without force nothing is above the start");
    stage.end(thread, &mut high);
    stage.end(thread, &mut inside);
    assert_eq!(stage.blas(), 8);
}

#[test]
fn a_limit_below_another_ones_number_is_told_from_one_below_the_start() {
    let mut stage = Stage::new(FakeProcess::starting_at(8));
    let thread = stage.thread();
    let standing = |scope: &Live| scope.holds().next().expect("one pool").1.standing;
    let _low = stage.enter(thread, Request::new().blas(2));
    let shared = stage.enter(thread, Request::new().blas(4));
    assert_eq!(standing(&shared), Standing::Shared);
}

#[test]
fn the_baseline_changes_under_live_scopes() {
    let mut stage = Stage::new(FakeProcess::starting_at(8));
    let thread = stage.thread();
    let mut scope = stage.enter(thread, Request::new().blas(2));
    stage.set_baseline(thread, &Request::new().blas(5));
    assert_eq!(stage.blas(), 2, "the live scope holds it");
    stage.end(thread, &mut scope);
    assert_eq!(stage.blas(), 5);
}

#[test]
fn a_million_scopes_leave_nothing_behind() {
    let mut stage = Stage::new(FakeProcess::starting_at(8));
    let thread = stage.thread();
    for round in 0..1_000_000u32 {
        let mut scope = stage.enter(thread, Request::new().blas(1 + round % 7));
        stage.end(thread, &mut scope);
    }
    assert_eq!(stage.blas(), 8);
    assert_eq!(stage.registry.size(), 1, "one ledger, without claims");
}
