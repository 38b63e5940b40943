//! Loaded objects x known runtimes -> the pools of the process, cached on the
//! loader's counters.
//!
//! A look at the loader's list waits for the loader, whose lock another thread
//! may hold while it runs code of its own: so [`look`] needs no lock of this
//! library, and what it found is published afterwards.

use crate::Result;
use crate::companion::{FoundCompanion, LoadedCompanion};
use crate::discover::{Kept, LoadedPool, PoolId};
use crate::native::Object;
use crate::platform::{self, Epoch, Library, SymbolTable};
use crate::runtimes::{COMPANIONS, Runtime, recognising};
use std::ffi::CString;
use std::sync::Arc;

/// The pools that were loaded at one time.
pub(crate) type Snapshot = Arc<Vec<Arc<LoadedPool>>>;

/// The pools found so far, and when the loader last changed.
#[derive(Default)]
pub(crate) struct Catalog {
    pools: Snapshot,
    /// In the order in which they were found; none ever leaves.
    companions: Arc<Vec<Arc<LoadedCompanion>>>,
    epoch: Option<Epoch>,
    last_id: PoolId,
    /// Rises whenever the list of pools is replaced.
    generation: u64,
    /// Pools whose references are being given back and taken again.
    resting: Vec<Arc<LoadedPool>>,
    /// Pools that are listed no more, but may be named by a scope. Dropping the
    /// last reference to one waits for the loader, which a scope must not do
    /// wherever it happens to be dropped.
    retired: Vec<Arc<LoadedPool>>,
    /// References that nobody needs any more, likewise.
    spare: Vec<Library>,
}

/// What a [`look`] starts from.
pub(crate) struct Known {
    pools: Snapshot,
    companions: Arc<Vec<Arc<LoadedCompanion>>>,
    generation: u64,
}

/// What a look at the loader's list found.
pub(crate) struct Look {
    pools: Vec<Arc<LoadedPool>>,
    new_companions: Vec<Arc<LoadedCompanion>>,
    epoch: Epoch,
    generation: u64,
    has_new: bool,
}

impl Look {
    /// Whether it found pools that were not known.
    pub(crate) fn has_new(&self) -> bool {
        self.has_new
    }
}

/// Pools that rest, and when they began to.
pub(crate) struct Resting {
    pools: Vec<Arc<LoadedPool>>,
    libraries: Vec<Arc<Library>>,
    epoch: Option<Epoch>,
    generation: u64,
}

/// Pools that have rested, and those that are still there with their new references.
pub(crate) struct Rested {
    pools: Vec<Arc<LoadedPool>>,
    stay: Vec<(Arc<LoadedPool>, Library)>,
    epoch: Option<Epoch>,
    generation: u64,
}

/// What nobody needs any more: to be dropped where waiting for the loader is safe.
#[must_use = "drop it without a lock"]
#[expect(dead_code, reason = "kept to be dropped")]
pub(crate) struct Spare(Vec<Arc<LoadedPool>>, Vec<Library>);

impl Catalog {
    pub(crate) fn pools(&self) -> &[Arc<LoadedPool>] {
        &self.pools
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Arc::clone(&self.pools)
    }

    /// The number of the newest pool that was ever found.
    pub(crate) fn last_id(&self) -> PoolId {
        self.last_id
    }

    /// Whether the list is that of the loader's counters.
    pub(crate) fn is_of(&self, epoch: Epoch) -> bool {
        self.epoch == Some(epoch)
    }

    /// Whether the list may lack pools, whose references are being taken anew.
    pub(crate) fn is_resting(&self) -> bool {
        !self.resting.is_empty()
    }

    /// What can end its idle workers, kept for calls without the registry's lock.
    pub(crate) fn keep_those_with_workers(&self) -> Vec<Kept> {
        let pools = self.pools.iter().filter(|pool| pool.facts.can_end_workers);
        pools.filter_map(LoadedPool::keep).collect()
    }

    /// Takes back what was kept. What nobody else has any more stays until dropping it
    /// is safe.
    pub(crate) fn take_back(&mut self, kept: Vec<Kept>) {
        for (pool, library) in kept.into_iter().map(Kept::into_last) {
            self.retired.extend(pool.map(Arc::new));
            self.spare.extend(library);
        }
    }

    /// Makes the next call look again, changed or not.
    pub(crate) fn look_again(&mut self) {
        self.epoch = None;
        self.generation += 1;
    }

    /// What to [`look`] with.
    pub(crate) fn known(&self) -> Known {
        Known {
            pools: self.snapshot(),
            companions: Arc::clone(&self.companions),
            generation: self.generation,
        }
    }

    /// The libraries to be met on each thread; never fewer than before.
    pub(crate) fn companions(&self) -> &[Arc<LoadedCompanion>] {
        &self.companions
    }

    /// Makes what a look found the list; says whether it did. It doesn't where
    /// the list has changed since the look began: look again.
    pub(crate) fn publish(&mut self, look: Look) -> (bool, Spare) {
        if look.generation != self.generation {
            return (false, Spare(look.pools, Vec::new()));
        }
        let numbered = look.pools.into_iter().map(|pool| self.number(pool));
        let pools: Vec<_> = numbered.collect();
        let gone = |pool: &&Arc<LoadedPool>| !pools.iter().any(|other| other.id == pool.id);
        let gone: Vec<_> = self.pools.iter().filter(gone).cloned().collect();
        self.retired.extend(gone);
        self.pools = Arc::new(pools);
        if !look.new_companions.is_empty() {
            let known = self.companions.iter().cloned();
            self.companions = Arc::new(known.chain(look.new_companions).collect());
        }
        self.epoch = Some(look.epoch);
        self.generation += 1;
        (true, Spare(Vec::new(), Vec::new()))
    }

    /// Gives a new pool its number: that of its twin, if that rests.
    fn number(&mut self, pool: Arc<LoadedPool>) -> Arc<LoadedPool> {
        if pool.id != 0 {
            return pool;
        }
        let mut pool = pool;
        let twin = self.resting.iter().find(|other| other.is_twin(&pool));
        let id = twin.map_or(self.last_id + 1, |twin| twin.id);
        self.last_id = self.last_id.max(id);
        if let Some(pool) = Arc::get_mut(&mut pool) {
            pool.id = id;
        }
        pool
    }

    /// Takes all pools off the list, to [renew](Resting::renew) their references
    /// without a lock. No scope may be live. Who calls meanwhile looks for
    /// itself, and takes references of its own.
    pub(crate) fn rest(&mut self) -> (Resting, Spare) {
        let pools = std::mem::take(&mut self.pools).to_vec();
        self.resting.extend(pools.iter().cloned());
        self.generation += 1;
        let resting = Resting {
            libraries: pools
                .iter()
                .filter_map(|pool| pool.take_reference())
                .collect(),
            pools,
            epoch: self.epoch.take(),
            generation: self.generation,
        };
        let (retired, spare) = (
            std::mem::take(&mut self.retired),
            std::mem::take(&mut self.spare),
        );
        (resting, Spare(retired, spare))
    }

    /// Puts pools back that rested, with their new references.
    pub(crate) fn wake(&mut self, rested: Rested) -> Spare {
        let Rested {
            pools,
            stay,
            epoch,
            generation,
        } = rested;
        self.resting
            .retain(|pool| !pools.iter().any(|other| Arc::ptr_eq(pool, other)));
        if generation == self.generation {
            let put = |(pool, library): (Arc<LoadedPool>, Library)| {
                pool.put_reference(library);
                pool
            };
            self.pools = Arc::new(stay.into_iter().map(put).collect());
            self.epoch = epoch;
            self.generation += 1;
            return Spare(pools, Vec::new());
        }
        // Somebody else has looked meanwhile, and holds references of its own.
        let (stay, libraries): (Vec<_>, Vec<_>) = stay.into_iter().unzip();
        Spare(pools.into_iter().chain(stay).collect(), libraries)
    }

    #[cfg(test)]
    pub(crate) fn fake(pools: Vec<LoadedPool>) -> Self {
        let last_id = pools.iter().map(|pool| pool.id).max().unwrap_or(0);
        Catalog {
            pools: Arc::new(pools.into_iter().map(Arc::new).collect()),
            epoch: Some(platform::epoch()),
            last_id,
            ..Catalog::default()
        }
    }
}

impl Resting {
    /// Gives each reference back and takes it again, so that a library which
    /// the program has closed really goes.
    pub(crate) fn renew(self) -> Rested {
        drop(self.libraries);
        let renewed = |pool: &Arc<LoadedPool>| Some((Arc::clone(pool), pool.pin()?));
        Rested {
            stay: self.pools.iter().filter_map(renewed).collect(),
            pools: self.pools,
            epoch: self.epoch,
            generation: self.generation,
        }
    }
}

/// Looks through the loaded objects. Waits for the loader; taking hold of a pool
/// may load others, as MKL's first use does.
///
/// # Errors
/// [`crate::Error::UnsupportedPlatform`] where there is no loader to ask.
pub(crate) fn look(known: Known) -> Result<Look> {
    let (candidates, companions, epoch) = candidates()?;
    let is_new = |found: &FoundCompanion| !known.companions.iter().any(|c| found.is(c));
    let new_companions = companions
        .into_iter()
        .filter(is_new)
        .filter_map(FoundCompanion::take_hold)
        .map(Arc::new)
        .collect();
    let mut pools = Vec::with_capacity(candidates.len());
    let mut has_new = false;
    for candidate in candidates {
        match known.pools.iter().find(|pool| candidate.is(pool)) {
            Some(pool) => pools.push(Arc::clone(pool)),
            None => {
                let new = candidate.take_hold();
                has_new |= new.is_some();
                pools.extend(new.map(Arc::new));
            }
        }
    }
    Ok(Look {
        pools,
        new_companions,
        epoch,
        generation: known.generation,
        has_new,
    })
}

/// An object in the loader's list that a runtime recognised.
struct Candidate {
    runtime: &'static dyn Runtime,
    name: CString,
    base: usize,
    symbols: SymbolTable<'static>,
    is_part: bool,
}

impl Candidate {
    fn is(&self, pool: &LoadedPool) -> bool {
        pool.is_in(self.runtime, &self.name, self.base)
    }

    fn take_hold(self) -> Option<LoadedPool> {
        let library = Library::pin(&self.name, self.base)?;
        // SAFETY: `pin` made sure that the object at this base is the one that
        // the table was found in.
        let object = unsafe { Object::new(library, self.symbols) };
        let bound = self.runtime.bind(&object)?;
        // A runtime may start, load its parts and register its own fork handlers
        // when it is first asked: here, where no lock of ours is held.
        let _ = bound.control.threads();
        Some(LoadedPool::new(
            self.runtime,
            bound,
            self.name,
            self.base,
            object.library,
        ))
    }
}

/// What a walk through the loader's list recognised, and when that was.
type Walk = (Vec<Candidate>, Vec<FoundCompanion>, Epoch);

/// Walks the loader's list once. No `dlopen`, no waiting, no foreign code.
fn candidates() -> Result<Walk> {
    let mut found = Vec::new();
    let mut companions = Vec::new();
    let epoch = platform::each_image(|image| {
        let Some(symbols) = image.symbols() else {
            return;
        };
        for runtime in recognising(&symbols) {
            found.push(Candidate {
                runtime,
                name: image.name().to_owned(),
                base: image.base(),
                is_part: runtime.is_part(&symbols),
                // SAFETY: only the lifetime changes. The table is not read
                // again until `Library::pin` has made sure that the object is
                // mapped, and then only while it is pinned.
                symbols: unsafe {
                    std::mem::transmute::<SymbolTable<'_>, SymbolTable<'static>>(symbols)
                },
            });
        }
        for companion in COMPANIONS.iter().filter(|c| c.recognises(&symbols)) {
            companions.push(FoundCompanion {
                companion,
                name: image.name().to_owned(),
                base: image.base(),
                // SAFETY: as above.
                symbols: unsafe {
                    std::mem::transmute::<SymbolTable<'_>, SymbolTable<'static>>(symbols)
                },
            });
        }
    })?;
    let wholes: Vec<_> = found
        .iter()
        .filter(|c| !c.is_part)
        .map(|c| c.runtime.card().id)
        .collect();
    found.retain(|c| !c.is_part || !wholes.contains(&c.runtime.card().id));
    Ok((found, companions, epoch))
}

#[cfg(test)]
#[path = "catalog_tests.rs"]
mod tests;
