//! A program's facts on a machine that isn't here.

use super::facts::{CpuFacts, Facts, PoolFacts};
use super::settings::asked;
use crate::limit::MAX_LIMIT;
use crate::model::{Pool, Reach};
use crate::runtimes::{self, Begins, Card, Layer};
use crate::{Error, Result};
use std::num::NonZeroU32;
use std::path::PathBuf;

impl Facts {
    /// The facts of this program on a machine with this number of CPUs, all of them
    /// its own. Pools have the threads that they would start with there, except where
    /// a variable or a live limit says another number.
    ///
    /// # Errors
    /// [`Error::InvalidCpus`] for a count outside 1 to [`MAX_LIMIT`].
    pub fn on_machine(&self, cpus: u32) -> Result<Facts> {
        if !(1..=MAX_LIMIT).contains(&cpus) {
            return Err(Error::InvalidCpus {
                name: "cpus",
                value: cpus.to_string(),
            });
        }
        let mut facts = self.clone();
        let mask: Vec<u32> = (0..cpus).collect();
        facts.cpus = CpuFacts {
            budget: cpus,
            source: "the pretended machine".to_owned(),
            counted: cpus,
            mask_at_start: Some(mask.clone()),
            mask: mask.clone(),
            mask_of_any_thread: mask,
            bound_to: None,
            bound_elsewhere: Vec::new(),
            is_pretended: true,
        };
        for (found, there) in self.pools.iter().zip(&mut facts.pools) {
            let begins = threads_at_start(found, self, cpus);
            if !found.is_limited {
                there.pool.num_threads = begins;
                there.told = told_at_start(found, self, cpus).unwrap_or(found.told);
            }
            if let (true, Some(threads)) = (found.starts_at_load(), begins) {
                there.workers = threads.get() - 1;
            }
            settle_capacity(&mut there.pool);
        }
        facts.follow_openmp();
        Ok(facts)
    }

    /// A BLAS that runs on an OpenMP runtime has its number.
    fn follow_openmp(&mut self) {
        for index in 0..self.pools.len() {
            let Some(path) = self.pools[index].pool.runs_on.as_ref() else {
                continue;
            };
            let decides = self.pools.iter().find(|other| other.pool.filepath == *path);
            self.pools[index].pool.num_threads = decides.and_then(|other| other.pool.num_threads);
        }
    }
}

/// A capacity goes down with the workers, which hold a buffer each, as the
/// library does.
fn settle_capacity(pool: &mut Pool) {
    if let (Some(most), Some(threads)) = (pool.max_threads, pool.num_threads) {
        let workers = threads.min(most).get() - 1;
        pool.capacity = pool.capacity_beside(workers).or(pool.capacity);
    }
}

/// The threads that a runtime takes by default, on a machine with that budget and this
/// number of CPUs in the mask.
fn by_itself(found: &PoolFacts, budget: u32, counted: u32) -> Option<u32> {
    match found.behaviour().begins {
        Begins::Cpus => Some(counted),
        Begins::Budget => Some(budget),
        Begins::Fixed => None,
    }
}

/// The threads that a variable, or a machine with this number of CPUs, tells a pool to
/// use, even if the pool can't have as many; `None` where a call has set the pool.
fn told_at_start(found: &PoolFacts, here: &Facts, cpus: u32) -> Option<u32> {
    let asked = asked(found, here).map(|(_, _, threads)| threads);
    let is_untold = Some(found.told) == by_itself(found, here.cpus.budget, here.cpus.counted);
    asked.or(is_untold.then_some(cpus))
}

/// The threads that a pool would start with on a machine with this number of CPUs.
fn threads_at_start(found: &PoolFacts, here: &Facts, cpus: u32) -> Option<NonZeroU32> {
    let present = found.pool.num_threads;
    if found.fixed.is_some() || found.layer() == Some(Layer::WithoutThreads) {
        return present;
    }
    let most = found.pool.max_threads.map_or(u32::MAX, NonZeroU32::get);
    let there = by_itself(found, cpus, cpus);
    let threads = match (asked(found, here), there) {
        (Some((_, _, asked)), Some(there)) if found.behaviour().is_ceiling => asked.min(there),
        (Some((_, _, asked)), _) => asked,
        (None, None) => return present,
        (None, Some(there)) => {
            let here = by_itself(found, here.cpus.budget, here.cpus.counted);
            let is_untold = present
                .is_none_or(|threads| here.is_some_and(|here| threads.get() == here.min(most)));
            // Somebody has set it, and would there too.
            if !is_untold && !found.is_limited {
                return present;
            }
            there
        }
    };
    NonZeroU32::new(threads.min(most))
}

impl PoolFacts {
    /// A pool of that runtime (an id among [`crate::runtimes::all`]) which isn't
    /// loaded here. The caller sets its other fields.
    ///
    /// # Errors
    /// [`Error::UnknownPool`] if there is no such runtime.
    ///
    /// # Examples
    ///
    /// ```
    /// use poolkeeper::doctor::{Facts, PoolFacts, diagnose};
    /// let mut blas = PoolFacts::described("openblas", "/lib/libopenblas.so", 64)?;
    /// blas.pool.capacity = Some(64);
    /// let openmp = PoolFacts::described("libgomp", "/lib/libgomp.so.1", 128)?;
    /// let mut facts = Facts { pools: vec![blas, openmp], ..Facts::default() };
    /// facts.cpus.budget = 128;
    /// assert_eq!(diagnose(&facts).findings[0].code, "PK101");
    /// # Ok::<(), poolkeeper::Error>(())
    /// ```
    pub fn described(
        runtime: &str,
        filepath: impl Into<PathBuf>,
        threads: u32,
    ) -> Result<PoolFacts> {
        let card = runtimes::find(runtime).ok_or_else(|| Error::UnknownPool {
            name: runtime.to_owned(),
            suggestion: crate::error::nearest(runtime, runtimes::all().map(|card| card.id)),
            known: runtimes::all().map(|card| card.id).collect(),
        })?;
        Ok(PoolFacts {
            pool: described(card, filepath.into(), NonZeroU32::new(threads)),
            told: threads,
            fixed: None,
            is_limited: false,
            workers: 0,
        })
    }
}

/// A pool of which only this is known.
fn described(card: &'static Card, filepath: PathBuf, num_threads: Option<NonZeroU32>) -> Pool {
    Pool {
        id: 0,
        user_api: card.level.name(),
        internal_api: card.internal_api,
        num_threads,
        prefix: card
            .file_prefixes
            .first()
            .copied()
            .unwrap_or(card.id)
            .to_owned(),
        filepath,
        version: None,
        threading_layer: None,
        architecture: None,
        runtime: card.id,
        name: card.name,
        level: card.level,
        reach: Reach::Process,
        max_threads: None,
        can_end_workers: false,
        capacity: None,
        symbol_prefix: "",
        symbol_suffix: "",
        runs_on: None,
        backends: None,
    }
}
