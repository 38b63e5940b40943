//! What the environment asks of a pool, as its runtime reads it: the runtime's card
//! says which variable decides, and what it makes of the value.

use super::facts::{Facts, PoolFacts};
use crate::runtimes::{Begins, Layer, Variable};
use std::num::NonZeroU32;

/// The variables that decide a pool's thread count; the first that is set counts.
pub(super) fn variables(found: &PoolFacts) -> impl Iterator<Item = &'static Variable> {
    let is_read = found.layer().is_none();
    let all = found.card().map_or(&[][..], |card| card.environment);
    all.iter()
        .filter(move |variable| is_read && variable.reading.is_some())
}

/// The variable that gives a pool its thread count, for people to set: its own, or
/// that of the OpenMP runtime under it.
pub(super) fn variable(found: &PoolFacts) -> Option<&'static str> {
    match found.layer() {
        Some(Layer::OnOpenMp) => Some(crate::runtimes::OMP_NUM_THREADS),
        _ => variables(found).next().map(|variable| variable.name),
    }
}

/// The variable that decides now, its value, and the threads that the pool would
/// start with by it, were it loaded now.
pub(super) struct Setting<'facts> {
    pub(super) name: &'static str,
    pub(super) value: &'facts str,
    pub(super) threads: u32,
    /// Whether the pool reads it at each call, and not once.
    pub(super) is_read_again: bool,
}

/// What the environment asks of a pool now; `None` if nothing.
pub(super) fn setting<'facts>(found: &PoolFacts, facts: &'facts Facts) -> Option<Setting<'facts>> {
    let (variable, value, threads) = asked(found, facts)?;
    Some(Setting {
        name: variable.name,
        value,
        threads: threads.min(most(found, facts)),
        is_read_again: variable.is_read_again,
    })
}

/// The number in the variable that decides, whatever the pool makes of it.
pub(super) fn asked<'facts>(
    found: &PoolFacts,
    facts: &'facts Facts,
) -> Option<(&'static Variable, &'facts str, u32)> {
    variables(found).find_map(|variable| {
        let value = facts.environment.now(variable.name)?;
        Some((variable, value, variable.reading?.read(value)?))
    })
}

/// The most threads that a variable can make a pool start.
fn most(found: &PoolFacts, facts: &Facts) -> u32 {
    let built_for = found.pool.max_threads.map_or(u32::MAX, NonZeroU32::get);
    let behaviour = found.behaviour();
    if !behaviour.is_ceiling {
        return built_for;
    }
    let at_start = facts.cpus.mask_at_start.as_ref();
    built_for.min(match behaviour.begins {
        Begins::Cpus => at_start.map_or(facts.cpus.counted, |mask| mask.len() as u32),
        Begins::Budget => facts.cpus.budget,
        Begins::Fixed => u32::MAX,
    })
}
