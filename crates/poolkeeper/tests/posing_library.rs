//! The public interface on a library that poses as an OpenBLAS.
//!
//! The pools belong to the process, so each test has it for itself.

use libloading::{Library, Symbol};
use poolkeeper::{EndStatus, Request, Selector, Status};
use std::ffi::c_int;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

static PROCESS: Mutex<()> = Mutex::new(());

/// The library, loaded, and the process for one test.
struct Posing {
    library: Option<Library>,
    _alone: MutexGuard<'static, ()>,
}

impl Posing {
    fn load() -> Self {
        let alone = PROCESS.lock().unwrap_or_else(PoisonError::into_inner);
        let mut posing = Posing {
            library: None,
            _alone: alone,
        };
        posing.open();
        posing
    }

    fn open(&mut self) {
        // SAFETY: the library has no constructors.
        let library = unsafe { Library::new(path()) };
        self.library = Some(library.expect("cargo built it for this test"));
    }

    fn close(&mut self) {
        self.library = None;
    }

    fn threads(&self) -> c_int {
        let library = self.library.as_ref().expect("loaded");
        // SAFETY: the signature in the library's source.
        unsafe {
            let get: Symbol<'_, unsafe extern "C" fn() -> c_int> =
                library.get(b"openblas_get_num_threads").expect("defined");
            get()
        }
    }

    fn somebody_sets(&self, threads: c_int) {
        let library = self.library.as_ref().expect("loaded");
        // SAFETY: the signature in the library's source.
        unsafe {
            let set: Symbol<'_, unsafe extern "C" fn(c_int)> =
                library.get(b"openblas_set_num_threads").expect("defined");
            set(threads);
        }
    }
}

/// Where cargo puts what a test depends on: beside the test itself.
fn path() -> PathBuf {
    let test = std::env::current_exe().expect("a running test");
    let name = "libpoolkeeper_testlib.so";
    test.parent().expect("a folder").join(name)
}

fn is_listed() -> bool {
    let posing = path().canonicalize().expect("it exists");
    poolkeeper::pools()
        .expect("Linux")
        .iter()
        .any(|pool| pool.filepath == posing)
}

#[test]
fn a_pool_is_described() {
    let _posing = Posing::load();
    let pools = poolkeeper::pools().expect("Linux");
    let pool = pools
        .iter()
        .find(|pool| pool.runtime == "openblas")
        .expect("loaded");
    assert_eq!(pool.version.as_deref(), Some("9.9.9"));
    assert_eq!(pool.architecture.as_deref(), Some("Posing"));
    assert_eq!(pool.threading_layer.as_deref(), Some("pthreads"));
    assert_eq!(pool.num_threads.map(Into::into), Some(8));
    assert_eq!(pool.max_threads.map(Into::into), Some(16));
    assert_eq!(
        pool.capacity,
        Some(2 * 16 - 8),
        "two buffers a thread, less one for each worker and one"
    );
    assert_eq!((pool.symbol_prefix, pool.symbol_suffix), ("", ""));
}

#[test]
fn a_guard_limits_and_restores() {
    let posing = Posing::load();
    {
        let scope = poolkeeper::limit(2).expect("valid");
        assert_eq!(posing.threads(), 2);
        assert!(
            scope
                .outcomes()
                .iter()
                .all(|outcome| outcome.status == Status::Applied)
        );
    }
    assert_eq!(posing.threads(), 8);
}

#[test]
fn a_panic_restores() {
    let posing = Posing::load();
    let panicked = thread::spawn(|| {
        let _scope = poolkeeper::limit(2).expect("valid");
        panic!("inside the scope");
    });
    assert!(panicked.join().is_err());
    assert_eq!(posing.threads(), 8);
}

#[test]
fn a_number_that_is_too_high_is_clamped() {
    let posing = Posing::load();
    let kept = poolkeeper::limit(Request::new().blas(100)).expect("valid");
    assert_eq!(kept.outcomes()[0].status, Status::Below);
    assert_eq!(
        (posing.threads(), kept.outcomes()[0].observed),
        (8, Some(8))
    );
    let scope = poolkeeper::limit(Request::new().blas(100).force()).expect("valid");
    assert_eq!(posing.threads(), 16);
    assert_eq!(scope.outcomes()[0].status, Status::Clamped);
    assert_eq!(scope.outcomes()[0].observed, Some(16));
    drop(scope);
    drop(kept);
    assert_eq!(posing.threads(), 8);
}

#[test]
fn what_somebody_else_set_is_left_and_told() {
    let posing = Posing::load();
    let scope = poolkeeper::limit(2).expect("valid");
    posing.somebody_sets(5);
    let endings = scope.release();
    let left = EndStatus::Left {
        expected: 2,
        found: 5,
    };
    assert!(
        endings.iter().any(|ending| ending.status == left),
        "{endings:?}"
    );
    assert_eq!(posing.threads(), 5);
    posing.somebody_sets(8);
}

#[test]
fn scopes_of_many_threads_overlap_without_losing_a_limit() {
    let posing = Posing::load();
    thread::scope(|threads| {
        for number in 0..8u32 {
            threads.spawn(move || {
                for round in 0..5_000 {
                    let limit = 1 + (number + round) % 6;
                    let scope = poolkeeper::limit(limit).expect("valid");
                    let observed = scope.outcomes()[0].observed.expect("known");
                    assert!(observed <= limit);
                }
            });
        }
    });
    assert_eq!(posing.threads(), 8);
}

#[test]
fn a_late_scope_covers_what_is_loaded_while_it_lives() {
    let mut posing = Posing::load();
    posing.close();
    assert!(!is_listed(), "nobody holds the library any more");
    let late = poolkeeper::limit(3).expect("valid");
    posing.open();
    assert!(poolkeeper::refresh().expect("Linux"));
    assert_eq!(posing.threads(), 3);
    drop(late);
    assert_eq!(posing.threads(), 8);
}

#[test]
fn a_library_goes_when_the_program_closes_it() {
    let mut posing = Posing::load();
    assert!(is_listed());
    let scope = poolkeeper::limit(2).expect("valid");
    posing.close();
    assert!(is_listed(), "the scope keeps it");
    drop(scope);
    assert!(!is_listed());
    let maps = std::fs::read_to_string("/proc/self/maps").expect("Linux");
    assert!(!maps.contains("libpoolkeeper_testlib"));
}

#[test]
fn the_baseline_is_what_scopes_go_back_to() {
    let posing = Posing::load();
    poolkeeper::set_limit(4).expect("valid");
    drop(poolkeeper::limit(1).expect("valid"));
    assert_eq!(posing.threads(), 4);
    poolkeeper::set_limit(8).expect("valid");
    assert_eq!(posing.threads(), 8);
}

#[test]
fn a_file_is_named_by_its_path() {
    let posing = Posing::load();
    let request = Request::new().select(Selector::File(path()), 3);
    let scope = poolkeeper::limit(request).expect("loaded");
    assert_eq!(posing.threads(), 3);
    drop(scope);
    let wrong = Selector::File(path().with_file_name("libpoolkeeper_testlip.so"));
    let error = poolkeeper::limit(Request::new().select(wrong, 3)).expect_err("not loaded");
    assert_eq!(error.code(), "unknown-file");
    assert!(error.to_string().contains("did you mean"), "{error}");
}
