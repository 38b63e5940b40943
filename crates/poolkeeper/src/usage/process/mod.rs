//! Any process by its number: its threads, whose they are, what each has used, and
//! the processes that it starts; nothing is stopped and nothing attached to.
//!
//! `owners.rs` tells whose a thread is, `pools.rs` which pools are loaded; `watch.rs` has one thread, `threads.rs` those
//! of one process, and `tree.rs` a process and what it starts; `stretch.rs` is what a
//! look found out.

mod owners;
mod pools;
mod stretch;
mod threads;
mod tree;
mod watch;

pub(super) use owners::Owners;
pub(super) use pools::{PoolsOf, pools_of};
pub(super) use stretch::Stretch;
pub(super) use threads::Threads;
pub(super) use tree::Tree;
#[cfg(test)]
pub(super) use watch::Watch;
