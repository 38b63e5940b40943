//! An affinity mask that an OpenMP runtime set is not what the process was given.
//!
//! With `OMP_PROC_BIND` or a similar variable, a runtime binds the thread that
//! loads it (libgomp) or that enters its first region (LLVM's, Intel's) to the
//! first of its *places*. The runtime can say which places it has, and how many
//! CPUs it found in the mask before. Where the thread's mask is one of the places,
//! and the runtime found more CPUs than that, the runtime narrowed the mask, and
//! the CPUs that it found are those the process was given. Under `taskset` the
//! runtime found no more, and the mask counts. In doubt the mask counts, too.

use super::observed::Observed;
use crate::places::{self, Places};
use crate::platform;
use std::collections::BTreeSet;

/// The variables that make a runtime bind, and the words that forbid it, or that
/// have it pass over the mask that it was given.
const BIND: [(&str, &[&str]); 4] = [
    ("OMP_PROC_BIND", &["false"]),
    ("OMP_PLACES", &[]),
    ("GOMP_CPU_AFFINITY", &[]),
    ("KMP_AFFINITY", &["disabled", "none", "norespect"]),
];

/// What a mask is, beside the runtime's own binding.
pub(super) struct Given {
    /// How many CPUs the process was given.
    pub(super) count: usize,
    /// Which; only the mask's, where the others are not told.
    pub(super) cpus: Vec<u32>,
    /// Why they are more than the mask's.
    pub(super) why: Option<String>,
}

impl Given {
    /// Whether [`Given::cpus`] are all.
    pub(super) fn is_known(&self) -> bool {
        self.cpus.len() == self.count
    }
}

/// The CPUs that the process was given by its mask.
pub(super) fn given(observed: &Observed) -> Given {
    let mask = observed.affinity();
    let bound = asked_to_bind(observed).and_then(|by| {
        let (count, cpus) = if observed.is_own() {
            of_own_runtimes(observed)?
        } else {
            let cpus = of_all_threads(observed)?;
            (cpus.len(), cpus)
        };
        Some(Given {
            why: Some(format!(
                "OpenMP's own binding of this thread, by {by}: it found {count} CPUs"
            )),
            count,
            cpus,
        })
    });
    bound.unwrap_or_else(|| Given {
        count: mask.len(),
        cpus: mask.to_owned(),
        why: None,
    })
}

/// What the runtime that bound the calling thread found, if one did: the first
/// to be loaded, if several were, because the next one finds the narrow mask.
fn of_own_runtimes(observed: &Observed) -> Option<(usize, Vec<u32>)> {
    let is_main = platform::own_task() == std::process::id();
    let online = observed.online();
    let runtimes = places::of_loaded_runtimes(has_llvm_started(observed));
    let bound = runtimes.into_iter().filter_map(|mut places| {
        if let Some(online) = &online {
            for cpus in &mut places.cpus {
                cpus.retain(|cpu| online.binary_search(cpu).is_ok());
            }
        }
        bound_by(&places, observed.affinity(), is_main)
    });
    bound.max_by_key(|(count, _)| *count)
}

/// The variable that has a runtime bind, if one does.
fn asked_to_bind(observed: &Observed) -> Option<String> {
    let mut by = None;
    for (name, forbid) in BIND {
        let Some(value) = observed.variable(name).map(str::trim) else {
            continue;
        };
        if value.is_empty() {
            continue;
        }
        let mut words = value.split(',').map(str::trim);
        let forbids = words.any(|word| forbid.iter().any(|no| word.eq_ignore_ascii_case(no)));
        if forbids && name == "OMP_PROC_BIND" {
            return None;
        }
        if !forbids && by.is_none() {
            by = Some(format!("{name}={value}"));
        }
    }
    by
}

/// Whether LLVM's (or Intel's) OpenMP runtime has started in this process: it
/// then says so to other copies of itself, by a variable or in shared memory.
///
/// # Sources
/// LLVM, `openmp/runtime/src/kmp_runtime.cpp`, `__kmp_register_library_startup`.
fn has_llvm_started(observed: &Observed) -> bool {
    let name = format!("__KMP_REGISTERED_LIB_{}", std::process::id());
    observed.variable(&name).is_some() || platform::has_shared_memory(&name)
}

/// The CPUs that a runtime found, if it was the one that narrowed this mask.
fn bound_by(places: &Places, mask: &[u32], is_main: bool) -> Option<(usize, Vec<u32>)> {
    let cpus = &places.cpus;
    let is_place = match places.main_thread_first && is_main {
        true => cpus.first().is_some_and(|place| place == mask),
        false => cpus.iter().any(|place| place == mask),
    };
    if !is_place || places.found <= mask.len() {
        return None;
    }
    let all: BTreeSet<u32> = cpus.iter().flatten().copied().collect();
    let is_all = all.len() == places.found;
    let known = if is_all {
        all.into_iter().collect()
    } else {
        mask.to_owned()
    };
    Some((places.found, known))
}

/// Another process's runtime can't be asked: what its threads may run on
/// together is what it was given, if its main thread may run on less.
fn of_all_threads(observed: &Observed) -> Option<Vec<u32>> {
    let mask = observed.affinity();
    let all: BTreeSet<u32> = observed.masks_of_threads().into_iter().flatten().collect();
    let has_mask = mask.iter().all(|cpu| all.contains(cpu));
    (has_mask && all.len() > mask.len()).then(|| all.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_a_runtimes_own_only_if_it_is_a_place_of_one_that_found_more() {
        let bound = |cpus: &[&[u32]], found, mask: &[u32], main_thread_first, is_main| {
            let cpus = cpus.iter().map(|place| place.to_vec()).collect();
            let places = Places {
                cpus,
                found,
                main_thread_first,
            };
            bound_by(&places, mask, is_main)
        };
        let two: [&[u32]; 2] = [&[0, 1], &[2, 3]];
        let all = Some((4, vec![0, 1, 2, 3]));
        assert_eq!(bound(&two, 4, &[0, 1], true, true), all);
        assert_eq!(bound(&two, 4, &[2, 3], true, true), None, "the user's");
        assert_eq!(bound(&two, 4, &[2, 3], true, false), all, "a worker");
        assert_eq!(bound(&two, 4, &[2, 3], false, true), all, "LLVM's choice");
        assert_eq!(bound(&two, 4, &[1], false, false), None, "somebody else's");
        assert_eq!(
            bound(&[&[0]], 1, &[0], true, true),
            None,
            "it found no more"
        );
        assert_eq!(bound(&[], 4, &[0], true, true), None, "it does not bind");
        // Lists that the user wrote: under `taskset -c 0`, and without.
        assert_eq!(bound(&[&[0], &[1]], 1, &[0], true, true), None);
        assert_eq!(bound(&[&[0]], 8, &[0], true, true), Some((8, vec![0])));
    }

    #[test]
    fn a_runtime_binds_only_if_it_was_asked_to() {
        let asked = |variables: &[(&str, &str)]| {
            asked_to_bind(&Observed::under("/nowhere", variables, &[0]))
        };
        assert_eq!(asked(&[]), None);
        assert_eq!(asked(&[("OMP_PLACES", "")]), None);
        assert_eq!(
            asked(&[("OMP_PLACES", "cores")]).as_deref(),
            Some("OMP_PLACES=cores")
        );
        assert_eq!(
            asked(&[("OMP_PLACES", "cores"), ("OMP_PROC_BIND", "FALSE")]),
            None
        );
        for forbids in ["disabled", "none", "norespect,compact", "verbose, None"] {
            assert_eq!(asked(&[("KMP_AFFINITY", forbids)]), None, "{forbids}");
        }
        assert!(asked(&[("KMP_AFFINITY", "compact")]).is_some());
    }
}
