//! What the live screen shows, and what a key changes.

use super::rows::{Key, Row, Sort, chosen, of_owners, of_process};
use poolkeeper::usage::View;
use std::collections::{HashMap, HashSet, VecDeque};

/// Looks that a history has.
const LONGEST: usize = 120;
/// The most characters of a filter.
const MOST_OF_FILTER: usize = 60;
/// Rows that a page has more or less.
const PAGE: usize = 10;

/// A key that means something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Press {
    Character(char),
    Enter,
    Escape,
    Backspace,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
}

/// The live screen.
pub(super) struct State {
    pub(super) view: Option<View>,
    pub(super) sort: Sort,
    pub(super) is_reversed: bool,
    pub(super) filter: String,
    /// Whether the filter is being typed.
    pub(super) is_typing: bool,
    pub(super) is_helping: bool,
    pub(super) is_paused: bool,
    /// The row that is chosen.
    pub(super) selected: usize,
    key: Option<Key>,
    /// Processes that are not as all are: folded, or unfolded.
    turned: HashSet<u32>,
    is_folded: bool,
    history: HashMap<Key, VecDeque<f64>>,
    /// CPUs that worked, for anybody.
    pub(super) machine: VecDeque<f64>,
}

impl State {
    /// A screen that shows nothing yet.
    pub(super) fn new(sort: Sort, is_folded: bool) -> Self {
        State {
            view: None,
            sort,
            is_reversed: false,
            filter: String::new(),
            is_typing: false,
            is_helping: false,
            is_paused: false,
            selected: 0,
            key: None,
            turned: HashSet::new(),
            is_folded,
            history: HashMap::new(),
            machine: VecDeque::new(),
        }
    }

    /// Takes what a look found.
    pub(super) fn update(&mut self, view: View) {
        let mut used: HashMap<Key, f64> = HashMap::new();
        for process in &view.processes {
            used.insert((process.pid, None), process.ran);
            let rows = of_owners(process, view.cpus).into_iter();
            used.extend(rows.map(|row| (row.key, row.ran)));
        }
        self.history.retain(|key, _| used.contains_key(key));
        for (key, ran) in used {
            push(self.history.entry(key).or_default(), ran);
        }
        push(&mut self.machine, view.busy.unwrap_or(0.0));
        let there: HashSet<u32> = view.processes.iter().map(|one| one.pid).collect();
        self.turned.retain(|pid| there.contains(pid));
        if !self.is_paused {
            self.view = Some(view);
        }
        self.follow();
    }

    /// The rows, with the CPUs that each used over time, the last look last.
    pub(super) fn rows(&self) -> Vec<(Row, Vec<f64>)> {
        let Some(view) = &self.view else {
            return Vec::new();
        };
        let mut rows = Vec::new();
        for process in chosen(&view.processes, self.sort, self.is_reversed, &self.filter) {
            let is_folded = self.is_folded(process.pid);
            let mut row = of_process(process, view.cpus);
            row.what = format!("{} {}", if is_folded { '+' } else { '-' }, row.what);
            rows.push(row);
            if !is_folded {
                let owners = of_owners(process, view.cpus).into_iter();
                rows.extend(owners.map(|row| Row {
                    what: format!("    {}", row.what),
                    ..row
                }));
            }
        }
        let history = |row: &Row| {
            let used = self.history.get(&row.key);
            used.map_or_else(Vec::new, |used| used.iter().copied().collect())
        };
        rows.into_iter()
            .map(|row| {
                let used = history(&row);
                (row, used)
            })
            .collect()
    }

    pub(super) fn is_folded(&self, pid: u32) -> bool {
        self.is_folded != self.turned.contains(&pid)
    }

    /// Does what a key says; whether that was to quit.
    pub(super) fn press(&mut self, press: Press) -> bool {
        if self.is_typing {
            self.typed(press);
            self.follow();
            return false;
        }
        if self.is_helping {
            self.is_helping = false;
            return false;
        }
        let last = self.rows().len().saturating_sub(1);
        match press {
            Press::Character('q') => return true,
            Press::Escape if self.filter.is_empty() => return true,
            Press::Escape => self.filter.clear(),
            Press::Character('?' | 'h') => self.is_helping = true,
            Press::Character('/') => self.is_typing = true,
            Press::Character('s') => self.sort = next(self.sort),
            Press::Character('r') => self.is_reversed = !self.is_reversed,
            Press::Character('e') => {
                self.is_folded = !self.is_folded;
                self.turned.clear();
            }
            Press::Character('p') => self.is_paused = !self.is_paused,
            Press::Enter | Press::Character(' ') => self.turn(),
            Press::Up | Press::Character('k') => self.select(self.selected.saturating_sub(1)),
            Press::Down | Press::Character('j') => self.select((self.selected + 1).min(last)),
            Press::PageUp => self.select(self.selected.saturating_sub(PAGE)),
            Press::PageDown => self.select((self.selected + PAGE).min(last)),
            Press::Home => self.select(0),
            Press::End => self.select(last),
            Press::Character(_) | Press::Backspace => {}
        }
        self.follow();
        false
    }

    fn typed(&mut self, press: Press) {
        match press {
            Press::Enter => self.is_typing = false,
            Press::Escape => {
                self.filter.clear();
                self.is_typing = false;
            }
            Press::Backspace => _ = self.filter.pop(),
            Press::Character(character) if self.filter.chars().count() < MOST_OF_FILTER => {
                self.filter.push(character);
            }
            _ => {}
        }
    }

    /// Folds or unfolds the process of the chosen row.
    fn turn(&mut self) {
        let Some((pid, _)) = self.key.clone() else {
            return;
        };
        if !self.turned.remove(&pid) {
            self.turned.insert(pid);
        }
        self.key = Some((pid, None));
    }

    fn select(&mut self, row: usize) {
        self.selected = row;
        self.key = self.rows().get(row).map(|(row, _)| row.key.clone());
    }

    /// Stays with the chosen row, wherever it goes; where it has gone, with its place. The
    /// first place is the first whatever stands there.
    fn follow(&mut self) {
        let rows = self.rows();
        let place = |key: &Key| rows.iter().position(|(row, _)| row.key == *key);
        let found = self
            .key
            .as_ref()
            .filter(|_| self.selected > 0)
            .and_then(place);
        let last = rows.len().saturating_sub(1);
        self.selected = found.unwrap_or(self.selected.min(last));
        self.key = rows.get(self.selected).map(|(row, _)| row.key.clone());
    }
}

fn next(sort: Sort) -> Sort {
    let place = Sort::ALL.iter().position(|one| *one == sort).unwrap_or(0);
    Sort::ALL[(place + 1) % Sort::ALL.len()]
}

fn push(history: &mut VecDeque<f64>, value: f64) {
    if history.len() >= LONGEST {
        history.pop_front();
    }
    history.push_back(value);
}
