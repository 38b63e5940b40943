//! The smallest of a list's values from any place on, in logarithmic time.

use libc::c_int;

/// Stands for a place without a value: larger than every value.
const NONE: i64 = i64::MAX;

/// A tree over the places of a list: each node has the smallest value below it,
/// node 1 is the root, and the last half are the places themselves.
#[derive(Debug, Default)]
pub(crate) struct Minima {
    nodes: Vec<i64>,
}

impl Minima {
    /// A list with these values.
    pub(crate) fn of(values: impl ExactSizeIterator<Item = Option<c_int>>) -> Self {
        let mut minima = Minima::default();
        minima.grow(values.len());
        let places = minima.places();
        for (leaf, value) in minima.nodes[places..].iter_mut().zip(values) {
            *leaf = value.map_or(NONE, i64::from);
        }
        minima.sum_up();
        minima
    }

    /// Sets the value of a place, or that it has none.
    pub(crate) fn set(&mut self, place: usize, value: Option<c_int>) {
        if place >= self.places() {
            self.grow(place + 1);
        }
        let mut node = self.places() + place;
        self.nodes[node] = value.map_or(NONE, i64::from);
        while node > 1 {
            node /= 2;
            self.nodes[node] = self.below(node);
        }
    }

    /// The smallest value at `place` or after it.
    pub(crate) fn from(&self, place: usize) -> Option<c_int> {
        if place >= self.places() {
            return None;
        }
        let mut node = self.places() + place;
        let mut smallest = self.nodes[node];
        while node > 1 {
            // A node with an even number has its right neighbour after it.
            if node.is_multiple_of(2) {
                smallest = smallest.min(self.nodes[node + 1]);
            }
            node /= 2;
        }
        c_int::try_from(smallest).ok()
    }

    fn places(&self) -> usize {
        self.nodes.len() / 2
    }

    fn below(&self, node: usize) -> i64 {
        self.nodes[2 * node].min(self.nodes[2 * node + 1])
    }

    fn grow(&mut self, needed: usize) {
        let old = self.nodes.split_off(self.places());
        let places = needed.next_power_of_two().max(4);
        self.nodes.clear();
        self.nodes.resize(2 * places, NONE);
        self.nodes[places..places + old.len()].copy_from_slice(&old);
        self.sum_up();
    }

    fn sum_up(&mut self) {
        for node in (1..self.places()).rev() {
            self.nodes[node] = self.below(node);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_answers_as_a_walk_through_the_list(
            changes in prop::collection::vec((0usize..70, prop::option::of(any::<i32>())), 0..200),
        ) {
            let mut minima = Minima::default();
            let mut list = [None; 70];
            for (place, value) in changes {
                minima.set(place, value);
                list[place] = value;
                for from in 0..list.len() {
                    prop_assert_eq!(minima.from(from), list[from..].iter().flatten().min().copied());
                }
            }
            let minima = Minima::of(list.iter().skip(3).copied());
            prop_assert_eq!(minima.from(2), list[5..].iter().flatten().min().copied());
            prop_assert_eq!(minima.from(67), None);
        }
    }
}
