//! A process with two pools: a BLAS with process reach and an OpenMP runtime
//! with thread reach.

use crate::catalog::Catalog;
use crate::discover::LoadedPool;
use crate::limit::registry::{Live, Registry};
use crate::limit::request::Request;
use crate::limit::threads::ThreadRef;
use crate::model::Reach;
use crate::runtimes::{Control, Facts, RUNTIMES, Runtime};
use libc::c_int;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The pools' values, and who is calling.
#[derive(Clone)]
pub(super) struct FakeProcess(Arc<Mutex<Values>>);

struct Values {
    start: c_int,
    most: c_int,
    blas: c_int,
    openmp: HashMap<u64, c_int>,
    calling: u64,
}

impl FakeProcess {
    pub(super) fn starting_at(start: c_int) -> Self {
        let openmp = HashMap::new();
        let values = Values {
            start,
            most: c_int::MAX,
            blas: start,
            openmp,
            calling: 0,
        };
        FakeProcess(Arc::new(Mutex::new(values)))
    }

    /// A BLAS that was compiled for so many threads.
    pub(super) fn at_most(self, most: c_int) -> Self {
        self.values().most = most;
        self
    }

    fn values(&self) -> std::sync::MutexGuard<'_, Values> {
        self.0.lock().expect("no test panics here")
    }
}

impl Values {
    fn openmp(&mut self) -> &mut c_int {
        self.openmp.entry(self.calling).or_insert(self.start)
    }
}

struct FakeBlas(FakeProcess);

impl Control for FakeBlas {
    fn threads(&self) -> c_int {
        self.0.values().blas
    }

    fn set_threads(&self, threads: c_int) {
        let mut values = self.0.values();
        values.blas = threads.min(values.most);
    }
}

struct FakeOpenMp(FakeProcess);

impl Control for FakeOpenMp {
    fn threads(&self) -> c_int {
        *self.0.values().openmp()
    }

    fn set_threads(&self, threads: c_int) {
        *self.0.values().openmp() = threads;
    }
}

/// The runtime with that id, for its card.
pub(super) fn runtime(id: &str) -> &'static dyn Runtime {
    let known = RUNTIMES.iter().find(|runtime| runtime.card().id == id);
    *known.expect("a known runtime")
}

/// A registry on a fake process, and the threads that play in it.
pub(super) struct Stage {
    pub(super) registry: Registry,
    process: FakeProcess,
}

impl Stage {
    pub(super) fn new(process: FakeProcess) -> Self {
        let blas = Box::new(FakeBlas(process.clone()));
        let openmp = Box::new(FakeOpenMp(process.clone()));
        let pools = vec![
            LoadedPool::fake(1, runtime("openblas"), Facts::new(Reach::Process), blas),
            LoadedPool::fake(2, runtime("libgomp"), Facts::new(Reach::Thread), openmp),
        ];
        let mut registry = Registry::default();
        registry.catalog = Catalog::fake(pools);
        Stage { registry, process }
    }

    pub(super) fn thread(&mut self) -> ThreadRef {
        self.registry.begin_thread()
    }

    pub(super) fn thread_ends(&mut self, thread: ThreadRef) {
        self.registry.threads.end(thread);
    }

    pub(super) fn enter(&mut self, thread: ThreadRef, request: Request) -> Live {
        self.call(thread);
        self.registry
            .enter(&request, thread)
            .expect("a valid request")
    }

    pub(super) fn set_baseline(&mut self, thread: ThreadRef, request: &Request) {
        self.call(thread);
        self.registry
            .set_baseline(request, thread)
            .expect("a valid request");
    }

    pub(super) fn end(&mut self, thread: ThreadRef, scope: &mut Live) {
        self.process.values().calling = thread.key;
        self.registry.leave(scope, Some(thread));
    }

    /// Any call of the library from that thread.
    pub(super) fn call(&mut self, thread: ThreadRef) {
        self.process.values().calling = thread.key;
        self.registry.settle_all(Some(thread));
    }

    pub(super) fn blas(&self) -> c_int {
        self.process.values().blas
    }

    pub(super) fn openmp(&self, thread: ThreadRef) -> c_int {
        let values = self.process.values();
        values
            .openmp
            .get(&thread.key)
            .copied()
            .unwrap_or(values.start)
    }

    pub(super) fn somebody_sets_blas(&self, threads: c_int) {
        self.process.values().blas = threads;
    }

    pub(super) fn somebody_sets_openmp(&self, thread: ThreadRef, threads: c_int) {
        self.process.values().openmp.insert(thread.key, threads);
    }
}
