//! A recognised runtime, pinned: what is known of it, and which pool decides for it.

use crate::Result;
use crate::model::Pool;
use crate::platform::{self, Library};
use crate::runtimes::{Bound, Control, Facts, Runtime, count};
use libc::c_int;
use std::ffi::{CStr, CString};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    /// Keeps the object mapped as long as the catalog lists the pool. Only touched under
    /// the registry's lock, so that a forked child finds it free.
    library: Mutex<Option<Arc<Library>>>,
}

impl LoadedPool {
    pub(crate) fn control(&self) -> &dyn Control {
        &*self.control
    }

    pub(crate) fn threads(&self) -> c_int {
        self.control.threads()
    }

    /// How many threads it starts where it was told to use so many: an OpenMP
    /// runtime no more than OMP_THREAD_LIMIT.
    pub(crate) fn used(&self, told: c_int) -> c_int {
        let most = self.facts.max_threads.map(NonZeroU32::get);
        let most = most.and_then(|most| c_int::try_from(most).ok());
        told.min(most.unwrap_or(c_int::MAX))
    }

    /// How many threads it starts now.
    fn now(&self) -> c_int {
        let told = self.threads();
        self.used(told).min(self.bound())
    }

    /// The most threads that other code's numbers leave it now.
    pub(crate) fn bound(&self) -> c_int {
        if !self.facts.is_one_of_several {
            return c_int::MAX;
        }
        self.control.in_force().unwrap_or(c_int::MAX)
    }

    /// # Errors
    /// As [`Control::switch_backend`].
    pub(crate) fn switch_backend(&self, backend: &str) -> Result<()> {
        self.control.switch_backend(backend)
    }

    /// Keeps the pool for calls without the registry's lock; `None` while its library is
    /// being given back. Needs that lock.
    pub(crate) fn keep(self: &Arc<Self>) -> Option<Kept> {
        let library = self.reference().clone()?;
        Some(Kept {
            pool: Arc::clone(self),
            library,
        })
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

    /// A recognised object that was pinned, without a number yet.
    pub(crate) fn new(
        runtime: &'static dyn Runtime,
        Bound { control, facts }: Bound,
        loader_name: CString,
        base: usize,
        library: Library,
    ) -> Self {
        let filepath = real_path(&loader_name, base);
        LoadedPool {
            id: 0,
            prefix: prefix(runtime.card().file_prefixes, &filepath),
            runtime,
            filepath,
            facts,
            control,
            loader_name,
            base,
            library: Mutex::new(Some(Arc::new(library))),
        }
    }

    /// Whether this is the runtime in the object that the loader calls `name`
    /// and has mapped at `base`.
    pub(crate) fn is_in(&self, runtime: &dyn Runtime, name: &CStr, base: usize) -> bool {
        let same_runtime = self.runtime.card().id == runtime.card().id;
        same_runtime && self.base == base && *self.loader_name == *name
    }

    /// Whether both are the same runtime in the same object.
    pub(crate) fn is_twin(&self, other: &LoadedPool) -> bool {
        self.is_in(other.runtime, &other.loader_name, other.base)
    }

    /// The reference to the library, which the pool has no more. Needs the registry's lock.
    pub(crate) fn take_reference(&self) -> Option<Arc<Library>> {
        self.reference().take()
    }

    /// Gives it a new one. Needs that lock, too; what it had is answered.
    pub(crate) fn put_reference(&self, library: Library) -> Option<Arc<Library>> {
        self.reference().replace(Arc::new(library))
    }

    fn reference(&self) -> MutexGuard<'_, Option<Arc<Library>>> {
        self.library.lock().unwrap_or_else(PoisonError::into_inner)
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

/// A pool that stays mapped for calls without the registry's lock.
pub(crate) struct Kept {
    pool: Arc<LoadedPool>,
    library: Arc<Library>,
}

impl Kept {
    /// As [`Control::end_idle_workers`].
    pub(crate) fn end_idle_workers(&self) -> bool {
        self.pool.control.end_idle_workers()
    }

    /// The pool and the library, where nobody else has them any more. Dropping them
    /// waits for the loader.
    pub(crate) fn into_last(self) -> (Option<LoadedPool>, Option<Library>) {
        (Arc::into_inner(self.pool), Arc::into_inner(self.library))
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
        num_threads: count(knob.now()),
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
        can_end_workers: pool.facts.can_end_workers,
        symbol_prefix: pool.facts.symbol_prefix,
        symbol_suffix: pool.facts.symbol_suffix,
        runs_on: (decides != index).then(|| knob.filepath.clone()),
        backends: pool.control.backends(),
    }
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
pub(crate) fn prefix(known: &[&str], path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let lower = name.to_lowercase();
    match known.iter().find(|prefix| lower.starts_with(**prefix)) {
        // A known one may go on to where the name ends ("libtbb.so"), so that it is no
        // other library's.
        Some(prefix) => stem(prefix).to_owned(),
        None => stem(&name).to_owned(),
    }
}

fn stem(name: &str) -> &str {
    name.split('.').next().unwrap_or_default()
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
        assert_eq!(
            prefix(&["libtbb.so"], Path::new("/x/libtbb.so.12")),
            "libtbb"
        );
        assert_eq!(of("/x/cy.cpython-311-x86_64-linux-gnu.so"), "cy");
    }
}
