//! Physical cores among the CPUs of a mask.

use super::cpu_list::parse_list;
use super::observed::{ONLINE, Observed};
use std::collections::{HashMap, HashSet};

/// What the kernel tells of the CPUs of a mask.
pub(super) struct Cores {
    pub(super) physical: Option<u32>,
    pub(super) performance: Option<u32>,
}

/// Counts the cores of a mask; see the kernel's
/// `Documentation/admin-guide/cputopology.rst`.
pub(super) fn count(observed: &Observed, mask: &[u32]) -> Cores {
    let cores: Option<HashSet<u32>> = mask.iter().map(|cpu| core_of(observed, *cpu)).collect();
    Cores {
        physical: cores.map(|cores| cores.len() as u32),
        performance: performance(observed, mask),
    }
}

/// The CPUs of the mask, one of each physical core first (performance cores
/// before the others), then the second of each, and so on.
pub(super) fn physical_first(observed: &Observed, mask: &[u32]) -> Vec<u32> {
    let fast = performance_cpus(observed, mask).unwrap_or_default();
    let mut seen: HashMap<u32, u32> = HashMap::new();
    let mut ranked: Vec<_> = mask
        .iter()
        .map(|cpu| {
            let core = core_of(observed, *cpu).unwrap_or(*cpu);
            let before = seen.entry(core).or_default();
            *before += 1;
            (*before, !fast.contains(cpu), *cpu)
        })
        .collect();
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, _, cpu)| cpu).collect()
}

/// A core by the first of the CPUs that share it.
fn core_of(observed: &Observed, cpu: u32) -> Option<u32> {
    let folder = format!("/sys/devices/system/cpu/cpu{cpu}/topology");
    let siblings = observed
        .read(format!("{folder}/core_cpus_list"))
        .or_else(|_| observed.read(format!("{folder}/thread_siblings_list")));
    parse_list(&siblings.ok()?)?.first().copied()
}

/// Performance cores of the mask, where there are cores of another kind too.
fn performance(observed: &Observed, mask: &[u32]) -> Option<u32> {
    let fast = performance_cpus(observed, mask)?;
    let cores: Option<HashSet<u32>> = fast.iter().map(|cpu| core_of(observed, *cpu)).collect();
    Some(cores?.len() as u32)
}

/// The mask's CPUs of the fastest kind, where the machine has several kinds:
/// Intel's hybrids name them by the `cpu_core` device, Arm's kernels give each
/// CPU a capacity (`Documentation/scheduler/sched-capacity.rst`).
fn performance_cpus(observed: &Observed, mask: &[u32]) -> Option<Vec<u32>> {
    if let Ok(list) = observed.read("/sys/devices/cpu_core/cpus") {
        let fast: HashSet<u32> = parse_list(&list)?.into_iter().collect();
        return Some(
            mask.iter()
                .copied()
                .filter(|cpu| fast.contains(cpu))
                .collect(),
        );
    }
    let capacity = |cpu: &u32| -> Option<u32> {
        let path = format!("/sys/devices/system/cpu/cpu{cpu}/cpu_capacity");
        observed.read(path).ok()?.trim().parse().ok()
    };
    // A mask of small CPUs only is known as such by the others.
    let online = observed.read(ONLINE).ok();
    let all = online.and_then(|list| parse_list(&list));
    let all = all.unwrap_or_else(|| mask.to_owned());
    let capacities: Option<Vec<u32>> = all.iter().map(capacity).collect();
    let capacities = capacities?;
    let (least, most) = (*capacities.iter().min()?, *capacities.iter().max()?);
    let is_fast = |cpu: &u32| capacity(cpu) == Some(most);
    (least < most).then(|| mask.iter().copied().filter(is_fast).collect())
}
