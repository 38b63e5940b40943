//! What keeps a share in an environment, where what the user set counts.

use super::environment::{Numbers, counted};
use super::mark::{self, MARKER, Mark};
use super::origin::Place;
use super::split::Share;
use super::told::Told;
use super::words::OVERRIDE;
use crate::limit::MAX_LIMIT;
use crate::model::Level;
use crate::runtimes::{self, Card, Counts, Variable};
use crate::{Request, Selector};
use std::collections::BTreeMap;

/// A variable of the user's that was kept, or was no number and was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Theirs {
    /// Its name.
    pub name: &'static str,
    /// The value that the user had set.
    pub value: String,
    /// The number that keeps the share; a replaced variable has it now.
    pub ours: u32,
    /// Variables that it holds below the share, because their readers would have
    /// followed it.
    pub followed_by: Vec<&'static str>,
    /// The number that another variable of the user's makes of it, with that one's
    /// name.
    pub lowered_by: Option<(&'static str, u32)>,
}

/// What to change in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Changes {
    /// Names and values to set, [`MARKER`] among them.
    pub set: Vec<(&'static str, String)>,
    /// The variables that stay because the user had set them.
    pub kept: Vec<Theirs>,
    /// The variables that the user had set to something that is no number of threads;
    /// [`Changes::set`] has a number in its place.
    pub replaced: Vec<Theirs>,
    /// The threads of a runtime's pools that the user chose, by the runtime's id.
    chosen: BTreeMap<&'static str, u32>,
    share: Option<Share>,
}

impl Changes {
    /// The changes that keep `share` in an environment, whose values `lookup` returns.
    ///
    /// - A number that the user set stays, and bounds the variables that would
    ///   hide it: with `OMP_NUM_THREADS=1`, `OPENBLAS_NUM_THREADS` is 1 too.
    /// - A value that is no number is replaced.
    /// - A number that an earlier call set is lowered, and never raised, because
    ///   whoever started this program may have chosen it. A number that a call set on
    ///   another machine, or in another job, does not count.
    /// - With `force` none of these rules holds.
    ///
    /// The override of the budget is always set, since the user's value is in the
    /// budget already.
    pub fn new(share: &Share, lookup: impl Fn(&str) -> Option<String>, force: bool) -> Changes {
        let place = Place::here();
        let text = lookup(MARKER);
        let mut mark = Mark::read(text.as_deref());
        mark.is_foreign = text.is_some_and(|text| place.is_foreign(&text));
        let present = Present {
            mark,
            lookup: &lookup,
            numbers: Numbers::of(share),
            force,
        };
        let mut changes = Changes {
            set: vec![(OVERRIDE, share.cpus.to_string())],
            share: Some(*share),
            ..Changes::default()
        };
        let mut users = Users::new();
        for (_, variable) in counted() {
            changes.take(variable, present.decide(variable), &mut users);
        }
        changes.note_followers(&present);
        let mark = mark::write(share, &changes.set, &users, &place.as_text());
        changes.set.push((MARKER, mark));
        changes
    }

    fn take(&mut self, variable: &Variable, decided: Decided, users: &mut Users) {
        let name = variable.name;
        let theirs = |value, ours| Theirs {
            name,
            value,
            ours,
            followed_by: Vec::new(),
            lowered_by: None,
        };
        match decided {
            Decided::Leave => {}
            Decided::Set(number) => self.set.push((name, number.to_string())),
            Decided::Same(number) => {
                users.push((name, number.to_string()));
                self.set.push((name, number.to_string()));
            }
            Decided::Keep { value, ours } => {
                users.push((name, value.clone()));
                self.kept.push(theirs(value, ours));
            }
            Decided::Replace { value, number } => {
                self.set.push((name, number.to_string()));
                self.replaced.push(theirs(value, number));
            }
        }
    }

    /// Notes what a kept variable holds besides itself, what holds it, and which
    /// runtimes' pools the user's numbers decide.
    fn note_followers(&mut self, present: &Present<'_>) {
        let value = |name: &str| {
            self.set
                .iter()
                .find(|(set, _)| *set == name)?
                .1
                .parse()
                .ok()
        };
        for kept in &mut self.kept {
            let held = counted().filter(|(_, variable)| {
                let set: Option<u32> = value(variable.name);
                let ours = present.numbers.fresh(variable);
                variable.over.contains(&kept.name) && set.is_some() && set < ours
            });
            kept.followed_by = held.map(|(_, variable)| variable.name).collect();
            kept.lowered_by = present.lowered(kept.name);
        }
        for card in runtimes::all() {
            let mut variables = card.environment.iter();
            let decides = variables.find(|variable| variable.counts.is_some());
            let chosen = decides.and_then(|variable| present.chosen(variable));
            if let Some(threads) = chosen {
                self.chosen.insert(card.id, threads);
            }
        }
    }

    /// The most threads of a runtime's pools in this process: the number that the user
    /// chose by a variable, whether more or less than the share's, or the share's.
    pub fn most(&self, card: &Card) -> u32 {
        let share = self.share.unwrap_or_else(|| Share::new(1, 1, 1));
        let of_level = match card.level {
            Level::Blas => share.blas,
            Level::Openmp | Level::Other => share.openmp,
        };
        let chosen = self.chosen.get(card.id).copied();
        chosen.unwrap_or(of_level).min(MAX_LIMIT)
    }

    /// These numbers as a limit of the pools in this process.
    pub fn request(&self) -> Request {
        let share = self.share.unwrap_or_else(|| Share::new(1, 1, 1));
        runtimes::all()
            .filter(|card| self.chosen.contains_key(card.id))
            .fold(share.request(), |request, card| {
                request.select(Selector::Runtime(card.id), self.most(card))
            })
    }
}

/// Variables with the values that the user gave them.
type Users = Vec<(&'static str, String)>;

/// What becomes of a variable.
enum Decided {
    /// It is not set, and stays so.
    Leave,
    /// It gets this number.
    Set(u32),
    /// The user set it to this number, which is the share's.
    Same(u32),
    /// The user's value stays.
    Keep { value: String, ours: u32 },
    /// The user's value is no number, and this one takes its place.
    Replace { value: String, number: u32 },
}

/// An environment as it is.
struct Present<'lookup> {
    mark: Mark,
    lookup: &'lookup dyn Fn(&str) -> Option<String>,
    numbers: Numbers,
    /// Whether nothing that is set counts.
    force: bool,
}

impl Present<'_> {
    fn value(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.trim().is_empty())
    }

    /// What the user set; nothing where poolkeeper did.
    fn users(&self, name: &str) -> Option<String> {
        self.value(name)
            .filter(|value| !self.mark.has_set(name, value))
    }

    /// What poolkeeper has set before.
    fn earlier(&self, name: &str) -> Option<u32> {
        if self.mark.is_foreign {
            return None;
        }
        let value = self
            .value(name)
            .filter(|value| self.mark.has_set(name, value))?;
        value.parse().ok()
    }

    /// The smallest number that the user gave the variables which this one silences.
    fn bound(&self, variable: &Variable) -> Option<u32> {
        let told = |name: &&str| Told::read(self.users(name).as_deref(), true).number();
        variable.over.iter().filter_map(told).min()
    }

    /// The number where the user did not set the variable itself.
    fn ours(&self, variable: &Variable) -> Option<u32> {
        let bounds = [self.bound(variable), self.earlier(variable.name)];
        match bounds.into_iter().flatten().min() {
            Some(most) => Some(self.numbers.kept_by(variable)?.min(most)),
            None => self.numbers.fresh(variable),
        }
    }

    fn decide(&self, variable: &Variable) -> Decided {
        let ours = self.numbers.kept_by(variable).unwrap_or(1);
        if self.force {
            return self.forced(variable);
        }
        let Some(value) = self.users(variable.name) else {
            return self.ours(variable).map_or(Decided::Leave, Decided::Set);
        };
        match Told::read(Some(&value), variable.is_list) {
            Told::Number(number) if value == ours.to_string() => Decided::Same(number),
            Told::Number(number) if number == ours => Decided::Leave,
            Told::Number(_) => Decided::Keep { value, ours },
            told => {
                let bounds = [told.number(), self.bound(variable), Some(ours)];
                let number = bounds.into_iter().flatten().min().unwrap_or(ours);
                Decided::Replace { value, number }
            }
        }
    }

    fn forced(&self, variable: &Variable) -> Decided {
        let number = match self.value(variable.name) {
            Some(_) => self.numbers.kept_by(variable),
            None => self.numbers.fresh(variable),
        };
        number.map_or(Decided::Leave, Decided::Set)
    }

    /// The number that the user, or who started this program, chose for the
    /// readers of a variable.
    fn chosen(&self, variable: &Variable) -> Option<u32> {
        if self.force || matches!(variable.counts, None | Some(Counts::One | Counts::Cores)) {
            return None;
        }
        let ours = self.numbers.kept_by(variable)?;
        // What a variable of ours says where nobody chose is no choice.
        let fresh = self.numbers.fresh(variable);
        let is_choice = |number: &u32| Some(*number) != fresh;
        let users = self.users(variable.name);
        let told = Told::read(users.as_deref(), variable.is_list);
        if let Told::Number(number) = told {
            return Some(number);
        }
        if variable.counts == Some(Counts::Cpus) {
            return None; // what is ours counts CPUs, and not threads of a level
        }
        let earlier = told.number().or_else(|| self.earlier(variable.name));
        let earlier = earlier.map(|number| number.min(ours)).filter(is_choice);
        let bound = self.bound(variable).map(|bound| bound.min(ours));
        bound.into_iter().chain(earlier).min()
    }

    /// OpenMP starts no more threads than OMP_THREAD_LIMIT, whatever it is told.
    fn lowered(&self, name: &str) -> Option<(&'static str, u32)> {
        const LIMIT: &str = "OMP_THREAD_LIMIT";
        let told = |name: &str| Told::read(self.value(name).as_deref(), true).number();
        let limit = told(LIMIT).filter(|limit| told(name) > Some(*limit))?;
        (name == "OMP_NUM_THREADS").then_some((LIMIT, limit))
    }
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
