//! How a group was stopped for its CPU quota, between two times.

use super::measured::Throttling;
use crate::budget::Stopped;

/// What was added since `before`, in the group that was stopped longest.
pub(super) fn longest(before: Vec<Stopped>, now: &[Stopped]) -> Option<Throttling> {
    let since = |before: Stopped| {
        let now = now.iter().find(|now| now.group == before.group)?;
        Some(Throttling {
            periods: now.periods.checked_sub(before.periods)?,
            throttled: now.throttled.checked_sub(before.throttled)?,
            time: now.time.checked_sub(before.time)?,
            group: before.group,
        })
    };
    let groups = before.into_iter().filter_map(since);
    groups.max_by_key(|group| (group.time, group.periods))
}
