//! The most threads that an OpenMP runtime may use without danger.

use super::facts::{Facts, PoolFacts};
use super::rules::{callers, system_limits};
use crate::model::Level;
use std::path::PathBuf;

/// A bound on an OpenMP pool's threads, and what would happen past it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bound {
    /// The pool's file.
    pub file: PathBuf,
    /// The most threads that are safe.
    pub most: u32,
    /// The code of the finding past it: `"PK101"`.
    pub code: &'static str,
    /// Why, in a few words.
    pub reason: String,
}

/// The bound of every pool but a BLAS that has one: the smallest of the numbers of
/// callers that the loaded BLAS survive and the number of threads that the system
/// lets the pool start.
///
/// # Examples
///
/// ```
/// use poolkeeper::doctor::{Facts, Host, safe_threads};
/// for bound in safe_threads(&Facts::gather(Host::default())?) {
///     println!("{}: at most {}", bound.file.display(), bound.most);
/// }
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn safe_threads(facts: &Facts) -> Vec<Bound> {
    let pools = facts.pools.iter();
    let pools = pools.filter(|found| found.pool.level != Level::Blas && !found.starts_as_needed());
    pools.filter_map(|found| bound(facts, found)).collect()
}

fn bound(facts: &Facts, found: &PoolFacts) -> Option<Bound> {
    let as_callers = found.behaviour().calls_blas.then(|| callers::bound(facts));
    let bounds = as_callers
        .flatten()
        .into_iter()
        .chain(system_limits::bounds(facts));
    let (most, code, reason) = bounds.min_by_key(|(most, _, _)| *most)?;
    Some(Bound {
        file: found.pool.filepath.clone(),
        most,
        code,
        reason,
    })
}
