//! How many threads may call a BLAS at once.

use crate::model::{Level, Pool};
use crate::runtimes::COMPILED_FOR_USUALLY as USUAL;

/// The most threads that may call a BLAS at once, and whose bound it is.
pub(super) enum Callers<'pools> {
    /// A loaded BLAS survives no more.
    Known { most: u32, pool: &'pools Pool },
    /// A BLAS is loaded that does not tell.
    Unknown,
    /// None is loaded yet; what comes is probably the usual one.
    Assumed,
}

impl Callers<'_> {
    pub(super) fn of(pools: &[Pool]) -> Callers<'_> {
        let mut blas = pools
            .iter()
            .filter(|pool| pool.level == Level::Blas)
            .peekable();
        if blas.peek().is_none() {
            return Callers::Assumed;
        }
        let known = blas.filter_map(|pool| Some((survived(pool)?, pool)));
        match known.min_by_key(|(most, _)| *most) {
            Some((most, pool)) => Callers::Known { most, pool },
            None => Callers::Unknown,
        }
    }

    /// The most threads to give; an assumption does not hold against what was
    /// asked for.
    pub(super) fn most(&self, is_asked: bool) -> u32 {
        match self {
            Callers::Known { most, .. } => *most,
            Callers::Assumed if !is_asked => USUAL,
            Callers::Assumed | Callers::Unknown => u32::MAX,
        }
    }

    /// That bound with a sentence for people; `None` where there is none.
    pub(super) fn bound(&self, is_asked: bool) -> Option<(u32, String)> {
        match self {
            Callers::Known { most, pool } => {
                let name = pool.name;
                let why =
                    format!("{name} takes {most} callers at once, so OpenMP gets no more threads");
                Some((*most, why))
            }
            Callers::Assumed if !is_asked => {
                let why = format!(
                    "no BLAS is loaded yet, and numpy's usual one takes {USUAL} callers at once, \
                     so OpenMP gets no more threads unless you ask for them"
                );
                Some((USUAL, why))
            }
            Callers::Assumed | Callers::Unknown => None,
        }
    }
}

/// The callers that a pool survives: its buffers, and no more than the threads
/// that it was compiled for.
fn survived(pool: &Pool) -> Option<u32> {
    let compiled = pool.max_threads.map_or(u32::MAX, u32::from);
    Some(pool.capacity?.min(compiled).max(1))
}

#[cfg(test)]
mod tests {
    use crate::MAX_LIMIT;
    use crate::budget::{Levels, Split};
    use proptest::prelude::*;

    fn threads(cpus: u32, openmp: Option<u32>, nested: bool) -> (u32, u32, String) {
        let levels = Levels {
            openmp,
            nested,
            ..Levels::default()
        };
        let split = Split::new(cpus, &levels, &[]).unwrap();
        let share = split.largest();
        (share.openmp, share.blas, split.bounds.join("; "))
    }

    #[test]
    fn before_a_blas_is_loaded_the_usual_one_is_expected() {
        let (openmp, blas, why) = threads(128, None, true);
        assert_eq!((openmp, blas), (64, 2));
        assert!(why.starts_with("no BLAS is loaded yet"), "{why}");
        assert_eq!(threads(128, None, false).0, 64);
        let (openmp, _, why) = threads(64, None, true);
        assert_eq!((openmp, why.as_str()), (64, "the budget is 64 CPUs"));
    }

    proptest! {
        #[test]
        fn no_more_than_the_usual_blas_takes(cpus in 1..=MAX_LIMIT) {
            let (openmp, blas, _) = threads(cpus, None, true);
            prop_assert!(openmp <= 64 && openmp * blas <= cpus);
            prop_assert!(openmp * (blas + 1) > cpus, "CPUs that could be used are");
        }
    }

    #[test]
    fn an_expectation_does_not_hold_against_what_was_asked() {
        assert_eq!(threads(128, Some(128), true).0, 128);
        assert_eq!(threads(128, Some(100), false).0, 100);
    }
}
