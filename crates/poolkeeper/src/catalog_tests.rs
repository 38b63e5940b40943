//! Looks, and pools that rest.

use super::*;

fn looked(catalog: &mut Catalog) -> bool {
    let look = look(catalog.known()).unwrap();
    catalog.publish(look).0
}

#[test]
fn what_was_published_is_of_the_loaders_counters() {
    let mut catalog = Catalog::default();
    assert!(looked(&mut catalog));
    // Other tests of this process may load something meanwhile.
    let epoch = platform::epoch();
    assert!(catalog.is_of(epoch) || catalog.epoch.is_some());
    catalog.look_again();
    assert!(!catalog.is_of(epoch));
}

#[test]
fn a_look_that_began_before_another_was_published_is_not_published() {
    let mut catalog = Catalog::default();
    let early = look(catalog.known()).unwrap();
    assert!(looked(&mut catalog));
    let (published, _spare) = catalog.publish(early);
    assert!(!published);
    assert!(looked(&mut catalog));
}

#[test]
fn who_looks_while_pools_rest_is_not_overwritten_by_those() {
    let mut catalog = Catalog::default();
    assert!(looked(&mut catalog));
    let (resting, _spare) = catalog.rest();
    assert!(catalog.pools().is_empty() && catalog.epoch.is_none());
    assert!(looked(&mut catalog));
    let generation = catalog.generation;
    let _spare = catalog.wake(resting.renew());
    assert_eq!(catalog.generation, generation);
    assert!(catalog.resting.is_empty() && catalog.epoch.is_some());
}
