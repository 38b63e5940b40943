//! What became of a limit, pool by pool: what users read.

use crate::limit::end_status::EndStatus;
use crate::limit::hold::{Held, Hold, Standing};
use crate::limit::request::Selector;
use crate::model::{Level, Reach};
use crate::platform;
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;

/// What became of a limit in one pool when the scope began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Outcome {
    /// The pool; `None` for a name that no loaded pool answers to.
    pub pool: Option<PoolName>,
    /// The name in the request, or the pool's runtime.
    pub name: String,
    /// Threads asked for; `None` for threadpoolctl's 0 and negative numbers, whose
    /// meaning is up to each runtime.
    pub requested: Option<u32>,
    /// Threads before the limit.
    pub before: Option<u32>,
    /// Threads read back afterwards.
    pub observed: Option<u32>,
    /// Whether the limit holds.
    pub status: Status,
}

/// Which pool an outcome or an ending speaks of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolName {
    /// The runtime's id: `"openblas"`.
    pub runtime: &'static str,
    /// The loaded file.
    #[serde(serialize_with = "crate::model::lossy")]
    pub filepath: PathBuf,
    /// Its level.
    pub level: Level,
    /// What setting it affects.
    pub reach: Reach,
}

impl PoolName {
    pub(crate) fn of(held: Held<'_>) -> Self {
        let card = held.pool.runtime.card();
        PoolName {
            runtime: card.id,
            filepath: held.pool.filepath.clone(),
            level: card.level,
            reach: held.knob.facts.reach,
        }
    }
}

/// Whether a limit holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", content = "why", rename_all = "lowercase")]
#[non_exhaustive]
pub enum Status {
    /// The pool runs at most the requested number.
    Applied,
    /// The pool had fewer threads than the limit allows, and keeps them:
    /// a limit only lowers.
    Below,
    /// The runtime accepted another number; see [`Outcome::observed`].
    Clamped,
    /// Another live scope holds the pool lower (or, with `force`, higher).
    Shared,
    /// Nothing was set, for this reason.
    Ignored(String),
}

impl Status {
    /// `"applied"`, `"below"`, `"clamped"`, `"shared"` or `"ignored"`.
    pub fn name(&self) -> &'static str {
        match self {
            Status::Applied => "applied",
            Status::Below => "below",
            Status::Clamped => "clamped",
            Status::Shared => "shared",
            Status::Ignored(_) => "ignored",
        }
    }
}

impl Outcome {
    pub(crate) fn of((held, hold): (Held<'_>, &Hold)) -> Self {
        let positive = |threads: i32| u32::try_from(threads).ok().filter(|n| *n > 0);
        let ignored = |why: &str| Status::Ignored(why.to_owned());
        let observed = hold.used(held);
        let status = match hold.standing {
            Standing::Applied if observed < hold.requested => Status::Clamped,
            Standing::Applied => Status::Applied,
            Standing::Below => Status::Below,
            Standing::Clamped => Status::Clamped,
            Standing::Shared => Status::Shared,
            Standing::Fixed => Status::Ignored(
                held.fixed()
                    .map(|fixed| fixed.why(hold.requested))
                    .unwrap_or_default(),
            ),
            Standing::Yields => ignored(&format!(
                "it runs on {}, which this request sets to {}",
                held.knob.runtime.card().id,
                hold.observed
            )),
            Standing::NoThread => ignored("this thread is ending"),
        };
        Outcome {
            pool: Some(PoolName::of(held)),
            name: held.pool.runtime.card().id.to_owned(),
            requested: positive(hold.requested),
            before: positive(hold.used_before(held)),
            observed: positive(observed),
            status,
        }
    }

    pub(crate) fn unmatched(selector: &Selector, requested: i32) -> Self {
        Outcome {
            pool: None,
            name: selector.to_string(),
            requested: u32::try_from(requested).ok(),
            before: None,
            observed: None,
            status: Status::Ignored(match platform::unsupported() {
                Some(reason) => reason.to_string(),
                None => "not loaded".to_owned(),
            }),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requested = self
            .requested
            .map_or("the runtime's own number".to_owned(), |n| n.to_string());
        write!(f, "{}: asked for {requested}, ", self.name)?;
        let observed = self
            .observed
            .map_or("unknown".to_owned(), |n| n.to_string());
        match &self.status {
            Status::Applied => write!(f, "applied"),
            Status::Below => write!(f, "has {observed}: kept"),
            Status::Clamped => write!(f, "clamped to {observed} by the runtime"),
            Status::Shared => write!(f, "runs at {observed}, which another live scope set"),
            Status::Ignored(why) => write!(f, "ignored: {why}"),
        }
    }
}

/// What was done to one pool when the scope ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Ending {
    /// The pool.
    pub pool: PoolName,
    /// What was done.
    pub status: EndStatus,
}

impl Ending {
    /// How a hold ended, if it has.
    pub(crate) fn of((held, hold): (Held<'_>, &Hold)) -> Option<Self> {
        Some(Ending {
            pool: PoolName::of(held),
            status: hold.end?,
        })
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self
            .pool
            .filepath
            .file_name()
            .unwrap_or_default()
            .to_string_lossy();
        write!(f, "{} ({file}): ", self.pool.runtime)?;
        match self.status {
            EndStatus::Restored => write!(f, "restored"),
            EndStatus::Held { threads } => write!(f, "still held at {threads} by another scope"),
            EndStatus::Left { expected, found } => write!(
                f,
                "somebody else changed it (the scope had set {expected}, {found} was found): left as it is"
            ),
            EndStatus::OtherThread => write!(
                f,
                "the scope began on another thread, whose own value goes back at that thread's next use of poolkeeper"
            ),
            EndStatus::ThreadGone => write!(f, "the thread that the scope began on is gone"),
        }
    }
}
