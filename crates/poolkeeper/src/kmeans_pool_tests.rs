//! One test: the counts are the process's.

use super::{Caller, Want};
use crate::runtimes::kmeans::set_limit;

fn exactly(threads: u32) -> Want {
    Want::Exactly(threads.try_into().unwrap())
}

fn shares(callers: &[&Caller]) -> Vec<u32> {
    callers.iter().map(|caller| caller.threads()).collect()
}

#[test]
fn callers_share_a_limit_and_take_over_what_others_leave() {
    set_limit(7);
    let first = Caller::begin(Want::Usual);
    assert_eq!(shares(&[&first]), [7]);
    let second = Caller::begin(Want::Usual);
    let third = Caller::begin(exactly(9));
    assert_eq!(shares(&[&first, &second, &third]), [3, 2, 2]);
    drop(first);
    assert_eq!(shares(&[&second, &third]), [4, 3]);
    set_limit(1);
    assert_eq!(shares(&[&second, &third]), [1, 1]);
    set_limit(0);
    assert_eq!(shares(&[&third]), [9]);
    drop((second, third));

    set_limit(1000);
    let many: Vec<_> = (0..70).map(|_| Caller::begin(Want::Usual)).collect();
    assert_eq!(many[0].threads(), 1000 / 64 + 1);
    assert_eq!(many[69].threads(), 1, "there are 64 places");
    drop(many);
    assert_eq!(Caller::begin(Want::Usual).threads(), 1000);
    set_limit(0);
}
