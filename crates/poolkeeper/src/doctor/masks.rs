//! Where this process's threads may run, and what that proves.

use super::facts::Variables;
use super::rules::mask;
use super::start;
use crate::budget::{PINNED, parse_list};
use crate::platform;
use std::collections::BTreeSet;

/// The affinity masks of this process's threads.
pub(super) struct Masks {
    /// What the process was bound to when it started.
    pub(super) bound_to: Option<Vec<u32>>,
    /// The CPUs that any thread may run on, as proof of what the process had.
    pub(super) of_any_thread: Vec<u32>,
    /// The CPUs outside that threads have bound themselves to.
    pub(super) elsewhere: Vec<u32>,
}

impl Masks {
    /// Looks at every thread; `own` is the calling one's mask.
    pub(super) fn of_threads(own: &[u32], environment: &Variables) -> Self {
        let at_start = start::mask();
        let pinned = environment.now(PINNED).and_then(parse_list);
        Masks::judge(
            own,
            at_start.map(Vec::as_slice),
            pinned,
            mask::is_bound(environment),
            &masks_of_threads(),
        )
    }

    /// `pinned` is what `run --pin` set, if it did. A program that has bound itself
    /// since, by another command before it began, is not held to that.
    fn judge(
        own: &[u32],
        at_start: Option<&[u32]>,
        pinned: Option<Vec<u32>>,
        is_bound: bool,
        all: &[Vec<u32>],
    ) -> Self {
        let within = |mask: &[u32], whole: &[u32]| mask.iter().all(|cpu| whole.contains(cpu));
        let began = at_start.unwrap_or(own);
        let pinned = pinned.filter(|pinned| within(began, pinned));
        // Without a variable that tells a runtime to bind its threads, a thread that
        // has CPUs outside its starter's has bound itself: only one that has the
        // calling thread's too may have what the process had.
        let (had, chosen): (Vec<_>, Vec<_>) = match &pinned {
            Some(pinned) => all.iter().partition(|mask| within(mask, pinned)),
            None => all.iter().partition(|mask| is_bound || within(own, mask)),
        };
        let cpus = |masks: &[&Vec<u32>]| masks.iter().copied().flatten().copied().collect();
        let of_any_thread: BTreeSet<u32> = cpus(&had);
        let mut elsewhere: BTreeSet<u32> = cpus(&chosen);
        let bound_to = pinned.or_else(|| at_start.map(<[u32]>::to_vec));
        let inside = |cpu: &u32| {
            let of_process = bound_to.as_ref().is_some_and(|mask| mask.contains(cpu));
            of_process || of_any_thread.contains(cpu)
        };
        elsewhere.retain(|cpu| !inside(cpu));
        Masks {
            bound_to,
            of_any_thread: of_any_thread.into_iter().collect(),
            elsewhere: elsewhere.into_iter().collect(),
        }
    }
}

fn masks_of_threads() -> Vec<Vec<u32>> {
    let tasks = platform::tasks().unwrap_or_default();
    let mut masks: Vec<_> = tasks
        .iter()
        .filter_map(|task| platform::affinity(Some(task.id)).ok())
        .collect();
    masks.sort_unstable();
    masks.dedup();
    masks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(
        own: &[u32],
        at_start: &[u32],
        pinned: Option<&[u32]>,
        is_bound: bool,
        all: &[&[u32]],
    ) -> (Vec<u32>, Vec<u32>) {
        let all: Vec<_> = all.iter().map(|mask| mask.to_vec()).collect();
        let pinned = pinned.map(<[u32]>::to_vec);
        let masks = Masks::judge(own, Some(at_start), pinned, is_bound, &all);
        (masks.of_any_thread, masks.elsewhere)
    }

    #[test]
    fn a_thread_that_kept_what_the_process_had_is_proof() {
        let found = judged(&[0], &[0], None, false, &[&[0], &[0, 1]]);
        assert_eq!(found, (vec![0, 1], vec![]));
    }

    #[test]
    fn a_thread_that_went_elsewhere_is_none() {
        let found = judged(&[0], &[0], None, false, &[&[0], &[1]]);
        assert_eq!(found, (vec![0], vec![1]));
        let all = judged(&[0, 1], &[0, 1], None, false, &[&[0, 1], &[1]]);
        assert_eq!(all, (vec![0, 1], vec![]));
    }

    #[test]
    fn where_a_runtime_binds_its_threads_they_share_what_the_process_had() {
        let found = judged(&[0], &[0], None, true, &[&[0], &[1]]);
        assert_eq!(found, (vec![0, 1], vec![]));
    }

    #[test]
    fn what_run_pinned_the_process_to_is_what_it_had() {
        let found = judged(&[0], &[0], Some(&[0]), true, &[&[0], &[0, 1]]);
        assert_eq!(found, (vec![0], vec![1]));
        // Another command has bound it since, before it began.
        let found = judged(&[1], &[1], Some(&[0]), false, &[&[1]]);
        assert_eq!(found, (vec![1], vec![]));
    }
}
