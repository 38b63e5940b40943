//! Time on a CPU and time without one, added up by stretches of equal width: a
//! bounded list, whose sums are exact however long a program runs.

use std::collections::HashMap;
use std::time::Duration;

/// The most stretches that are kept; two become one when there are more.
const MOST: usize = 480;

/// What threads of one owner in one process used in one stretch of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amount {
    /// Nanoseconds on a CPU.
    pub(super) ran: u64,
    /// Nanoseconds without one.
    pub(super) waited: u64,
}

/// Which threads: their process and their owner, each by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Whose {
    pub(super) process: usize,
    pub(super) owner: usize,
}

/// The time from the beginning on, in stretches of equal width.
pub(super) struct Lanes {
    width: Duration,
    lanes: HashMap<Whose, Vec<Amount>>,
    /// Nanoseconds for which the CPUs worked for others.
    others: Vec<u64>,
}

impl Lanes {
    /// Stretches of this width, as long as there is room.
    pub(super) fn new(width: Duration) -> Self {
        Lanes {
            width,
            lanes: HashMap::new(),
            others: Vec::new(),
        }
    }

    pub(super) fn width(&self) -> Duration {
        self.width
    }

    /// The stretches of each, as many as there is time for.
    pub(super) fn each(&self) -> impl Iterator<Item = (Whose, &[Amount])> {
        self.lanes
            .iter()
            .map(|(whose, lane)| (*whose, lane.as_slice()))
    }

    /// What others used in each stretch.
    pub(super) fn others(&self) -> &[u64] {
        &self.others
    }

    /// Adds time on a CPU, spread evenly from `since` to `until`.
    pub(super) fn add_run(
        &mut self,
        whose: Whose,
        since: Duration,
        until: Duration,
        time: Duration,
    ) {
        self.add(whose, since, until, time, |amount| &mut amount.ran);
    }

    /// Adds time without a CPU, spread evenly.
    pub(super) fn add_wait(
        &mut self,
        whose: Whose,
        since: Duration,
        until: Duration,
        time: Duration,
    ) {
        self.add(whose, since, until, time, |amount| &mut amount.waited);
    }

    fn add(
        &mut self,
        whose: Whose,
        since: Duration,
        until: Duration,
        time: Duration,
        of: impl Fn(&mut Amount) -> &mut u64,
    ) {
        self.make_room(until);
        let lane = self.lanes.entry(whose).or_default();
        spread(self.width, since, until, time, |index, part| {
            *of(at(lane, index)) += part;
        });
    }

    /// Adds time for which the CPUs worked for others, spread evenly.
    pub(super) fn add_others(&mut self, since: Duration, until: Duration, time: Duration) {
        self.make_room(until);
        let others = &mut self.others;
        spread(self.width, since, until, time, |index, part| {
            *at(others, index) += part;
        });
    }

    /// Adds what one process used to another's.
    pub(super) fn merge(&mut self, from: usize, into: usize) {
        let its = self.lanes.keys().filter(|whose| whose.process == from);
        let its: Vec<Whose> = its.copied().collect();
        for whose in its {
            let lane = self.lanes.remove(&whose).unwrap_or_default();
            let whose = Whose {
                process: into,
                ..whose
            };
            let sums = self.lanes.entry(whose).or_default();
            for (index, amount) in lane.into_iter().enumerate() {
                let sum = at(sums, index);
                sum.ran += amount.ran;
                sum.waited += amount.waited;
            }
        }
    }

    /// Widens the stretches until this time fits.
    fn make_room(&mut self, until: Duration) {
        while until.as_nanos() > self.width.as_nanos() * MOST as u128 {
            self.width *= 2;
            for lane in self.lanes.values_mut() {
                *lane = halved(lane, |a, b| Amount {
                    ran: a.ran + b.ran,
                    waited: a.waited + b.waited,
                });
            }
            self.others = halved(&self.others, |a, b| a + b);
        }
    }
}

fn at<T: Copy + Default>(list: &mut Vec<T>, index: usize) -> &mut T {
    if list.len() <= index {
        list.resize(index + 1, T::default());
    }
    &mut list[index]
}

fn halved<T: Copy + Default>(list: &[T], add: impl Fn(T, T) -> T) -> Vec<T> {
    let pairs = list.chunks(2);
    pairs
        .map(|pair| add(pair[0], pair.get(1).copied().unwrap_or_default()))
        .collect()
}

/// Divides a time over the stretches from `since` to `until`, by how much of each is
/// between them; the parts add up to the whole, to the nanosecond.
fn spread(
    width: Duration,
    since: Duration,
    until: Duration,
    time: Duration,
    mut add: impl FnMut(usize, u64),
) {
    let (width, since, until) = (width.as_nanos(), since.as_nanos(), until.as_nanos());
    let (time, span) = (time.as_nanos(), until.saturating_sub(since));
    if time == 0 {
        return;
    }
    // What ends where a stretch begins is in the one before.
    let last = until.saturating_sub(1) / width;
    let first = (since / width).min(last);
    let mut given = 0;
    for index in first..=last {
        let end = ((index + 1) * width).min(until);
        let so_far = if span == 0 || index == last {
            time
        } else {
            time * (end - since) / span
        };
        add(index as usize, (so_far - given) as u64);
        given = so_far;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WHOSE: Whose = Whose {
        process: 0,
        owner: 0,
    };

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    #[test]
    fn a_time_is_spread_over_the_stretches_that_it_covers() {
        let mut lanes = Lanes::new(ms(50));
        lanes.add_run(WHOSE, ms(25), ms(125), ms(40));
        lanes.add_wait(WHOSE, ms(100), ms(150), ms(7));
        let (_, lane) = lanes.each().next().unwrap();
        let ran: Vec<u64> = lane.iter().map(|amount| amount.ran / 1_000_000).collect();
        assert_eq!(ran, [10, 20, 10]);
        assert_eq!(lane[2].waited, 7_000_000);
    }

    #[test]
    fn a_time_at_one_moment_is_in_the_stretch_before_it() {
        let mut lanes = Lanes::new(ms(50));
        lanes.add_others(ms(100), ms(100), ms(3));
        assert_eq!(lanes.others(), [0, 3_000_000]);
        lanes.add_others(ms(0), ms(0), ms(1));
        assert_eq!(lanes.others(), [1_000_000, 3_000_000]);
    }

    #[test]
    fn one_process_may_take_the_place_of_another() {
        let whose = |process, owner| Whose { process, owner };
        let mut lanes = Lanes::new(ms(50));
        lanes.add_run(whose(1, 0), ms(0), ms(100), ms(40));
        lanes.add_wait(whose(1, 1), ms(50), ms(100), ms(7));
        lanes.add_run(whose(2, 0), ms(0), ms(50), ms(5));
        lanes.merge(1, 2);
        let sum = |whose| -> u64 {
            let (_, lane) = lanes.each().find(|(one, _)| *one == whose).unwrap();
            lane.iter().map(|amount| amount.ran + amount.waited).sum()
        };
        assert_eq!(sum(whose(2, 0)), 45_000_000);
        assert_eq!(sum(whose(2, 1)), 7_000_000);
        assert_eq!(lanes.each().count(), 2);
    }

    #[test]
    fn a_day_fits() {
        let mut lanes = Lanes::new(ms(10));
        for second in 0..86_400_u64 {
            lanes.add_run(WHOSE, ms(1000 * second), ms(1000 * second + 1000), ms(500));
        }
        let (_, lane) = lanes.each().next().unwrap();
        assert!(lane.len() <= MOST, "{}", lane.len());
        let total: u64 = lane.iter().map(|amount| amount.ran).sum();
        assert_eq!(total, 43_200_000_000_000);
        // It worked evenly, and so it looks.
        let full = &lane[..lane.len() - 1];
        assert!(full.iter().all(|amount| amount.ran == full[0].ran));
    }

    proptest! {
        /// Whatever is added, at whatever rate, nothing is lost and nothing is made.
        #[test]
        fn sums_are_exact(
            width in 1_u64..200,
            times in prop::collection::vec((0_u64..40_000_000_000, 0_u64..3_000_000_000, 0_u64..9_000_000_000), 1..200),
        ) {
            let mut lanes = Lanes::new(ms(width));
            let mut sum = 0;
            for (until, span, time) in times {
                let since = Duration::from_nanos(until.saturating_sub(span));
                let (until, time) = (Duration::from_nanos(until), Duration::from_nanos(time));
                lanes.add_run(WHOSE, since, until, time);
                lanes.add_wait(WHOSE, since, until, time);
                lanes.add_others(since, until, time);
                sum += time.as_nanos() as u64;
            }
            let (_, lane) = lanes.each().next().unwrap();
            prop_assert_eq!(lane.iter().map(|amount| amount.ran).sum::<u64>(), sum);
            prop_assert_eq!(lane.iter().map(|amount| amount.waited).sum::<u64>(), sum);
            prop_assert_eq!(lanes.others().iter().sum::<u64>(), sum);
            prop_assert!(lane.len() <= MOST);
        }
    }
}
