//! What an entry of the table is, and what it reads with: only its own variables,
//! each of which becomes a source that tells what it says or why it does not count.

use super::hosts;
use crate::budget::mark::is_ours;
use crate::budget::observed::Observed;
use crate::budget::source::{For, Source, SourceKind, SourceStatus, positive};

/// Who sets variables that tell CPUs, and where that is documented.
#[non_exhaustive]
pub struct Entry {
    /// Name as its makers write it.
    pub name: &'static str,
    /// What kind of source its variables are.
    pub kind: SourceKind,
    /// The variables that count CPUs, or the processes that share them.
    pub variables: &'static [Variable],
    /// Variables that tell how to take those: which job, how many nodes.
    pub beside: &'static [&'static str],
    /// Of [`Entry::beside`], what names the job, the first that is set.
    pub job: &'static [&'static str],
    /// Where this is documented.
    pub documented: &'static str,
    pub(super) read: fn(&mut Reader),
}

/// One variable that counts.
#[non_exhaustive]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// When it counts.
    pub counts: &'static str,
    /// What it means on this node.
    pub means: &'static str,
    pub(super) takes: Takes,
}

/// How a variable is taken.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    /// Its number is CPUs.
    Cpus(For),
    /// Its number is processes on this node that share the CPUs.
    Processes,
    /// As its entry's function does.
    Otherwise,
}

impl Variable {
    pub(super) const fn new(
        name: &'static str,
        counts: &'static str,
        means: &'static str,
        takes: Takes,
    ) -> Self {
        Variable {
            name,
            counts,
            means,
            takes,
        }
    }

    /// Taken as the entry's function does.
    pub(super) const fn otherwise(
        name: &'static str,
        counts: &'static str,
        means: &'static str,
    ) -> Self {
        Variable::new(name, counts, means, Takes::Otherwise)
    }
}

/// Processes on this node that one launcher started, this one among them.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::budget) struct Launched {
    pub(in crate::budget) place: &'static str,
    pub(in crate::budget) value: String,
    pub(in crate::budget) processes: u32,
    /// What there is to say of the number.
    pub(in crate::budget) remark: Option<String>,
    pub(in crate::budget) within: Within,
}

/// What a launcher's processes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::budget) enum Within {
    /// What the job has on this node.
    Node,
    /// What the task has that started them.
    Task,
    /// Either: the variable may repeat another launcher's number.
    Unclear,
}

/// What the variables of a process tell.
#[derive(Debug, Default)]
pub(in crate::budget) struct Told {
    pub(in crate::budget) sources: Vec<Source>,
    pub(in crate::budget) launched: Vec<Launched>,
}

impl Entry {
    /// Reads its variables.
    pub(super) fn tell(&'static self, observed: &Observed, told: &mut Told) {
        (self.read)(&mut Reader {
            entry: self,
            observed,
            told,
        });
    }
}

const NO_NUMBER: &str = "not a positive number";
pub(super) const NOT_LISTED: &str = "this machine is not in it";

pub(super) struct Reader<'a> {
    entry: &'static Entry,
    observed: &'a Observed,
    told: &'a mut Told,
}

/// Reads every variable of an entry that needs no rule of its own.
pub(super) fn plain(reader: &mut Reader) {
    for variable in reader.entry.variables {
        match variable.takes {
            Takes::Cpus(counts) => reader.cpus(variable.name, counts),
            Takes::Processes => reader.processes(variable.name, Within::Node),
            Takes::Otherwise => {}
        }
    }
}

impl<'a> Reader<'a> {
    /// A variable's value.
    pub(super) fn value(&self, name: &str) -> Option<&'a str> {
        debug_assert!(
            self.entry.beside.contains(&name)
                || self.entry.variables.iter().any(|known| known.name == name),
            "{} reads {name}, which it does not list",
            self.entry.name
        );
        self.observed.variable(name)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// A whole number; `None` where the variable is something else.
    pub(super) fn whole(&self, name: &str) -> Option<u32> {
        self.value(name)?.trim().parse().ok()
    }

    /// A source that counts.
    pub(super) fn says(&mut self, name: &'static str, value: &str, cpus: f64, counts: For) {
        let source = Source::says(self.entry.kind, name, value, cpus).counting(counts);
        self.told.sources.push(source);
    }

    /// Says more of the source that was told last.
    pub(super) fn remark(&mut self, remark: impl Into<String>) {
        if let Some(source) = self.told.sources.last_mut() {
            source.remark = Some(remark.into());
        }
    }

    /// A source that does not count.
    pub(super) fn ignore(&mut self, name: &'static str, why: impl Into<String>) {
        self.silent(name, SourceStatus::Ignored(why.into()));
    }

    /// A source that sets no limit.
    pub(super) fn no_limit(&mut self, name: &'static str, how: impl Into<String>) {
        self.silent(name, SourceStatus::NoLimit(how.into()));
    }

    fn silent(&mut self, name: &'static str, status: SourceStatus) {
        let value = self.value(name).unwrap_or_default();
        let source = Source::silent(self.entry.kind, name, value, status);
        self.told.sources.push(source);
    }

    /// A variable that counts CPUs, if it is set.
    pub(super) fn cpus(&mut self, name: &'static str, counts: For) {
        let Some(value) = self.value(name) else {
            return;
        };
        // What poolkeeper wrote repeats the override.
        if is_ours(self.observed, name, value) {
            return;
        }
        match positive(value) {
            Some(cpus) => self.says(name, value, cpus, counts),
            None => self.ignore(name, NO_NUMBER),
        }
    }

    /// A variable that counts the CPUs of all of a job's machines.
    pub(super) fn of_job(&mut self, name: &'static str, machines: Option<u32>) {
        if !self.has(name) {
            return;
        }
        match machines {
            Some(1) => self.cpus(name, For::Node),
            Some(machines) => self.ignore(name, format!("the job runs on {machines} machines")),
            None => {
                self.cpus(name, For::Node);
                self.remark("on how many machines the job runs is not said: taken as one");
            }
        }
    }

    /// The lines of a file that a variable names; what is wrong with it is told.
    pub(super) fn lines(&mut self, name: &'static str) -> Option<Vec<Vec<String>>> {
        let path = self.value(name)?;
        match self.observed.read_named(path) {
            Ok(text) => {
                let words = |line: &str| {
                    line.split_whitespace()
                        .map(str::to_owned)
                        .collect::<Vec<_>>()
                };
                let lines = text.lines().map(words);
                Some(lines.filter(|words| !words.is_empty()).collect())
            }
            Err(error) => {
                let status = SourceStatus::Unknown(format!("can't be read: {error}"));
                self.silent(name, status);
                None
            }
        }
    }

    /// Of counts beside hosts' names, the sum of those beside this host's: with
    /// or without its domain, and as often as it stands there. Where there is
    /// one host only, it is this one.
    pub(super) fn of_this_host<T: Copy>(&self, hosts: &[(&str, T)]) -> Option<Vec<T>> {
        let own = self.observed.hostname();
        hosts::of_host(hosts, own.as_deref())
    }

    /// This node's place in a scheduler's list of nodes.
    pub(super) fn place_in(&self, nodes: &'static str, own: &'static str) -> Option<usize> {
        let nodes = hosts::expand(self.value(nodes)?)?;
        let own = self
            .value(own)
            .map(str::to_owned)
            .or_else(|| self.observed.hostname())?;
        nodes.iter().position(|node| hosts::is_same(node, &own))
    }

    /// A variable that counts a launcher's processes on this node.
    pub(super) fn processes(&mut self, name: &'static str, within: Within) {
        let Some(value) = self.value(name) else {
            return;
        };
        match value.trim().parse().ok().filter(|count: &u32| *count > 0) {
            Some(processes) => self.launched(name, processes, within, None),
            None => self.ignore(name, "not a positive whole number"),
        }
    }

    /// Processes of a launcher on this node.
    pub(super) fn launched(
        &mut self,
        name: &'static str,
        processes: u32,
        within: Within,
        remark: Option<String>,
    ) {
        let value = self.value(name).unwrap_or_default().to_owned();
        self.told.launched.push(Launched {
            place: name,
            value,
            processes,
            remark,
            within,
        });
    }
}
