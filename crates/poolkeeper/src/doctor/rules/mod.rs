//! The rules: one small function each, in files by what they are about.
//!
//! A rule judges [`Facts`] and nothing else. To add one: its [`Page`] and its
//! function in a file here, one line in [`RULES`], a test in
//! `tests/python/doctor/` in which it is found from a real cause and one in
//! which it isn't, and `make docs`.

pub(super) mod callers;
mod copies;
mod cpus;
mod fixed;
mod fork;
mod late;
pub(super) mod mask;
mod oversubscription;
mod spin;
pub(super) mod system_limits;
mod thread_limit;
mod unlimited;
mod values;
mod versions;

use super::facts::{Facts, counted};
use super::finding::{Finding, Page};

/// A code with the function that finds it.
pub(super) struct Rule {
    pub(super) page: &'static Page,
    pub(super) check: fn(&Facts) -> Vec<Finding>,
}

const fn rule(page: &'static Page, check: fn(&Facts) -> Vec<Finding>) -> Rule {
    Rule { page, check }
}

/// Every rule, in the order of their codes: 1 crashes and hangs, 2 speed, 3
/// libraries beside each other, 4 settings, 5 versions, 6 limits of the system.
pub(super) static RULES: &[Rule] = &[
    rule(&callers::PAGE, callers::check),
    rule(&copies::TWO_LLVM, copies::two_llvm),
    rule(&copies::DUPLICATE_OK, copies::duplicate_ok),
    rule(&fork::PAGE, fork::check),
    rule(&fork::NUMBA, fork::numba),
    rule(&thread_limit::PAGE, thread_limit::check),
    rule(&fork::OTHERS, fork::others),
    rule(&cpus::MORE_THAN_BUDGET, cpus::more_than_budget),
    rule(&cpus::COUNTED_TOO_MANY, cpus::counted_too_many),
    rule(&oversubscription::NESTED, oversubscription::nested),
    rule(&oversubscription::WORKERS, oversubscription::workers),
    rule(&spin::IN_TURN, spin::in_turn),
    rule(&spin::SLEEPS_AT_ONCE, spin::sleeps_at_once),
    rule(&copies::COPIES, copies::copies),
    rule(&mask::BOUND_TWICE, mask::bound_twice),
    rule(&mask::SHRUNK, mask::shrunk),
    rule(&mask::ELSEWHERE, mask::elsewhere),
    rule(&late::PAGE, late::check),
    rule(&values::IGNORED, values::ignored),
    rule(&values::MISREAD, values::misread),
    rule(&fixed::PAGE, fixed::check),
    rule(&unlimited::PAGE, unlimited::check),
    rule(&versions::FORGETS, versions::forgets),
    rule(&versions::KNOWN_BAD, versions::known_bad),
    rule(&system_limits::THREADS, system_limits::threads),
    rule(&system_limits::MEMORY, system_limits::memory),
];
