//! Variables by which a scheduler, a launcher, a platform or a user says what
//! a process was given: the one table of them. Nobody reads such a variable
//! elsewhere.
//!
//! A new one is an [`Entry`] in the file of its kind. `Reader` lets an entry read
//! only what it lists, so that the table, and the docs made from it, are whole.

mod entry;
mod hosts;
mod launchers;
mod others;
mod schedulers;
mod slurm;

pub use entry::{Entry, Variable};
pub(super) use entry::{Launched, Told, Within};

use super::observed::Observed;

/// Every entry of the table, the most deliberate kind first.
///
/// # Examples
///
/// ```
/// let names: Vec<_> = poolkeeper::budget::entries().map(|entry| entry.name).collect();
/// assert!(names.contains(&"Slurm"));
/// ```
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    let schedulers = std::iter::once(&slurm::SLURM).chain(&schedulers::ENTRIES);
    others::USERS
        .iter()
        .chain(schedulers)
        .chain(&others::PLATFORMS)
        .chain(&launchers::ENTRIES)
}

/// Reads every entry.
pub(super) fn told(observed: &Observed) -> Told {
    let mut told = Told::default();
    for entry in entries() {
        entry.tell(observed, &mut told);
    }
    told
}

/// The job that this process runs in: its scheduler and number.
pub(super) fn job<'a>(lookup: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    entries().find_map(|entry| {
        let number = entry.job.iter().find_map(|name| lookup(name))?;
        Some(format!("{}:{number}", entry.name))
    })
}

#[cfg(test)]
mod tests;
