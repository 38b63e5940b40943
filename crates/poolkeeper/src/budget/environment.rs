//! A share as environment variables, from the runtimes' own cards.

use super::cores;
use super::observed::Observed;
use super::split::Share;
use super::words::OVERRIDE;
use crate::runtimes::{self, Counts, Variable};
use serde::Serialize;
use std::cell::OnceCell;

/// A variable and the value that keeps a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Setting {
    /// The variable's name.
    pub name: &'static str,
    /// A whole number.
    pub value: u32,
    /// Who reads it, for people.
    pub read_by: &'static str,
}

/// The variables by which new processes, and libraries loaded later, keep
/// `share`; each name once, poolkeeper's own first.
///
/// A variable is left out where its reader's default is no more than the share:
/// setting it could only raise the number.
///
/// # Examples
///
/// ```
/// use poolkeeper::budget::{Levels, Split, environment};
/// let split = Split::new(8, &Levels { openmp: Some(4), ..Levels::default() }, &[])?;
/// let settings = environment(&split.largest());
/// let blas = settings.iter().find(|setting| setting.name == "OPENBLAS_NUM_THREADS");
/// assert_eq!(blas.unwrap().value, 2);
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn environment(share: &Share) -> Vec<Setting> {
    let counts = Numbers::of(share);
    let of_budget = Setting {
        name: OVERRIDE,
        value: share.cpus,
        read_by: "poolkeeper",
    };
    let others = counted().filter_map(|(read_by, variable)| {
        Some(Setting {
            name: variable.name,
            value: counts.fresh(variable)?,
            read_by,
        })
    });
    std::iter::once(of_budget).chain(others).collect()
}

/// Every variable that a share sets, with its reader, each name once.
pub(super) fn counted() -> impl Iterator<Item = (&'static str, &'static Variable)> {
    let of_pools = runtimes::all().map(|card| (card.name, card.environment));
    let of_others = runtimes::listeners().map(|listener| (listener.name, listener.environment));
    let all = of_pools
        .chain(of_others)
        .flat_map(|(name, variables)| variables.iter().map(move |variable| (name, variable)));
    let mut seen: Vec<&str> = Vec::new();
    all.filter(move |(_, variable)| {
        let is_new = variable.counts.is_some() && !seen.contains(&variable.name);
        if is_new {
            seen.push(variable.name);
        }
        is_new
    })
}

/// What a share means for each variable.
pub(super) struct Numbers {
    share: Share,
    /// The physical cores here, once somebody asks.
    cores: OnceCell<Option<u32>>,
}

impl Numbers {
    pub(super) fn of(share: &Share) -> Self {
        Numbers {
            share: *share,
            cores: OnceCell::new(),
        }
    }

    /// The physical cores, if the share can be of this machine.
    fn cores(&self) -> u32 {
        let cores = self.cores.get_or_init(|| {
            let here = Observed::this_process().ok()?;
            let is_here = self.share.cpus as usize <= here.affinity().len();
            is_here.then(|| cores::count(&here, here.affinity()).physical)?
        });
        cores.unwrap_or(u32::MAX)
    }

    /// The number that keeps the share; `None` for what no budget sets.
    pub(super) fn kept_by(&self, variable: &Variable) -> Option<u32> {
        let share = &self.share;
        let threads = match variable.counts? {
            Counts::Openmp => share.openmp,
            Counts::Blas => share.blas,
            Counts::Cpus => share.cpus,
            Counts::Cores => share.openmp.min(self.cores()),
            Counts::One => 1,
        };
        Some(threads.max(variable.least))
    }

    /// The number to set for a variable, by its name, where nothing is set.
    pub(super) fn named(&self, name: &str) -> Option<u32> {
        if name == OVERRIDE {
            return Some(self.share.cpus);
        }
        let (_, variable) = counted().find(|(_, variable)| variable.name == name)?;
        self.fresh(variable)
    }

    /// The number to set where nothing is set; `None` where its reader takes no
    /// more of itself, and no variable of ours would raise that.
    pub(super) fn fresh(&self, variable: &Variable) -> Option<u32> {
        let ours = self.kept_by(variable)?;
        match variable.usual {
            Some(usual) if ours >= usual && variable.over.is_empty() => None,
            Some(usual) => Some(ours.min(usual)),
            None => Some(ours),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn value(share: &Share, name: &str) -> Option<u32> {
        let settings = environment(share);
        let found = settings.iter().find(|setting| setting.name == name);
        found.map(|setting| setting.value)
    }

    #[test]
    fn every_name_is_set_once() {
        let share = Share::new(8, 4, 2);
        let settings = environment(&share);
        let names: HashSet<_> = settings.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), settings.len());
        assert_eq!(value(&share, "OMP_NUM_THREADS"), Some(4));
        assert_eq!(value(&share, "MKL_NUM_THREADS"), Some(2));
        assert_eq!(value(&share, "LOKY_MAX_CPU_COUNT"), Some(8));
        assert_eq!(value(&share, "TF_NUM_INTEROP_THREADS"), Some(1));
        assert_eq!(value(&share, "PJRT_NPROC"), Some(4));
        assert_eq!(value(&share, "GOMP_SPINCOUNT"), None);
    }

    #[test]
    fn a_limit_of_whole_trees_of_regions_is_never_set() {
        // An OpenBLAS built on OpenMP waits for ever for threads that it forbids.
        assert_eq!(value(&Share::new(8, 4, 2), "OMP_THREAD_LIMIT"), None);
    }

    #[test]
    fn what_starts_fewer_threads_of_itself_is_not_raised() {
        let large = Share::new(64, 64, 64);
        for name in ["ARROW_IO_THREADS", "MC_CORES", "JULIA_NUM_THREADS"] {
            assert_eq!(value(&large, name), None, "{name}");
        }
        // OMP_NUM_THREADS would raise these if they were left out.
        assert_eq!(value(&large, "BLIS_NUM_THREADS"), Some(1));
        assert_eq!(value(&large, "NUMEXPR_NUM_THREADS"), Some(16));
        assert_eq!(value(&Share::new(1, 1, 1), "NUMEXPR_NUM_THREADS"), Some(1));
    }

    #[test]
    fn what_hangs_with_fewer_threads_keeps_some() {
        for (cpus, threads) in [(1, 4), (3, 4), (4, 4), (6, 6)] {
            let share = Share::new(cpus, cpus, cpus);
            assert_eq!(value(&share, "ARROW_IO_THREADS"), Some(threads), "{cpus}");
        }
    }
}
