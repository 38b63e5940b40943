//! Samples in a bounded list: a cell may run for hours.

use std::time::Duration;

/// The most moments that are kept.
const MOST: usize = 480;
/// Time between two moments at first; doubled whenever the list is full.
const FIRST_WIDTH: Duration = Duration::from_millis(5);

/// The runnable threads at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moment {
    /// Time since the sampler began.
    pub at: Duration,
    /// Runnable threads of each group, in the order of [`super::Usage::groups`].
    pub runnable: Vec<u32>,
}

impl Moment {
    /// All runnable threads.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.runnable.iter().sum()
    }
}

pub(super) struct Timeline {
    moments: Vec<Moment>,
    width: Duration,
}

impl Timeline {
    pub(super) fn new() -> Self {
        Timeline {
            moments: Vec::new(),
            width: FIRST_WIDTH,
        }
    }

    pub(super) fn push(&mut self, at: Duration, runnable: Vec<u32>) {
        add(&mut self.moments, self.width, Moment { at, runnable });
        if self.moments.len() > MOST {
            self.width *= 2;
            let full = std::mem::take(&mut self.moments);
            for moment in full {
                add(&mut self.moments, self.width, moment);
            }
        }
    }

    /// The moments, with the groups in this order: `order[new] = old`.
    pub(super) fn in_order(self, order: &[usize]) -> Vec<Moment> {
        let sorted = |moment: Moment| Moment {
            at: moment.at,
            // A group that was not there yet had no runnable thread.
            runnable: order
                .iter()
                .map(|old| moment.runnable.get(*old).copied().unwrap_or(0))
                .collect(),
        };
        self.moments.into_iter().map(sorted).collect()
    }
}

/// Adds a moment; of those in one stretch of `width` the busiest stays.
fn add(moments: &mut Vec<Moment>, width: Duration, moment: Moment) {
    let stretch = |moment: &Moment| moment.at.as_nanos() / width.as_nanos();
    match moments.last_mut() {
        Some(last) if stretch(last) == stretch(&moment) => {
            if moment.total() > last.total() {
                *last = moment;
            }
        }
        _ => moments.push(moment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour() -> Timeline {
        let mut timeline = Timeline::new();
        for i in 0..360_000_u64 {
            let busy = u32::from(i == 123_456);
            timeline.push(Duration::from_millis(10 * i), vec![1, 40 * busy]);
        }
        timeline
    }

    #[test]
    fn an_hour_fits_and_keeps_its_peak() {
        let moments = hour().in_order(&[0, 1]);
        assert!(moments.len() <= MOST, "{}", moments.len());
        let peak = moments.iter().max_by_key(|moment| moment.total()).unwrap();
        assert_eq!(peak.at, Duration::from_millis(1_234_560));
        assert_eq!(peak.runnable, [1, 40]);
        assert!(moments.is_sorted_by_key(|moment| moment.at));
    }

    #[test]
    fn groups_that_came_later_had_no_thread_before() {
        let mut timeline = Timeline::new();
        timeline.push(Duration::ZERO, vec![1]);
        timeline.push(Duration::from_secs(1), vec![1, 3]);
        let moments = timeline.in_order(&[1, 0]);
        assert_eq!(moments[0].runnable, [0, 1]);
        assert_eq!(moments[1].runnable, [3, 1]);
    }
}
