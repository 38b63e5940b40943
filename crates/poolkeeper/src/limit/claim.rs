//! What one scope asks of a pool, and how it stands to the scopes around it.

use libc::c_int;

/// Tells scopes apart for the life of the process; later ones are larger.
pub(crate) type ScopeId = u64;

/// How a scope stands to the scopes around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// It only lowers: it raises neither a number that another scope set nor the
    /// number from before the first.
    Keep,
    /// It suspends every earlier scope, and sets its number.
    Force,
    /// threadpoolctl's rule: it suspends earlier scopes with this rule of the
    /// same context (a thread, a task), and no others. It sets its number too.
    Innermost(u64),
    /// It limits nothing. When it ends, it undoes the numbers that its context left
    /// behind while it was live.
    Witness(u64),
}

impl Rule {
    /// The context in which threadpoolctl's kinds of scope are nested.
    pub(crate) fn context(self) -> Option<u64> {
        match self {
            Rule::Innermost(context) | Rule::Witness(context) => Some(context),
            Rule::Keep | Rule::Force => None,
        }
    }
}

/// One live scope's claim on the pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) scope: ScopeId,
    /// The thread that began the scope.
    pub(crate) thread: u64,
    pub(crate) threads: c_int,
    pub(crate) rule: Rule,
}
