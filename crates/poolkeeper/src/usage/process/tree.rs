//! A process and those that it starts.

use super::stretch::Stretch;
use super::threads::{Known, Threads};
use crate::platform::{Birth, birth, command_line, process_ids, process_links, thread_name};
use crate::usage::owner::Owner;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// The most processes that are told apart: a build starts a hundred thousand.
const MOST: usize = 200;

/// A process that is, or was, one of them.
#[derive(Debug, Clone)]
pub(in crate::usage) struct Followed {
    pub(in crate::usage) pid: u32,
    /// Its name, as the kernel has it.
    pub(in crate::usage) name: String,
    /// Its command and arguments, where they can be read.
    pub(in crate::usage) command: Vec<String>,
    /// When it was first seen, and when it was found gone.
    pub(in crate::usage) began: Duration,
    pub(in crate::usage) ended: Option<Duration>,
    /// The most threads that were seen at once.
    pub(in crate::usage) peak_threads: usize,
    /// What its threads ran and waited.
    wanted: Duration,
}

/// A process that is there.
struct Live {
    /// Its place in the list of all.
    place: usize,
    birth: Option<Birth>,
    threads: Threads,
}

/// A process and those that it started, and theirs.
pub(in crate::usage) struct Tree {
    live: HashMap<u32, Live>,
    all: Vec<Followed>,
    /// The place of those that are not told apart, and how many they are.
    rest: Option<(usize, usize)>,
    /// Places whose process has become one of the rest since the last look.
    merged: Vec<usize>,
    known: Known,
    /// Processes that are others'.
    strangers: HashSet<u32>,
    links: u64,
    /// What the processes say that they used, with children that have ended, at the
    /// beginning and at the last look at all; those that ended since are in it.
    spent: (Duration, Duration),
    /// When the list was last known to be right: a new process has begun since then.
    listed: Duration,
    /// Why it isn't known whose threads are, and of how many processes.
    silence: Vec<(String, HashSet<usize>)>,
    tells_waits: bool,
}

impl Tree {
    /// The process `root`. What it has used so far counts if it `is_new`.
    pub(in crate::usage) fn new(root: u32, is_new: bool) -> Self {
        let mut tree = Tree {
            live: HashMap::new(),
            all: Vec::new(),
            rest: None,
            merged: Vec::new(),
            known: Vec::new(),
            strangers: HashSet::from([std::process::id()]),
            links: 0,
            spent: Default::default(),
            listed: Duration::ZERO,
            silence: Vec::new(),
            tells_waits: true,
        };
        tree.follow(root, birth(root), Duration::ZERO);
        if !is_new {
            tree.list();
            for live in tree.live.values_mut() {
                // One that is gone by now is found gone at the first look.
                let _ = live.threads.begin(Duration::ZERO);
            }
            tree.spent = (tree.sum(), Duration::ZERO);
        }
        tree
    }

    /// Every process that was seen, in the order in which they were found.
    pub(in crate::usage) fn processes(&self) -> &[Followed] {
        &self.all
    }

    /// The place of the processes that are not told apart, and how many they are.
    pub(in crate::usage) fn rest(&self) -> Option<(usize, usize)> {
        self.rest
    }

    /// Places whose process has ended and become one of the rest: another process has
    /// the place since the last look.
    pub(in crate::usage) fn merged(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.merged)
    }

    /// Every owner that was seen, in the order in which they were found.
    pub(in crate::usage) fn owners(&self) -> &[Owner] {
        &self.known
    }

    /// Why it isn't known whose threads are, and for how many processes.
    pub(in crate::usage) fn silence(&self) -> impl Iterator<Item = (&str, usize)> {
        self.silence
            .iter()
            .map(|(why, of)| (why.as_str(), of.len()))
    }

    /// Whether the kernel tells how long every thread waited.
    pub(in crate::usage) fn tells_waits(&self) -> bool {
        self.tells_waits
    }

    /// Whether the process of this number is there, and has not ended.
    pub(in crate::usage) fn is_live(&self, pid: u32) -> bool {
        self.live.contains_key(&pid)
    }

    /// The CPU time of all of them, with that of threads and processes which came and
    /// went between two looks, as far as those were waited for; as of the last look
    /// at all.
    pub(in crate::usage) fn spent(&self) -> Duration {
        self.spent.1.saturating_sub(self.spent.0)
    }

    fn sum(&self) -> Duration {
        let each = self.live.keys();
        each.filter_map(|pid| birth(*pid))
            .map(|birth| birth.spent)
            .sum()
    }

    /// What their threads have used since the last look; `all` looks also at those
    /// that did nothing before.
    pub(in crate::usage) fn look(&mut self, now: Duration, all: bool) -> Vec<Stretch> {
        let links = process_links().unwrap_or(0);
        if links != self.links || all {
            self.list();
            self.links = links;
        }
        self.listed = now;
        let mut used = Vec::new();
        let mut gone = Vec::new();
        for (pid, live) in &mut self.live {
            let threads = &mut live.threads;
            let looked = threads.look(live.place, now, all, &mut self.known, &mut used);
            let followed = &mut self.all[live.place];
            followed.peak_threads = followed.peak_threads.max(threads.count());
            self.tells_waits &= threads.tells_waits;
            let is_over = all && birth(*pid).is_none_or(|birth| birth.is_over);
            if looked.is_err() || is_over {
                gone.push(*pid);
            }
            if all && self.rest.is_none_or(|(place, _)| place != live.place) {
                followed.update(*pid);
            }
            if (all || looked.is_err())
                && let Some(why) = threads.silence()
            {
                let known = self.silence.iter_mut().find(|(one, _)| *one == why);
                match known {
                    Some((_, of)) => _ = of.insert(live.place),
                    None => self.silence.push((why, HashSet::from([live.place]))),
                }
            }
        }
        if all {
            // Before those that are over are let go.
            self.spent.1 = self.spent.1.max(self.sum());
        }
        for pid in gone {
            if let Some(live) = self.live.remove(&pid) {
                self.all[live.place].ended = Some(now);
            }
        }
        for stretch in &used {
            self.all[stretch.process].wanted += stretch.ran + stretch.waited;
        }
        used
    }

    /// Finds processes that began since.
    fn list(&mut self) {
        let Ok(ids) = process_ids() else {
            return;
        };
        let listed: HashSet<u32> = ids.iter().copied().collect();
        // A number that is used again is another process's.
        self.strangers.retain(|pid| listed.contains(pid));
        let mut new: Vec<(u32, Birth)> = Vec::new();
        for pid in ids {
            if !self.live.contains_key(&pid) && !self.strangers.contains(&pid) {
                new.extend(birth(pid).map(|birth| (pid, birth)));
            }
        }
        // A parent before its children, which may have lower numbers.
        new.sort_by_key(|(pid, birth)| (birth.began, *pid));
        loop {
            let before = new.len();
            new.retain(|(pid, birth)| {
                let is_ours = self.is_parent(birth);
                if is_ours {
                    self.follow(*pid, Some(*birth), self.listed);
                }
                !is_ours
            });
            if new.len() == before {
                break;
            }
        }
        self.strangers.extend(new.iter().map(|(pid, _)| *pid));
        self.strangers.insert(std::process::id());
    }

    /// Whether a process's parent is one of these, and older.
    fn is_parent(&self, child: &Birth) -> bool {
        let parent = self.live.get(&child.parent);
        let born = parent.map(|parent| parent.birth.map_or(0, |birth| birth.began));
        born.is_some_and(|born| born <= child.began)
    }

    fn follow(&mut self, pid: u32, birth: Option<Birth>, since: Duration) {
        let place = self.place(Followed::new(pid, since));
        let live = Live {
            place,
            birth,
            threads: Threads::new(pid, since),
        };
        self.live.insert(pid, live);
    }

    /// The place of a new process. When there are too many, the one that has ended
    /// and wanted least gives its place away, or else the new one has none.
    fn place(&mut self, new: Followed) -> usize {
        if self.all.len() < MOST {
            self.all.push(new);
            return self.all.len() - 1;
        }
        let (rest, count) = self.rest.unwrap_or_else(|| {
            self.all.push(Followed {
                pid: 0,
                name: String::new(),
                command: Vec::new(),
                ..new.clone()
            });
            (self.all.len() - 1, 0)
        });
        self.rest = Some((rest, count + 1));
        // The first is the program itself.
        let ended = self.all.iter().enumerate().skip(1);
        let ended = ended.filter(|(place, one)| one.ended.is_some() && *place != rest);
        let least = ended.min_by_key(|(_, one)| one.wanted);
        let Some(place) = least.map(|(place, _)| place) else {
            return rest;
        };
        self.merged.push(place);
        self.all[place] = new;
        place
    }
}

impl Followed {
    fn new(pid: u32, began: Duration) -> Self {
        let mut new = Followed {
            pid,
            name: String::new(),
            command: Vec::new(),
            began,
            ended: None,
            peak_threads: 0,
            wanted: Duration::ZERO,
        };
        new.update(pid);
        new
    }

    /// Reads its names again: it may have become another program.
    fn update(&mut self, pid: u32) {
        if let Some(name) = thread_name(pid, pid) {
            self.name = name;
        }
        let command = command_line(pid);
        if !command.is_empty() {
            self.command = command;
        }
    }
}
