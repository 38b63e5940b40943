//! The budget divided over processes x OpenMP x BLAS.

use super::callers::Callers;
use crate::limit::MAX_LIMIT;
use crate::model::Pool;
use crate::{Error, Request, Result};
use serde::Serialize;
use std::fmt;

/// The numbers that a split is asked for: a count for each level, or `None` to let
/// the split choose.
///
/// # Examples
///
/// ```
/// use poolkeeper::budget::{Levels, Split};
/// let levels = Levels { processes: Some(4), ..Levels::default() };
/// let split = Split::new(10, &levels, &[])?;
/// let cpus: Vec<_> = split.workers.iter().map(|share| share.cpus).collect();
/// assert_eq!(cpus, [3, 3, 2, 2]);
/// # Ok::<(), poolkeeper::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Levels {
    /// Processes that work at the same time.
    pub processes: Option<u32>,
    /// Threads of the outer level in each process.
    pub openmp: Option<u32>,
    /// Threads of each BLAS call.
    pub blas: Option<u32>,
    /// Whether BLAS calls may come from inside OpenMP regions, so that the
    /// product counts. If not, the two levels take turns, and each may have all
    /// of a process's share.
    pub nested: bool,
}

impl Default for Levels {
    fn default() -> Self {
        Levels {
            processes: None,
            openmp: None,
            blas: None,
            nested: true,
        }
    }
}

/// What one process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Share {
    /// The process's CPUs.
    pub cpus: u32,
    /// Threads of the outer level: OpenMP's, and those of TBB, rayon and the like.
    pub openmp: u32,
    /// Threads of each BLAS call.
    pub blas: u32,
}

impl Share {
    /// A share by its numbers.
    pub fn new(cpus: u32, openmp: u32, blas: u32) -> Self {
        Share { cpus, openmp, blas }
    }

    /// The share as a limit, which covers libraries that are loaded later, too.
    pub fn request(&self) -> Request {
        let levels = Request::new().openmp(self.openmp).blas(self.blas);
        levels.other(self.openmp)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (openmp, blas) = (
            counted(self.openmp, "OpenMP thread"),
            counted(self.blas, "BLAS thread"),
        );
        write!(f, "{}: {openmp} x {blas}", counted(self.cpus, "CPU"))
    }
}

/// A budget divided over the three levels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Split {
    /// CPUs that were divided.
    pub cpus: u32,
    /// Whether the product of the levels counts; see [`Levels::nested`].
    pub nested: bool,
    /// The share of each process, the larger ones first.
    pub workers: Vec<Share>,
    /// What held the numbers down, one sentence each.
    pub bounds: Vec<String>,
}

impl Split {
    /// Divides `cpus` CPUs.
    ///
    /// Counts that were asked for are lowered until the product of the three
    /// fits, the outermost level first. Without counts there is one process, OpenMP
    /// gets the CPUs that are left, and a BLAS call gets one thread. The threads that
    /// call a BLAS at once never exceed what any of the loaded `pools` survives, nor
    /// its `MAX_THREADS`. While no BLAS is loaded, counts that nobody asked for are
    /// at most what numpy's usual OpenBLAS survives.
    ///
    /// # Errors
    /// - [`Error::InvalidCpus`] if `cpus` is 0 or above [`MAX_LIMIT`].
    /// - [`Error::InvalidLimit`] for a level's count outside 1 to [`MAX_LIMIT`].
    pub fn new(cpus: u32, levels: &Levels, pools: &[Pool]) -> Result<Split> {
        check(cpus, levels)?;
        let callers = Callers::of(pools);
        let processes = levels.processes.unwrap_or(1).min(cpus);
        let workers: Vec<Share> = (0..processes)
            .map(|worker| cpus / processes + u32::from(worker < cpus % processes))
            .map(|cpus| share(cpus, levels, &callers))
            .collect();
        let mut split = Split {
            cpus,
            nested: levels.nested,
            workers,
            bounds: Vec::new(),
        };
        split.bounds = split.explain(levels, &callers);
        Ok(split)
    }

    /// Processes that work at the same time.
    pub fn processes(&self) -> u32 {
        self.workers.len() as u32
    }

    /// The largest share, which the first worker has.
    pub fn largest(&self) -> Share {
        self.workers[0]
    }

    /// The smallest share, which fits every worker.
    pub fn smallest(&self) -> Share {
        self.workers[self.workers.len() - 1]
    }

    /// One worker's share.
    ///
    /// # Errors
    /// [`Error::NoWorker`] if there are fewer workers.
    pub fn worker(&self, index: usize) -> Result<Share> {
        self.workers.get(index).copied().ok_or(Error::NoWorker {
            index,
            workers: self.workers.len(),
        })
    }

    /// Whether all workers have the same share.
    fn is_even(&self) -> bool {
        self.largest() == self.smallest()
    }

    fn explain(&self, levels: &Levels, callers: &Callers<'_>) -> Vec<String> {
        let mut bounds = Vec::new();
        let first = self.largest();
        let asked = [
            ("processes", levels.processes, self.processes()),
            ("openmp", levels.openmp, first.openmp),
            ("blas", levels.blas, first.blas),
        ];
        for (name, asked, given) in asked {
            if let Some(asked) = asked.filter(|asked| *asked != given) {
                let fit = if given == 1 { "fits" } else { "fit" };
                bounds.push(format!(
                    "{name}={asked} was asked for, but only {given} {fit}"
                ));
            }
        }
        let cpus = counted(self.cpus, "CPU");
        match callers.bound(levels.openmp.is_some()) {
            Some((most, why)) if first.openmp == most && first.cpus > most => bounds.push(why),
            _ => bounds.push(format!("the budget is {cpus}")),
        }
        if !self.nested {
            bounds.push("OpenMP and BLAS take turns: each may have the whole share".to_owned());
        }
        bounds
    }
}

/// One process's share of `cpus` CPUs.
fn share(cpus: u32, levels: &Levels, callers: &Callers<'_>) -> Share {
    let callers = callers.most(levels.openmp.is_some());
    if !levels.nested {
        return Share {
            cpus,
            openmp: levels.openmp.unwrap_or(cpus).min(cpus).min(callers),
            blas: levels.blas.unwrap_or(cpus).min(cpus),
        };
    }
    let openmp = match (levels.openmp, levels.blas) {
        (Some(openmp), _) => openmp,
        (None, Some(blas)) => cpus / blas.min(cpus),
        (None, None) => cpus,
    };
    let openmp = openmp.min(cpus).min(callers);
    let left = cpus / openmp;
    Share {
        cpus,
        openmp,
        blas: levels.blas.unwrap_or(left).min(left),
    }
}

fn check(cpus: u32, levels: &Levels) -> Result<()> {
    if cpus == 0 || cpus > MAX_LIMIT {
        return Err(Error::InvalidCpus {
            name: "cpus",
            value: cpus.to_string(),
        });
    }
    let counts = [levels.processes, levels.openmp, levels.blas];
    for count in counts.into_iter().flatten() {
        if count == 0 || count > MAX_LIMIT {
            return Err(Error::InvalidLimit {
                value: count.to_string(),
                max: MAX_LIMIT,
            });
        }
    }
    Ok(())
}

/// "1 CPU", "2 CPUs", "1 process", "2 processes".
pub(super) fn counted(count: u32, what: &str) -> String {
    let ending = match what {
        _ if count == 1 => "",
        _ if what.ends_with('s') => "es",
        _ => "s",
    };
    format!("{count} {what}{ending}")
}

/// One sentence.
impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.largest(), self.smallest());
        let times = if self.nested { "x" } else { "or" };
        write!(
            f,
            "{}: {} x {} {times} {}",
            counted(self.cpus, "CPU"),
            counted(self.processes(), "process"),
            counted(first.openmp, "OpenMP thread"),
            counted(first.blas, "BLAS thread"),
        )?;
        if !self.is_even() {
            let larger = self.workers.iter().filter(|share| **share == first).count() as u32;
            write!(
                f,
                " ({larger} of them; the other {} have {} {times} {}, on {})",
                self.processes() - larger,
                last.openmp,
                last.blas,
                counted(last.cpus, "CPU"),
            )?;
        }
        write!(f, "; {}", self.bounds.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn levels(processes: Option<u32>, openmp: Option<u32>, blas: Option<u32>) -> Levels {
        Levels {
            processes,
            openmp,
            blas,
            nested: true,
        }
    }

    fn shares(cpus: u32, levels: Levels) -> Vec<(u32, u32)> {
        let split = Split::new(cpus, &levels, &[]).unwrap();
        let workers = split.workers.iter();
        workers.map(|share| (share.openmp, share.blas)).collect()
    }

    #[test]
    fn a_level_that_is_not_asked_for_takes_what_is_left() {
        assert_eq!(shares(8, levels(None, None, None)), [(8, 1)]);
        assert_eq!(shares(8, levels(None, Some(4), None)), [(4, 2)]);
        assert_eq!(shares(8, levels(None, None, Some(2))), [(4, 2)]);
        assert_eq!(shares(8, levels(None, Some(1), None)), [(1, 8)]);
        assert_eq!(shares(8, levels(Some(2), None, None)), [(4, 1), (4, 1)]);
    }

    #[test]
    fn the_remainder_goes_to_the_first_workers() {
        let ten = levels(Some(4), None, None);
        assert_eq!(shares(10, ten), [(3, 1), (3, 1), (2, 1), (2, 1)]);
    }

    #[test]
    fn what_is_asked_is_lowered_until_it_fits_and_said() {
        let split = Split::new(2, &levels(Some(4), Some(8), Some(3)), &[]).unwrap();
        assert_eq!(split.processes(), 2);
        assert_eq!((split.largest().openmp, split.largest().blas), (1, 1));
        let text = split.to_string();
        assert!(
            text.contains("processes=4 was asked for, but only 2 fit"),
            "{text}"
        );
    }

    #[test]
    fn levels_that_take_turns_get_the_whole_share_each() {
        let in_turn = Levels {
            nested: false,
            ..Levels::default()
        };
        assert_eq!(shares(8, in_turn), [(8, 8)]);
    }

    #[test]
    fn impossible_numbers_are_errors() {
        let none = Levels::default();
        assert_eq!(
            Split::new(0, &none, &[]).unwrap_err().code(),
            "invalid-cpus"
        );
        let zero = levels(Some(0), None, None);
        assert_eq!(
            Split::new(4, &zero, &[]).unwrap_err().code(),
            "invalid-limit"
        );
        let split = Split::new(4, &none, &[]).unwrap();
        assert_eq!(split.worker(1).unwrap_err().code(), "no-worker");
    }

    fn some_count() -> impl Strategy<Value = Option<u32>> {
        prop::option::of(1..=MAX_LIMIT)
    }

    proptest! {
        #[test]
        fn the_product_never_exceeds_the_budget_and_no_cpu_is_lost(
            cpus in 1..=MAX_LIMIT,
            processes in prop::option::of(1..=300u32),
            openmp in some_count(),
            blas in some_count(),
            nested: bool,
        ) {
            let asked = Levels { processes, openmp, blas, nested };
            let split = Split::new(cpus, &asked, &[]).unwrap();
            let dealt: u32 = split.workers.iter().map(|share| share.cpus).sum();
            prop_assert_eq!(dealt, cpus);
            for share in &split.workers {
                let used = if nested {
                    share.openmp * share.blas
                } else {
                    share.openmp.max(share.blas)
                };
                prop_assert!(share.openmp >= 1 && share.blas >= 1 && used <= share.cpus);
            }
            prop_assert!(split.largest().cpus - split.smallest().cpus <= 1);
        }
    }
}
