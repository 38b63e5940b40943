//! What is known of a runtime, in words and numbers: its card.

use super::behaviour::Behaviour;
use crate::model::Level;
use serde::Serialize;

/// What people need to know of a runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Card {
    /// Name to use in requests: `"openblas"`, `"libgomp"`.
    pub id: &'static str,
    /// Name as its makers write it.
    pub name: &'static str,
    /// Level it belongs to.
    pub level: Level,
    /// threadpoolctl's name for its family.
    pub internal_api: &'static str,
    /// Beginnings of its usual files' names.
    pub file_prefixes: &'static [&'static str],
    /// The symbols that identify it.
    pub symbols: &'static [&'static str],
    /// What setting its thread count affects, in words.
    pub reach: &'static str,
    /// Environment variables that decide its thread count.
    pub environment: &'static [Variable],
    /// What surprises people.
    pub quirks: &'static [&'static str],
    /// Where all this is documented.
    pub sources: &'static [&'static str],
    /// The call that sets its number of threads, with `{n}` for the number, where no
    /// limit does.
    pub call: Option<&'static str>,
    /// What its threads do.
    #[serde(skip)]
    pub(crate) behaviour: Behaviour,
}

/// An environment variable that a runtime reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it does and when it is read.
    pub meaning: &'static str,
    /// What number keeps a budget, if it takes one.
    pub counts: Option<Counts>,
    /// The variables that its reader takes in its place where it is unset.
    /// Setting it silences them, so a number that the user gave one of them bounds
    /// what a budget sets it to.
    pub over: &'static [&'static str],
    /// The most that its reader takes of itself where nothing is set, if that is a
    /// number of its own and not the number of CPUs: a budget sets no more.
    pub usual: Option<u32>,
    /// The fewest with which its reader is known to work: a budget sets no less.
    pub least: u32,
    /// Whether it takes a list ("4,2"), whose first number counts.
    pub is_list: bool,
    /// How the runtime reads its number of threads from it; `None` where it holds
    /// something else. Of a card's variables that do, the first that is set counts.
    #[serde(skip)]
    pub(crate) reading: Option<Reading>,
    /// Whether it is read again at each call, so that it is never set too late.
    #[serde(skip)]
    pub(crate) is_read_again: bool,
}

/// How a runtime reads a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// The whole value must be a number, or a list of them (OpenMP).
    Whole,
    /// The digits at its beginning count, whatever follows (C's `atoi`).
    Prefix,
}

impl Reading {
    /// What a runtime makes of a value; `None` if it takes it for no number.
    pub(crate) fn read(self, value: &str) -> Option<u32> {
        let value = value.trim();
        let number = match self {
            Reading::Whole => value.split(',').next()?.trim(),
            Reading::Prefix => {
                let digits = value.bytes().take_while(u8::is_ascii_digit).count();
                &value[..digits]
            }
        };
        number.parse().ok().filter(|threads| *threads > 0)
    }
}

impl Variable {
    /// Its reader takes these where it is unset itself.
    pub(super) const fn over(mut self, others: &'static [&'static str]) -> Self {
        self.over = others;
        self
    }

    /// Its reader takes no more of itself where nothing is set.
    pub(super) const fn usual(mut self, threads: u32) -> Self {
        self.usual = Some(threads);
        self
    }

    /// Its reader may hang with fewer.
    pub(super) const fn least(mut self, threads: u32) -> Self {
        self.least = threads;
        self
    }

    /// It takes a list.
    pub(super) const fn list(mut self) -> Self {
        self.is_list = true;
        self
    }

    /// It holds the runtime's number of threads, which is read so.
    pub(super) const fn read(mut self, reading: Reading) -> Self {
        self.reading = Some(reading);
        self
    }

    /// It is read again at each call.
    pub(super) const fn again(mut self) -> Self {
        self.is_read_again = true;
        self
    }
}

/// What an environment variable counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Counts {
    /// Threads of the outer level.
    Openmp,
    /// Threads of a BLAS call.
    Blas,
    /// CPUs of the whole process and its children.
    Cpus,
    /// Threads of the outer level, and no more than there are physical cores:
    /// what its reader takes of itself.
    Cores,
    /// Something that a budget has only one of.
    One,
}

impl Counts {
    /// In words, for the docs.
    pub const fn name(self) -> &'static str {
        match self {
            Counts::Openmp => "OpenMP threads",
            Counts::Blas => "BLAS threads",
            Counts::Cpus => "CPUs",
            Counts::Cores => "OpenMP threads, at most the physical cores",
            Counts::One => "1",
        }
    }
}

/// Shorthand for the cards: a variable that a budget leaves alone.
pub(super) const fn variable(name: &'static str, meaning: &'static str) -> Variable {
    Variable {
        name,
        meaning,
        counts: None,
        over: &[],
        usual: None,
        least: 1,
        is_list: false,
        reading: None,
        is_read_again: false,
    }
}

/// Shorthand for the cards: a variable that a budget sets.
pub(super) const fn counted(name: &'static str, counts: Counts, meaning: &'static str) -> Variable {
    Variable {
        counts: Some(counts),
        ..variable(name, meaning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_the_runtimes_do() {
        let whole = |value| Reading::Whole.read(value);
        assert_eq!([whole("4"), whole(" 4 "), whole("4,2")], [Some(4); 3]);
        assert_eq!(whole(" 3 , 2"), Some(3));
        for value in ["", "abc", "4.0", "0", "-1", "0x2", "1e1"] {
            assert_eq!(whole(value), None, "{value:?}");
        }
        let prefix = |value| Reading::Prefix.read(value);
        assert_eq!(
            [prefix("1e1"), prefix("4,2"), prefix("0x2")],
            [Some(1), Some(4), None]
        );
    }
}
