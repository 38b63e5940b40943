//! Imports in a process of their own: what they may do to it is told of.

use crate::Host;

/// Who goes on with a command that imports, or loads, what may end the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Apart {
    /// This process.
    Here,
    /// A child did, to the end, with this exit code.
    Done(i32),
    /// A child did, and did not come to the end.
    Died(End),
}

/// How a child ended before it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// What it was doing, and what ended it: `"importing numpy was ended by SIGINT"`.
    pub what: String,
    /// The last lines that it wrote to standard error.
    pub said: Vec<String>,
}

impl Apart {
    /// Asks the host for a child, if there is anything to do that needs one.
    pub(crate) fn go(host: &mut dyn Host, is_needed: bool) -> Apart {
        if is_needed { host.apart() } else { Apart::Here }
    }
}
