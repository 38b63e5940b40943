//! Variables by which a scheduler, a launcher, a platform or a user says what
//! a process was given: the one table of them. Nobody reads such a variable
//! elsewhere.
//!
//! A new one is an [`Entry`] in the file of its kind. `Reader` lets an entry read
//! only what it lists, so that the table, and the docs made from it, are whole.

mod hosts;
mod launchers;
mod others;
mod reader;
mod schedulers;
mod slurm;

use super::observed::Observed;
use super::source::{For, Source, SourceKind};
use reader::Reader;

/// Who sets variables that tell CPUs, and where that is documented.
#[non_exhaustive]
pub struct Entry {
    /// Name as its makers write it.
    pub name: &'static str,
    /// What kind of source its variables are.
    pub kind: SourceKind,
    /// The variables that count CPUs, or the processes that share them.
    pub variables: &'static [Variable],
    /// Variables that tell how to take those: which job, how many nodes.
    pub beside: &'static [&'static str],
    /// Of [`Entry::beside`], what names the job, the first that is set.
    pub job: &'static [&'static str],
    /// Where this is documented.
    pub documented: &'static str,
    read: fn(&mut Reader),
}

/// One variable that counts.
#[non_exhaustive]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// When it counts.
    pub counts: &'static str,
    /// What it means on this node.
    pub means: &'static str,
    takes: Takes,
}

/// How a variable is taken.
#[derive(Clone, Copy)]
enum Takes {
    /// Its number is CPUs.
    Cpus(For),
    /// Its number is processes on this node that share the CPUs.
    Processes,
    /// As its entry's function does.
    Otherwise,
}

impl Variable {
    const fn new(
        name: &'static str,
        counts: &'static str,
        means: &'static str,
        takes: Takes,
    ) -> Self {
        Variable {
            name,
            counts,
            means,
            takes,
        }
    }

    /// Taken as the entry's function does.
    const fn otherwise(name: &'static str, counts: &'static str, means: &'static str) -> Self {
        Variable::new(name, counts, means, Takes::Otherwise)
    }
}

/// Processes on this node that one launcher started, this one among them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Launched {
    pub(super) place: &'static str,
    pub(super) value: String,
    pub(super) processes: u32,
    /// What there is to say of the number.
    pub(super) remark: Option<String>,
    pub(super) within: Within,
}

/// What a launcher's processes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    /// What the job has on this node.
    Node,
    /// What the task has that started them.
    Task,
    /// Either: the variable may repeat another launcher's number.
    Unclear,
}

/// What the variables of a process tell.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) sources: Vec<Source>,
    pub(super) launched: Vec<Launched>,
}

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
        (entry.read)(&mut Reader::new(entry, observed, &mut told));
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
