//! What to type so that a finding goes away where it is shown: lines that are
//! complete, and that hold there.
//!
//! A baseline does nothing to a pool that a live limit holds. There the line to type
//! is a limit, since the smallest of all live limits counts; in a notebook it is
//! `%limit`, which takes the place of the `%limit` before.

use super::facts::{Facts, Notebook, PoolFacts};
use super::finding::{Evidence, Finding};
use crate::shell_quoted;
use std::collections::BTreeSet;

/// Stands for every pool where a level or a runtime could be named.
pub(super) const EVERY_POOL: &str = "";

/// Thread counts by name, as a request has them.
pub(super) type Wanted<'a> = [(&'a str, u64)];

impl Finding {
    /// The call in Python that mends it, with the import that it needs.
    pub(super) fn python(mut self, call: impl AsRef<str>) -> Self {
        self.fix.python = Some(format!("import poolkeeper; {}", call.as_ref()));
        self
    }

    /// The line in Python that mends it, complete.
    pub(super) fn python_line(mut self, line: impl Into<String>) -> Self {
        self.fix.python = Some(line.into());
        self
    }

    /// The line that has these pools use no more threads than `wanted`; `call`
    /// does so unless a live limit holds one of them.
    pub(super) fn lower(
        self,
        facts: &Facts,
        pools: &[&PoolFacts],
        wanted: &Wanted<'_>,
        call: impl AsRef<str>,
    ) -> Self {
        let held = pools.iter().filter(|found| found.is_limited);
        let blame: Vec<Evidence> = held.map(|found| blame(facts, found)).collect();
        if blame.is_empty() {
            return self.python(call);
        }
        let finding = self.evidence(blame);
        if let Some(notebook) = &facts.host.notebook {
            let line = magic(notebook, pools, wanted);
            return finding.python_line(line);
        }
        let arguments = arguments(wanted);
        let advice = format!("or ask for no more in the limit that is live: limit({arguments})");
        let finding = match finding.fix.advice {
            None => finding.advice(advice),
            Some(_) => finding,
        };
        finding.python(format!("lower = poolkeeper.limit({arguments})"))
    }

    /// The line in a shell that gives a variable another value before the program
    /// starts; none where the program sets it itself.
    pub(super) fn export(self, facts: &Facts, name: &str, value: impl ToString) -> Self {
        if facts.environment.is_changed(name) {
            return self.change_in_program(name);
        }
        let value = shell_quoted(&value.to_string());
        self.shell(format!("export {name}={value}"))
    }

    /// The line in a shell that takes a variable away before the program starts;
    /// advice where the program sets it itself.
    pub(super) fn unset(self, facts: &Facts, name: &str) -> Self {
        self.unset_all(facts, &[name])
    }

    /// The line in a shell that takes several variables away before the program starts.
    pub(super) fn unset_all(self, facts: &Facts, names: &[&str]) -> Self {
        let mut set_here = names
            .iter()
            .filter(|name| facts.environment.is_changed(name));
        if let Some(name) = set_here.next() {
            return self.change_in_program(name);
        }
        self.shell(format!("unset {}", names.join(" ")))
    }

    fn change_in_program(self, name: &str) -> Self {
        self.advice(format!(
            "{name} is set in this process, by the program or a library that it imports: \
             change it there, before the library that reads it is loaded"
        ))
    }

    /// The command that runs the program within the budget. What the user has set
    /// stays, unless it is forced: forced where that is what is wrong.
    pub(super) fn run(self, facts: &Facts, options: &[&str]) -> Self {
        let forced = is_told(facts).then_some("--force");
        let words: Vec<&str> = ["poolkeeper", "run"]
            .into_iter()
            .chain(forced)
            .chain(options.iter().copied())
            .chain(["--", "python", "script.py"])
            .collect();
        self.shell(words.join(" "))
    }
}

/// The call that keeps this program within its CPUs. What the user has set stays,
/// unless it is forced: forced where that is what is wrong.
pub(super) fn auto(facts: &Facts) -> &'static str {
    let is_set = |found: &PoolFacts| {
        let mut read = super::settings::variables(found);
        read.any(|variable| facts.environment.now(variable.name).is_some())
    };
    if facts.pools.iter().any(is_set) {
        "poolkeeper.auto(force=True)"
    } else {
        "poolkeeper.auto()"
    }
}

/// Whether a variable said how many threads a loaded pool is to have, when the
/// program started.
fn is_told(facts: &Facts) -> bool {
    let Some(at_start) = &facts.environment.at_start else {
        return false;
    };
    let mut read = facts.pools.iter().flat_map(super::settings::variables);
    read.any(|variable| at_start.contains_key(variable.name))
}

/// Who holds a pool: the line of the user's, if it is known.
fn blame(facts: &Facts, found: &PoolFacts) -> Evidence {
    let threads = found.threads();
    let is_it = |(file, asked): &(std::path::PathBuf, u32)| {
        *file == found.pool.filepath && *asked == threads
    };
    let mut known = facts.host.limits.iter();
    match known.find(|limit| limit.pools.iter().any(is_it)) {
        Some(limit) => found.says(&format!("held at {threads} by your `{}`", limit.words)),
        None => found.says(&format!(
            "held at {threads} by a limit that is live: a `with poolkeeper.limit(...)`, say"
        )),
    }
}

/// "openmp=2, blas=1", or "2" for every pool.
fn arguments(wanted: &Wanted<'_>) -> String {
    let words = wanted.iter().map(|(name, threads)| match *name {
        EVERY_POOL => threads.to_string(),
        name => format!("{name}={threads}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The `%limit` that takes the place of the one that is live: as that, but no more
/// than wanted for these pools.
fn magic(notebook: &Notebook, pools: &[&PoolFacts], wanted: &Wanted<'_>) -> String {
    let mut limits: Vec<(String, u64)> = notebook.limits.clone();
    for (name, threads) in wanted {
        let named: Vec<_> = pools.iter().filter(|found| answers(name, found)).collect();
        for (other, limit) in &mut limits {
            if named.iter().any(|found| answers(other, found)) {
                *limit = (*limit).min(*threads);
            }
        }
        let is_covered =
            |found: &&&PoolFacts| limits.iter().any(|(other, _)| answers(other, found));
        if !named.iter().all(is_covered) {
            limits.push(((*name).to_owned(), *threads));
        }
    }
    // A number for every pool can't stand beside names.
    let least = limits.iter().map(|(_, threads)| *threads).min();
    let is_for_all = limits.iter().any(|(name, _)| name == EVERY_POOL);
    let words: BTreeSet<String> = match least {
        Some(least) if is_for_all => BTreeSet::from([least.to_string()]),
        _ => {
            let words = limits
                .iter()
                .map(|(name, threads)| format!("{name}={threads}"));
            words.map(|word| shell_quoted(&word)).collect()
        }
    };
    format!("%limit {}", words.into_iter().collect::<Vec<_>>().join(" "))
}

/// Whether a name in a request is for this pool.
fn answers(name: &str, found: &PoolFacts) -> bool {
    let pool = &found.pool;
    name == EVERY_POOL
        || name == pool.level.name()
        || name == pool.runtime
        || std::path::Path::new(name) == pool.filepath
}

#[cfg(test)]
mod tests {
    use super::*;

    fn openmp() -> PoolFacts {
        PoolFacts::described("libgomp", "/lib/libgomp.so.1", 8).expect("a known runtime")
    }

    fn line(limits: &[(&str, u64)], wanted: &Wanted<'_>) -> String {
        let limits = limits
            .iter()
            .map(|(name, n)| ((*name).to_owned(), *n))
            .collect();
        magic(&Notebook { limits }, &[&openmp()], wanted)
    }

    #[test]
    fn the_magic_keeps_what_is_not_wrong() {
        let wanted = [("openmp", 2)];
        assert_eq!(line(&[], &wanted), "%limit openmp=2");
        assert_eq!(line(&[("openmp", 8)], &wanted), "%limit openmp=2");
        assert_eq!(
            line(&[("blas", 4), ("openmp", 8)], &wanted),
            "%limit blas=4 openmp=2"
        );
        assert_eq!(line(&[("libgomp", 8)], &wanted), "%limit libgomp=2");
        assert_eq!(
            line(&[("/lib/libgomp.so.1", 8)], &wanted),
            "%limit /lib/libgomp.so.1=2"
        );
    }

    #[test]
    fn a_number_for_every_pool_stays_alone() {
        assert_eq!(line(&[(EVERY_POOL, 8)], &[("openmp", 2)]), "%limit 2");
        assert_eq!(line(&[("blas", 4)], &[(EVERY_POOL, 2)]), "%limit 2");
    }
}
