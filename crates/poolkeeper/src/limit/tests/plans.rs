//! Plans: which pools a request means, and who decides for whom.

use super::fakes::runtime;
use crate::discover::LoadedPool;
use crate::limit::plan::{Role, plan};
use crate::limit::request::{MAX_LIMIT, Request, Selector};
use crate::model::Reach;
use crate::runtimes::{Control, Facts};
use crate::{Error, Level};
use libc::c_int;
use std::sync::Arc;

/// Knobs that nobody turns here.
struct Still(Option<&'static str>);

impl Control for Still {
    fn threads(&self) -> c_int {
        8
    }

    fn set_threads(&self, _threads: c_int) {
        unreachable!("a plan changes nothing");
    }

    fn backend(&self) -> Option<String> {
        self.0.map(str::to_owned)
    }
}

fn pool(id: u32, name: &str, change: impl FnOnce(&mut Facts)) -> Arc<LoadedPool> {
    let mut facts = Facts::new(Reach::Process);
    change(&mut facts);
    let backend = facts.passes_on.then_some("OPENBLASPTHREAD");
    Arc::new(LoadedPool::fake(
        id,
        runtime(name),
        facts,
        Box::new(Still(backend)),
    ))
}

fn plain(id: u32, name: &str) -> Arc<LoadedPool> {
    pool(id, name, |_| {})
}

/// Pool's place, threads and role of each step.
fn steps(request: &Request, pools: &[Arc<LoadedPool>]) -> Vec<(usize, c_int, Role)> {
    let plan = plan(request, pools).expect("a valid request");
    plan.steps
        .iter()
        .map(|step| (usize::from(step.pool), step.threads, step.role))
        .collect()
}

#[test]
fn the_most_specific_word_counts() {
    let pools = [
        plain(1, "openblas"),
        plain(2, "openblas"),
        plain(3, "libgomp"),
    ];
    let request = Request::new()
        .all(4)
        .blas(3)
        .select(Selector::Runtime("openblas"), 2)
        .select(Selector::File(pools[1].filepath.clone()), 1);
    let expected = [
        (0, 2, Role::Claims),
        (1, 1, Role::Claims),
        (2, 4, Role::Claims),
    ];
    assert_eq!(steps(&request, &pools), expected);
}

#[test]
fn a_level_leaves_the_other_one_alone() {
    let pools = [plain(1, "openblas"), plain(2, "libgomp")];
    assert_eq!(
        steps(&Request::new().blas(1), &pools),
        [(0, 1, Role::Claims)]
    );
    assert_eq!(
        steps(&Request::new().openmp(3), &pools),
        [(1, 3, Role::Claims)]
    );
}

#[test]
fn what_is_not_loaded_is_told() {
    let request = Request::new().blas(1).select(Selector::Runtime("mkl"), 2);
    let plan = plan(&request, &[plain(1, "openblas")]).expect("a valid request");
    assert_eq!(plan.unmatched, [Selector::Runtime("mkl")]);
    assert_eq!(
        plan.to_string(),
        "pool 0: at most 1 (Claims)\nmkl: not loaded\n"
    );
}

#[test]
fn an_openblas_on_openmp_has_no_claim_beside_its_runtime() {
    let pools = [
        pool(1, "openblas", |facts| facts.runs_on = Some(0x1000)),
        pool(2, "libgomp", |facts| facts.provides = Some(0x1000)),
        pool(3, "libgomp", |facts| facts.provides = Some(0x2000)),
    ];
    let all = [
        (0, 4, Role::Follows),
        (1, 4, Role::Claims),
        (2, 4, Role::Claims),
    ];
    assert_eq!(steps(&Request::new().all(4), &pools), all);
    let apart = [
        (0, 1, Role::Yields),
        (1, 8, Role::Claims),
        (2, 8, Role::Claims),
    ];
    assert_eq!(steps(&Request::new().blas(1).openmp(8), &pools), apart);
    let alone = plan(&Request::new().blas(1), &pools).expect("a valid request");
    assert_eq!(alone.steps[0].knob, 1, "its runtime gets the claim");
    assert_eq!(alone.steps[0].role, Role::Claims);
}

#[test]
fn a_flexiblas_has_no_claim_beside_its_backend() {
    let pools = [
        pool(1, "flexiblas", |facts| facts.passes_on = true),
        pool(2, "openblas", |facts| facts.symbol_prefix = "scipy_"),
        plain(3, "openblas"),
    ];
    let plan = plan(&Request::new().blas(2), &pools).expect("a valid request");
    assert_eq!(plan.steps[0].knob, 2, "the copy in a wheel is no backend");
    assert_eq!(plan.steps[0].role, Role::Follows);
    let two = [pools[0].clone(), plain(4, "openblas"), pools[2].clone()];
    let alone = super::super::plan::plan(&Request::new().blas(2), &two).expect("valid");
    assert_eq!(
        alone.steps[0].knob, 0,
        "two answer to the name: none is known"
    );
}

#[test]
fn a_witness_decides_nothing_beside_a_number() {
    let pools = [
        pool(1, "openblas", |facts| facts.runs_on = Some(0x1000)),
        pool(2, "libgomp", |facts| facts.provides = Some(0x1000)),
    ];
    let request = Request::new().innermost_of(1);
    let request = request
        .select_raw(Selector::Id(1), 1)
        .witness(Selector::Id(2));
    let found = plan(&request, &pools).expect("a valid request");
    let roles: Vec<_> = found
        .steps
        .iter()
        .map(|step| (step.pool, step.role))
        .collect();
    assert_eq!(roles, [(0, Role::Claims), (1, Role::Follows)]);
}

#[test]
fn nonsense_is_refused_before_anything_is_planned() {
    let pools = [plain(1, "openblas")];
    let code = |request: &Request| plan(request, &pools).expect_err("nonsense").code();
    assert_eq!(code(&Request::new()), "empty-request");
    assert_eq!(code(&Request::new().all(0)), "invalid-limit");
    assert_eq!(code(&Request::new().all(MAX_LIMIT + 1)), "invalid-limit");
    assert_eq!(code(&Request::new().all(u32::MAX)), "invalid-limit");
    assert_eq!(
        code(&Request::new().select_raw(Selector::All, -1)),
        "invalid-limit"
    );
    assert_eq!(code(&Request::new().blas(1).blas(2)), "conflict");
    assert_eq!(
        code(&Request::new().select(Selector::File("/no".into()), 1)),
        "unknown-file"
    );
}

#[test]
fn the_refused_value_is_the_one_that_was_given() {
    let error = plan(&Request::new().all(u32::MAX), &[]).expect_err("too many");
    assert_eq!(
        error,
        Error::InvalidLimit {
            value: u32::MAX.to_string(),
            max: MAX_LIMIT
        }
    );
}

#[test]
fn threadpoolctls_rule_accepts_any_integer() {
    let pools = [plain(1, "openblas")];
    for threads in [i32::MIN + 1, -1, 0, i32::MAX] {
        let selector = Selector::Level(Level::Blas);
        let request = Request::new().innermost_of(1).select_raw(selector, threads);
        assert_eq!(steps(&request, &pools), [(0, threads, Role::Claims)]);
    }
}
