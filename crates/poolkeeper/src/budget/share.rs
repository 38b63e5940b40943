//! The share of one of several threads that work at the same time.

use super::split::Share;
use crate::model::{Level, Pool};
use crate::{Request, Selector};

/// What each of `workers` threads may use that work at once for the calling thread,
/// which may use `cpus` CPUs. In every pool a worker gets the thread count that the
/// pool has for the caller (but no more than `cpus`), divided by `workers`, and at
/// least 1. `pools` is the result of [`crate::pools`] on the calling thread.
///
/// The request covers libraries that are loaded later, by their level.
pub fn share_of_callers(workers: u32, cpus: u32, pools: &[Pool]) -> (Share, Request) {
    let workers = workers.max(1);
    let each = |threads: u32| (threads.min(cpus) / workers).max(1);
    let of_level = |level| {
        let counts = pools.iter().filter(|pool| pool.level == level);
        let most = counts.filter_map(|pool| pool.num_threads).max();
        each(most.map_or(cpus, u32::from))
    };
    let share = Share {
        cpus: each(cpus),
        openmp: of_level(Level::Openmp),
        blas: of_level(Level::Blas),
    };
    let mut request = share.request();
    for pool in pools {
        if let Some(threads) = pool.num_threads {
            request = request.select(Selector::Id(pool.id), each(threads.into()));
        }
    }
    (share, request)
}
