//! Processes of one launcher on one node share what the node has.
//!
//! Sources that count the whole node (the machine, cgroups, what a job was given
//! there) are divided by the number of processes. Sources that count a task or one
//! process are not: `SLURM_CPUS_PER_TASK`, or the mask that a launcher bound this
//! process to. Such a mask differs from the launcher's own; a mask that all
//! processes share doesn't.

use super::binding::Given;
use super::observed::Observed;
use super::source::{For, Source, SourceKind, SourceStatus};
use super::variables::{Launched, Within};
use super::words::counted;

/// The launchers of a process, from the outer to the inner.
pub(super) struct Launchers<'a> {
    /// Their processes share the node; of several numbers the largest counts,
    /// since one launcher may start another's daemons.
    outer: Vec<&'a Launched>,
    /// Their processes share what one task has.
    inner: Vec<&'a Launched>,
}

impl<'a> Launchers<'a> {
    pub(super) fn new(launched: &'a [Launched]) -> Self {
        let of_node = |one: &&Launched| one.within == Within::Node;
        let numbers: Vec<u32> = launched
            .iter()
            .filter(of_node)
            .map(|one| one.processes)
            .collect();
        let is_outer = |one: &&Launched| match one.within {
            Within::Node => true,
            Within::Task => false,
            // The same number again is most likely the same processes.
            Within::Unclear => numbers.contains(&one.processes),
        };
        let (outer, inner) = launched.iter().partition(is_outer);
        Launchers { outer, inner }
    }

    /// Among how many processes the node is divided.
    pub(super) fn processes(&self) -> u32 {
        let most = |launched: &[&Launched]| {
            let numbers = launched.iter().map(|one| one.processes);
            numbers.max().unwrap_or(1)
        };
        most(&self.outer).saturating_mul(most(&self.inner))
    }

    /// A source for each launcher, from what the others say and what the mask gave.
    pub(super) fn sources(
        &self,
        given: &[Source],
        mask: &Given,
        observed: &Observed,
    ) -> Vec<Source> {
        let task_mask = mask_around(&self.inner, &mask.cpus, observed);
        let task_mask = task_mask.as_deref().unwrap_or(&mask.cpus);
        let node_mask = mask_around(&self.outer, task_mask, observed);
        let mut node = least(given, &[For::Node]);
        match &node_mask {
            Some(mask) => node = node.min(mask.len() as f64),
            None if !is_narrower(task_mask, given) => node = node.min(task_mask.len() as f64),
            None => {}
        }
        let mut sources = shares(&self.outer, node, "this node");
        let task = least(given, &[For::Node, For::Task]).min(task_mask.len() as f64);
        let task = least(&sources, &[For::Node]).min(task);
        sources.extend(shares(&self.inner, task, "this task"));
        sources
    }
}

/// The mask of whoever launched the processes, if it can be seen and has all
/// of `mask`; `mask` itself where nobody launched any.
fn mask_around(launched: &[&Launched], mask: &[u32], observed: &Observed) -> Option<Vec<u32>> {
    let Some(first) = launched.iter().max_by_key(|one| one.processes) else {
        return Some(mask.to_owned());
    };
    let around = observed.mask_of_launcher(first.place)?;
    mask.iter()
        .all(|cpu| around.binary_search(cpu).is_ok())
        .then_some(around)
}

/// Where the launcher can't be seen, a mask narrower than the machine and its
/// cpusets is taken as this process's own: launchers bind, and whoever narrows
/// all of them together mostly does so by a cpuset.
fn is_narrower(mask: &[u32], given: &[Source]) -> bool {
    let sets = given
        .iter()
        .filter(|source| matches!(source.kind, SourceKind::Cpuset | SourceKind::Machine));
    let smallest = sets
        .filter_map(|source| source.cpus)
        .fold(f64::INFINITY, f64::min);
    smallest.is_finite() && (mask.len() as f64) < smallest
}

fn least(sources: &[Source], counting: &[For]) -> f64 {
    let counted = sources
        .iter()
        .filter(|source| counting.contains(&source.counts));
    counted
        .filter_map(|source| source.cpus)
        .fold(f64::INFINITY, f64::min)
}

fn shares(launched: &[&Launched], cpus: f64, of: &str) -> Vec<Source> {
    let share = |one: &&Launched| {
        if one.processes == 1 {
            let status = SourceStatus::NoLimit("the only process here".to_owned());
            return Source::silent(SourceKind::Launcher, one.place, &one.value, status);
        }
        let share = cpus / f64::from(one.processes);
        let source = Source::says(SourceKind::Launcher, one.place, &one.value, share);
        let also = one.remark.iter().map(|remark| format!("; {remark}"));
        source.remarked(format!(
            "{} processes share the {} of {of}{}",
            one.processes,
            counted(cpus),
            also.collect::<String>()
        ))
    };
    launched.iter().map(share).collect()
}
