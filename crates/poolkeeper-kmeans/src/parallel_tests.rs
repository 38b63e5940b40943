use super::*;
use crate::Threads;

#[test]
fn every_chunk_is_done_once_by_any_number_of_threads() {
    for threads in [1, 2, 3, 7] {
        let done: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
        with_team(|team| {
            for _ in 0..3 {
                let work = |_: usize, chunk: usize| {
                    done[chunk].fetch_add(1, Ordering::Relaxed);
                };
                team.each(threads, 100, &Threads(1), &work).unwrap();
            }
        });
        assert!(done.iter().all(|n| n.load(Ordering::Relaxed) == 3));
    }
}

#[test]
fn the_number_of_threads_may_change_between_jobs() {
    with_team(|team| {
        for threads in [1, 4, 2, 3, 1] {
            let called = AtomicUsize::new(0);
            team.run(threads, &|worker| {
                assert!(worker < threads);
                called.fetch_add(1, Ordering::Relaxed);
            });
            assert_eq!(called.into_inner(), threads);
        }
    });
}

#[test]
fn a_panic_of_a_worker_reaches_the_caller() {
    let panic = catch_unwind(|| {
        with_team(|team| {
            team.run(3, &|worker| assert_ne!(worker, 2, "worker two"));
        });
    });
    let text = panic.unwrap_err();
    assert!(
        text.downcast_ref::<String>()
            .unwrap()
            .contains("worker two")
    );
}

#[test]
fn a_cancelled_team_says_so_and_can_go_on() {
    struct Never;
    impl Control for Never {
        fn cancelled(&self) -> bool {
            true
        }
    }
    with_team(|team| {
        let refused = team.each(2, 9, &Never, &|_, _| panic!("no work is wanted"));
        assert_eq!(refused, Err(Error::Cancelled));
        assert_eq!(team.each(2, 9, &Threads(1), &|_, _| ()), Ok(()));
    });
}
