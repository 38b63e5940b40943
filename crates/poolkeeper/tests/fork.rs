//! A forked child can ask the loader what is loaded, whatever other threads did when it
//! was forked. Alone in its process: no other test loads a library meanwhile.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

const FORKS: usize = 1000;
/// Seconds after which a child that hangs is killed.
const PATIENCE: u32 = 10;

#[test]
fn a_child_finds_the_loader_free() {
    let done = AtomicBool::new(false);
    let failed = thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !done.load(Relaxed) {
                    poolkeeper::limit(1).expect("a limit").end();
                }
            });
        }
        let failed = (0..FORKS).find(|_| status_of_a_child() != 0);
        done.store(true, Relaxed);
        failed
    });
    assert_eq!(failed, None, "this child, of {FORKS}");
}

/// How a child ends that limits the pools.
fn status_of_a_child() -> libc::c_int {
    // SAFETY: the child only calls poolkeeper, which is whole after a fork, and leaves
    // without unwinding or running what the parent registered for its end.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::alarm(PATIENCE);
            let limited = poolkeeper::limit(1).map(|mut scope| scope.end());
            libc::_exit(i32::from(limited.is_err()));
        }
        let mut status = -1;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child, "waitpid");
        status
    }
}
