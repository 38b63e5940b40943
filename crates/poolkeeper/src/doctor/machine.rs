//! A program's facts on a machine that isn't here.

use super::facts::{CpuFacts, Facts, PoolFacts};
use super::settings::{read, variables};
use crate::limit::MAX_LIMIT;
use crate::model::Pool;
use crate::runtimes;
use crate::{Error, Result};
use std::num::NonZeroU32;
use std::path::PathBuf;

impl Facts {
    /// The same program on a machine with so many CPUs, all of them its own:
    /// pools have the threads that they would start with there, but where a
    /// variable or a live limit says another number.
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
            if let (true, Some(threads)) = (found.is_on_pthreads(), begins) {
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
    if let (Some(_), Some(most), Some(threads)) =
        (pool.capacity, pool.max_threads, pool.num_threads)
    {
        pool.capacity = Some(2 * most.get() - threads.min(most).get());
    }
}

/// The threads that a variable, or a machine with so many CPUs, tells a pool to use,
/// whatever the most is that it can; `None` where somebody has set it otherwise.
fn told_at_start(found: &PoolFacts, here: &Facts, cpus: u32) -> Option<u32> {
    let (names, reading) = variables(found);
    let mut names = names.iter();
    let asked = names.find_map(|name| read(here.environment.now(name)?, reading));
    asked.or((found.told == here.cpus.counted).then_some(cpus))
}

/// The threads that a pool would start with on a machine with so many CPUs.
fn threads_at_start(found: &PoolFacts, here: &Facts, cpus: u32) -> Option<NonZeroU32> {
    let present = found.pool.num_threads;
    if found.fixed.is_some() {
        return present;
    }
    let (names, reading) = variables(found);
    let asked = names
        .iter()
        .find_map(|name| read(here.environment.now(name)?, reading));
    let most = found.pool.max_threads.map_or(u32::MAX, NonZeroU32::get);
    let is_as_counted = present.is_none_or(|threads| threads.get() == here.cpus.counted.min(most));
    let threads = match (found.pool.runtime, asked) {
        // It never starts more than it counts CPUs.
        ("openblas", Some(asked)) => asked.min(cpus),
        (_, Some(asked)) => asked,
        // It starts with one thread unless it is told.
        ("blis", None) => return present,
        // It has no number of its own: it takes OpenMP's.
        ("lightgbm", None) => return present,
        // Somebody has set it, and would there too.
        (_, None) if !is_as_counted && !found.is_limited => return present,
        (_, None) => cpus,
    };
    NonZeroU32::new(threads.min(most))
}

impl PoolFacts {
    /// A pool of that runtime (an id among [`crate::runtimes::all`]) which isn't
    /// loaded here; what else is known of it is set in its fields.
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
        let card = runtimes::all().find(|card| card.id == runtime);
        let card = card.ok_or_else(|| Error::UnknownPool {
            name: runtime.to_owned(),
            suggestion: crate::error::nearest(runtime, runtimes::all().map(|card| card.id)),
            known: runtimes::all().map(|card| card.id).collect(),
        })?;
        Ok(PoolFacts {
            pool: Pool::described(card, filepath.into(), NonZeroU32::new(threads)),
            told: threads,
            fixed: None,
            is_limited: false,
            workers: 0,
        })
    }
}
