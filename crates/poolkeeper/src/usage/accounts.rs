//! What each thread has used, added up by owner.

use super::measured::{Group, WORKED};
use super::owner::{Owner, name_pools};
use super::process::Owners;
use super::timeline::{Moment, Timeline};
use crate::platform::Task;
use std::collections::HashMap;
use std::time::Duration;

struct Account {
    group: usize,
    first: Duration,
    last: Duration,
}

/// Every thread that was seen, and the owners that they have.
pub(super) struct Accounts {
    owners: Owners,
    /// By number and beginning: the kernel uses a number again.
    accounts: HashMap<(u32, u64), Account>,
    groups: Vec<Owner>,
    peaks: Vec<u32>,
    samples: Vec<u64>,
    timeline: Timeline,
}

impl Accounts {
    pub(super) fn new() -> Self {
        Accounts {
            owners: Owners::new(std::process::id()),
            accounts: HashMap::new(),
            groups: Vec::new(),
            peaks: Vec::new(),
            samples: Vec::new(),
            timeline: Timeline::new(),
        }
    }

    /// Adds one sample. Threads of the `first` had used CPU time before; later
    /// ones begin at nothing.
    pub(super) fn add(&mut self, at: Duration, tasks: &[Task]) {
        self.open(tasks);
        let mut runnable = vec![0; self.groups.len()];
        for task in tasks {
            let Some(account) = self.accounts.get_mut(&(task.id, task.began)) else {
                continue;
            };
            account.last = account.last.max(task.cpu);
            runnable[account.group] += u32::from(task.is_runnable);
        }
        self.peaks.resize(runnable.len(), 0);
        for (peak, now) in self.peaks.iter_mut().zip(&runnable) {
            *peak = (*peak).max(*now);
        }
        let total: u32 = runnable.iter().sum();
        let total = total as usize;
        self.samples.resize(self.samples.len().max(total + 1), 0);
        self.samples[total] += 1;
        self.timeline.push(at, runnable);
    }

    /// Begins an account for each thread that has none.
    fn open(&mut self, tasks: &[Task]) {
        let new = |task: &&Task| !self.accounts.contains_key(&(task.id, task.began));
        let new: Vec<&Task> = tasks.iter().filter(new).collect();
        if new.is_empty() {
            return;
        }
        let ids: Vec<u32> = new.iter().map(|task| task.id).collect();
        let owners = self.owners.of(&ids, tasks.len());
        for (task, owner) in new.iter().zip(owners) {
            let group = self.group(owner.unwrap_or(Owner::Unknown));
            let is_old = self.samples.is_empty();
            let first = if is_old { task.cpu } else { Duration::ZERO };
            let account = Account {
                group,
                first,
                last: first,
            };
            self.accounts.insert((task.id, task.began), account);
        }
    }

    fn group(&mut self, owner: Owner) -> usize {
        let known = self.groups.iter().position(|group| *group == owner);
        known.unwrap_or_else(|| {
            self.groups.push(owner);
            self.groups.len() - 1
        })
    }

    /// The samples by their runnable threads, the groups, the moments.
    pub(super) fn close(self, pools: &[crate::Pool]) -> (Vec<u64>, Vec<Group>, Vec<Moment>) {
        let group = |(owner, peak): (&Owner, &u32)| Group {
            owner: name_pools(owner.clone(), pools),
            worked: 0,
            peak: *peak,
            cpu: Duration::ZERO,
        };
        let mut groups: Vec<Group> = self.groups.iter().zip(&self.peaks).map(group).collect();
        for account in self.accounts.values() {
            let cpu = account.last.saturating_sub(account.first);
            groups[account.group].cpu += cpu;
            groups[account.group].worked += u32::from(cpu >= WORKED);
        }
        let mut order: Vec<usize> = (0..groups.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(groups[*index].cpu));
        let moments = self.timeline.in_order(&order);
        let groups = order.iter().map(|index| groups[*index].clone()).collect();
        (self.samples, groups, moments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: u32, began: u64, milliseconds: u64, is_runnable: bool) -> Task {
        Task {
            id,
            began,
            cpu: Duration::from_millis(milliseconds),
            is_runnable,
        }
    }

    #[test]
    fn cpu_time_from_before_does_not_count() {
        let main = std::process::id();
        let mut accounts = Accounts::new();
        accounts.add(Duration::ZERO, &[task(main, 1, 500, true)]);
        accounts.add(Duration::from_millis(10), &[task(main, 1, 520, true)]);
        let (samples, groups, _) = accounts.close(&[]);
        assert_eq!(samples, [0, 2]);
        assert_eq!(groups[0].owner, Owner::Main);
        assert_eq!(groups[0].cpu, Duration::from_millis(20));
        assert_eq!(groups[0].worked, 1);
    }

    #[test]
    fn a_number_that_is_used_again_is_another_thread() {
        // No thread of this process has such a number: its owner is unknown.
        let other = u32::MAX;
        let mut accounts = Accounts::new();
        accounts.add(Duration::ZERO, &[]);
        accounts.add(Duration::from_millis(10), &[task(other, 1, 6, true)]);
        accounts.add(Duration::from_millis(20), &[task(other, 2, 7, true)]);
        accounts.add(Duration::from_millis(30), &[task(other, 2, 8, false)]);
        let (samples, groups, moments) = accounts.close(&[]);
        assert_eq!(samples, [2, 2]);
        assert_eq!(groups[0].owner, Owner::Unknown);
        assert_eq!((groups[0].worked, groups[0].cpu.as_millis()), (2, 14));
        assert_eq!(moments.last().unwrap().runnable, [0]);
    }
}
