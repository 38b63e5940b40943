//! Images x registry -> pools, cached on the loader's counters.

use crate::Result;
use crate::model::Pool;
use crate::native::Object;
use crate::platform::{self, Epoch, Library, SymbolTable};
use crate::runtimes::{Bound, Control, Facts, RUNTIMES, Runtime, count};
use libc::c_int;
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Tells pools apart for the life of the process; later pools have larger ones.
pub(crate) type PoolId = u32;

/// A recognised runtime, pinned, with its knobs.
pub(crate) struct LoadedPool {
    pub(crate) id: PoolId,
    pub(crate) runtime: &'static dyn Runtime,
    pub(crate) filepath: PathBuf,
    pub(crate) facts: Facts,
    control: Box<dyn Control>,
    prefix: String,
    loader_name: CString,
    base: usize,
    /// Keeps the object mapped as long as the catalog lists the pool.
    library: Mutex<Option<Library>>,
}

impl LoadedPool {
    pub(crate) fn control(&self) -> &dyn Control {
        &*self.control
    }

    pub(crate) fn threads(&self) -> c_int {
        self.control.threads()
    }

    /// # Errors
    /// As [`Control::switch_backend`].
    pub(crate) fn switch_backend(&self, backend: &str) -> Result<()> {
        self.control.switch_backend(backend)
    }

    /// A reference of the caller's own to the pool's library, to call into it
    /// without the registry's lock; `None` if it is gone.
    pub(crate) fn pin(&self) -> Option<Library> {
        Library::pin(&self.loader_name, self.base)
    }

    /// Whether FlexiBLAS means this pool by the name (or path) of a backend.
    fn is_backend(&self, name: &str) -> bool {
        if name.contains('/') {
            return Path::new(name)
                .canonicalize()
                .is_ok_and(|path| path == self.filepath);
        }
        // Its configuration's names tell the runtime ("OPENBLASPTHREAD"); the
        // copies in Python's wheels, with names of their own, are no backends.
        let id = self.runtime.card().id;
        self.facts.symbol_prefix.is_empty() && name.to_lowercase().contains(id)
    }

    #[cfg(test)]
    pub(crate) fn fake(
        id: PoolId,
        runtime: &'static dyn Runtime,
        facts: Facts,
        control: Box<dyn Control>,
    ) -> Self {
        LoadedPool {
            id,
            runtime,
            filepath: PathBuf::from(format!("/fake/{}-{id}.so", runtime.card().id)),
            facts,
            control,
            prefix: runtime.card().id.to_owned(),
            loader_name: CString::default(),
            base: 0,
            library: Mutex::new(None),
        }
    }
}

/// The place of the pool whose thread count decides for the one at `index`: the
/// OpenMP runtime that an OpenBLAS runs on, the backend that a FlexiBLAS passes
/// its calls to, or the pool itself.
pub(crate) fn knob(pools: &[Arc<LoadedPool>], index: usize) -> usize {
    let pool = &pools[index];
    let backend = if pool.facts.passes_on {
        backend(pools, index)
    } else {
        None
    };
    openmp_under(pools, backend.unwrap_or(index))
}

/// The OpenMP runtime that a pool runs on, or the pool itself.
fn openmp_under(pools: &[Arc<LoadedPool>], index: usize) -> usize {
    let Some(address) = pools[index].facts.runs_on else {
        return index;
    };
    let runtime = pools
        .iter()
        .position(|other| other.facts.provides == Some(address));
    runtime.unwrap_or(index)
}

/// The backend that a FlexiBLAS passes calls to; `None` if none is known, or
/// more than one answers to its name.
fn backend(pools: &[Arc<LoadedPool>], index: usize) -> Option<usize> {
    let name = pools[index].control.backend()?;
    let mut backends = (0..pools.len()).filter(|i| *i != index && pools[*i].is_backend(&name));
    backends.next().filter(|_| backends.next().is_none())
}

/// The pool at `index` as it is now, to the calling thread.
pub(crate) fn describe(pools: &[Arc<LoadedPool>], index: usize) -> Pool {
    let pool = &pools[index];
    let decides = knob(pools, index);
    let knob = &pools[decides];
    let card = pool.runtime.card();
    Pool {
        id: pool.id,
        user_api: card.level.name(),
        internal_api: card.internal_api,
        num_threads: count(knob.threads()),
        prefix: pool.prefix.clone(),
        filepath: pool.filepath.clone(),
        version: pool.facts.version.clone(),
        threading_layer: pool.facts.threading_layer.clone(),
        architecture: pool.facts.architecture.clone(),
        runtime: card.id,
        name: card.name,
        level: card.level,
        reach: knob.facts.reach,
        max_threads: pool.facts.max_threads,
        capacity: pool.control.capacity(),
        symbol_prefix: pool.facts.symbol_prefix,
        symbol_suffix: pool.facts.symbol_suffix,
        runs_on: (decides != index).then(|| knob.filepath.clone()),
        backends: pool.control.backends(),
    }
}

/// An object in the loader's list that a runtime recognised.
struct Candidate {
    runtime: &'static dyn Runtime,
    name: CString,
    base: usize,
    symbols: SymbolTable<'static>,
    is_part: bool,
}

/// How often a list that goes on changing is looked at before the next call.
const MOST_LOOKS: usize = 4;

/// The pools that were loaded at one time.
pub(crate) type Snapshot = Arc<Vec<Arc<LoadedPool>>>;

/// The pools found so far, and when the loader last changed.
#[derive(Default)]
pub(crate) struct Catalog {
    pools: Snapshot,
    epoch: Option<Epoch>,
    last_id: PoolId,
}

impl Catalog {
    pub(crate) fn pools(&self) -> &[Arc<LoadedPool>] {
        &self.pools
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Arc::clone(&self.pools)
    }

    /// Looks again if the loader's counters moved; says whether they had.
    ///
    /// # Errors
    /// [`crate::Error::UnsupportedPlatform`] where there is no loader to ask.
    pub(crate) fn refresh(&mut self) -> Result<bool> {
        if self.epoch == Some(platform::epoch()) {
            return Ok(false);
        }
        // Taking hold of a pool may load another: MKL's first use does.
        for _ in 0..MOST_LOOKS {
            let (candidates, epoch) = candidates()?;
            let mut pools = Vec::new();
            for candidate in candidates {
                match self.pools.iter().find(|pool| candidate.is(pool)) {
                    Some(pool) => pools.push(Arc::clone(pool)),
                    None => pools.extend(candidate.take_hold(&mut self.last_id).map(Arc::new)),
                }
            }
            self.pools = Arc::new(pools);
            self.epoch = Some(epoch);
            if platform::epoch() == epoch {
                break;
            }
        }
        Ok(true)
    }

    /// Lets the next [`Catalog::refresh`] look again, changed or not.
    pub(crate) fn look_again(&mut self) {
        self.epoch = None;
    }

    /// Gives every reference back and takes it again, so that a library which
    /// the program has closed really goes. No scope may be live: what has ended
    /// still names its pools, and calls nothing in them.
    ///
    /// # Errors
    /// As [`Catalog::refresh`].
    pub(crate) fn refresh_and_let_go(&mut self) -> Result<bool> {
        let mut stay = Vec::with_capacity(self.pools.len());
        for pool in self.pools.iter() {
            let mut library = pool.library.lock().unwrap_or_else(PoisonError::into_inner);
            *library = None;
            *library = pool.pin();
            if library.is_some() {
                stay.push(Arc::clone(pool));
            }
        }
        if stay.len() < self.pools.len() {
            self.pools = Arc::new(stay);
        }
        self.refresh()
    }

    #[cfg(test)]
    pub(crate) fn fake(pools: Vec<LoadedPool>) -> Self {
        let last_id = pools.iter().map(|pool| pool.id).max().unwrap_or(0);
        Catalog {
            pools: Arc::new(pools.into_iter().map(Arc::new).collect()),
            epoch: Some(platform::epoch()),
            last_id,
        }
    }
}

impl Candidate {
    fn is(&self, pool: &LoadedPool) -> bool {
        let same_runtime = pool.runtime.card().id == self.runtime.card().id;
        same_runtime && pool.base == self.base && pool.loader_name == self.name
    }

    fn take_hold(self, last_id: &mut PoolId) -> Option<LoadedPool> {
        let library = Library::pin(&self.name, self.base)?;
        // SAFETY: `pin` made sure that the object at this base is the one that
        // the table was found in.
        let object = unsafe { Object::new(library, self.symbols) };
        let Bound { control, facts } = self.runtime.bind(&object)?;
        let filepath = real_path(&self.name, self.base);
        *last_id += 1;
        Some(LoadedPool {
            id: *last_id,
            prefix: prefix(self.runtime.card().file_prefixes, &filepath),
            runtime: self.runtime,
            filepath,
            facts,
            control,
            loader_name: self.name,
            base: self.base,
            library: Mutex::new(Some(object.library)),
        })
    }
}

/// Walks the loader's list once. No `dlopen`, no waiting, no foreign code.
fn candidates() -> Result<(Vec<Candidate>, Epoch)> {
    let mut found = Vec::new();
    let epoch = platform::each_image(|image| {
        let Some(symbols) = image.symbols() else {
            return;
        };
        for runtime in RUNTIMES
            .iter()
            .filter(|runtime| runtime.recognises(&symbols))
        {
            found.push(Candidate {
                runtime: *runtime,
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
    })?;
    let wholes: Vec<_> = found
        .iter()
        .filter(|c| !c.is_part)
        .map(|c| c.runtime.card().id)
        .collect();
    found.retain(|c| !c.is_part || !wholes.contains(&c.runtime.card().id));
    Ok((found, epoch))
}

/// The loader's name as an absolute path without symbolic links. A relative one
/// was relative to the folder of that time: the kernel knows better.
fn real_path(loader_name: &CStr, base: usize) -> PathBuf {
    let name = platform::path_of(loader_name);
    let path = if name.is_absolute() {
        name
    } else if name.as_os_str().is_empty() {
        std::env::current_exe().unwrap_or_default()
    } else {
        platform::mapped_file(base).unwrap_or(name)
    };
    path.canonicalize().unwrap_or(path)
}

/// The known beginning of the file's name, or its name up to the first dot.
fn prefix(known: &[&str], path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let lower = name.to_lowercase();
    match known.iter().find(|prefix| lower.starts_with(**prefix)) {
        Some(prefix) => (*prefix).to_owned(),
        None => name.split('.').next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_the_known_one_or_the_stem() {
        let known = ["libscipy_openblas", "libopenblas"];
        let of = |name: &str| prefix(&known, Path::new(name));
        assert_eq!(
            of("/x/libscipy_openblas64_-32a4b2a6.so"),
            "libscipy_openblas"
        );
        assert_eq!(of("/x/libopenblasp-r0.3.21.so"), "libopenblas");
        assert_eq!(of("/x/cy.cpython-311-x86_64-linux-gnu.so"), "cy");
    }

    #[test]
    fn looking_again_without_a_change_finds_the_same() {
        let mut catalog = Catalog::default();
        assert!(catalog.refresh().unwrap());
        assert!(!catalog.refresh().unwrap());
    }
}
