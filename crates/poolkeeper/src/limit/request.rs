//! What the user asks for: which pools, how many threads each.

use crate::error::nearest;
use crate::limit::claim::Rule;
use crate::model::Level;
use crate::runtimes;
use crate::{Error, Result};
use smallvec::SmallVec;
use std::path::PathBuf;

/// The largest limit that is accepted: Linux on x86-64 is built for at most
/// 8,192 CPUs (`NR_CPUS`), so that more is a slip and not a wish.
pub const MAX_LIMIT: u32 = 8192;

/// A count that limits nothing; see [`Request::witness`].
pub(crate) const WITNESS: i32 = i32::MIN;

/// Which pools a limit names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Selector {
    /// Every pool.
    All,
    /// Every pool of a level.
    Level(Level),
    /// Every pool of a runtime, by its id among [`crate::runtimes::all`].
    Runtime(&'static str),
    /// The pool that lives in this file.
    File(PathBuf),
    /// The pool with this [`Pool::id`](crate::Pool::id).
    Id(u32),
}

impl Selector {
    /// Reads a level's name, a runtime's id or (with a `/` in it) a path.
    ///
    /// # Errors
    /// [`Error::UnknownPool`] for any other name, with the nearest known one.
    ///
    /// # Examples
    ///
    /// ```
    /// use poolkeeper::{Level, Selector};
    /// assert_eq!(Selector::parse("blas")?, Selector::Level(Level::Blas));
    /// let error = Selector::parse("blass").unwrap_err();
    /// assert!(error.to_string().contains("did you mean \"blas\"?"));
    /// # Ok::<(), poolkeeper::Error>(())
    /// ```
    pub fn parse(name: &str) -> Result<Selector> {
        if name.contains('/') {
            return Ok(Selector::File(PathBuf::from(name)));
        }
        if let Some(level) = Level::ALL.into_iter().find(|level| level.name() == name) {
            return Ok(Selector::Level(level));
        }
        if let Some(card) = runtimes::all().find(|card| card.id == name) {
            return Ok(Selector::Runtime(card.id));
        }
        let known = Self::names();
        Err(Error::UnknownPool {
            name: name.to_owned(),
            suggestion: nearest(name, known.iter().copied()),
            known,
        })
    }

    /// Every name that [`Selector::parse`] knows.
    pub fn names() -> Vec<&'static str> {
        let levels = Level::ALL.into_iter().map(Level::name);
        levels.chain(runtimes::all().map(|card| card.id)).collect()
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Selector::All => f.write_str("all pools"),
            Selector::Level(level) => level.fmt(f),
            Selector::Runtime(id) => f.write_str(id),
            Selector::File(path) => path.display().fmt(f),
            Selector::Id(id) => write!(f, "pool {id}"),
        }
    }
}

/// A request to use at most a number of threads in some pools.
///
/// The most specific selector counts: a file before a runtime, a runtime before a
/// level, a level before all pools.
///
/// # Examples
///
/// ```
/// use poolkeeper::Request;
/// let request = Request::new().openmp(8).blas(1);
/// let _scope = poolkeeper::limit(request)?;
/// # Ok::<(), poolkeeper::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    rules: SmallVec<[(Selector, i64); 1]>,
    pub(crate) rule: Rule,
    pub(crate) late: bool,
}

impl Default for Request {
    fn default() -> Self {
        Request {
            rules: SmallVec::new(),
            rule: Rule::Keep,
            late: true,
        }
    }
}

impl Request {
    /// A request that names no pool yet.
    #[inline]
    pub fn new() -> Self {
        Self::default()
    }

    /// At most `threads` threads in every pool.
    #[inline]
    pub fn all(self, threads: u32) -> Self {
        self.select(Selector::All, threads)
    }

    /// At most `threads` threads in every BLAS.
    pub fn blas(self, threads: u32) -> Self {
        self.select(Selector::Level(Level::Blas), threads)
    }

    /// At most `threads` threads in every OpenMP runtime.
    pub fn openmp(self, threads: u32) -> Self {
        self.select(Selector::Level(Level::Openmp), threads)
    }

    /// At most `threads` threads in every pool that is neither OpenMP nor BLAS.
    pub fn other(self, threads: u32) -> Self {
        self.select(Selector::Level(Level::Other), threads)
    }

    /// At most `threads` threads in the pools of that selector.
    #[inline]
    pub fn select(mut self, selector: Selector, threads: u32) -> Self {
        self.rules.push((selector, i64::from(threads)));
        self
    }

    /// As [`Request::select`], for any C integer. A number outside 1 to
    /// [`MAX_LIMIT`] is accepted only with [`Request::innermost_of`]; what 0 and
    /// negative numbers mean is up to each runtime, as with threadpoolctl.
    pub fn select_raw(mut self, selector: Selector, threads: i32) -> Self {
        // The smallest integer stands for a witness; the next means the same to
        // every runtime.
        self.rules
            .push((selector, i64::from(threads.max(WITNESS + 1))));
        self
    }

    /// Limits nothing in the pools of that selector. But when the scope ends, it
    /// undoes numbers that were left behind in these pools while it was live: those
    /// that [`Scope::keep`](crate::Scope::keep) kept, or that
    /// [`set_threads`](crate::compatible::set_threads) set.
    pub fn witness(mut self, selector: Selector) -> Self {
        self.rules.push((selector, i64::from(WITNESS)));
        self
    }

    /// Sets the number, also where that raises a pool above the limits of outer
    /// scopes, or above the number that it had before.
    pub fn force(mut self) -> Self {
        self.rule = Rule::Force;
        self
    }

    /// Follows threadpoolctl's rule: of the live scopes with the same
    /// `context` (say, a thread) the latest counts, even if it is higher.
    /// Scopes without this rule, and those of other contexts, still hold.
    pub fn innermost_of(mut self, context: u64) -> Self {
        self.rule = Rule::Innermost(context);
        self
    }

    /// Leaves alone libraries that are loaded while the scope is live. Without this,
    /// a scope covers such libraries too, from the next call of poolkeeper on.
    pub fn only_loaded(mut self) -> Self {
        self.late = false;
        self
    }

    /// The rules of a request that was [checked](Request::check).
    pub(crate) fn rules(&self) -> impl ExactSizeIterator<Item = (&Selector, i32)> {
        self.rules
            .iter()
            .map(|(selector, threads)| (selector, *threads as i32))
    }

    /// # Errors
    /// [`Error::EmptyRequest`], [`Error::InvalidLimit`], [`Error::Conflict`].
    pub(crate) fn check(&self) -> Result<()> {
        if self.rules.is_empty() {
            return Err(Error::EmptyRequest);
        }
        for (i, (selector, threads)) in self.rules.iter().enumerate() {
            if !self.allows(*threads) {
                return Err(Error::InvalidLimit {
                    value: threads.to_string(),
                    max: MAX_LIMIT,
                });
            }
            let earlier = self.rules[..i]
                .iter()
                .find(|(s, t)| s == selector && t != threads);
            if let Some((_, first)) = earlier {
                return Err(Error::Conflict {
                    name: selector.to_string(),
                    first: *first as i32,
                    second: *threads as i32,
                });
            }
        }
        Ok(())
    }

    fn allows(&self, threads: i64) -> bool {
        let witness = i64::from(WITNESS);
        let any = matches!(self.rule, Rule::Innermost(_)) && threads > witness;
        any && i32::try_from(threads).is_ok() || threads == witness || is_count(threads)
    }

    /// Checks that every number can be a baseline.
    ///
    /// # Errors
    /// [`Error::InvalidLimit`] for any that isn't.
    pub(crate) fn check_counts(&self) -> Result<()> {
        match self.rules.iter().find(|(_, threads)| !is_count(*threads)) {
            Some((_, threads)) => Err(Error::InvalidLimit {
                value: threads.to_string(),
                max: MAX_LIMIT,
            }),
            None => Ok(()),
        }
    }
}

fn is_count(threads: i64) -> bool {
    (1..=i64::from(MAX_LIMIT)).contains(&threads)
}

impl From<u32> for Request {
    fn from(threads: u32) -> Self {
        Request::new().all(threads)
    }
}
