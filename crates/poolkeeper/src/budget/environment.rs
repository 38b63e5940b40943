//! A share as environment variables, from the runtimes' own cards.

use super::OVERRIDE;
use super::split::Share;
use crate::runtimes::{self, Counts};
use serde::Serialize;

/// A variable and the value that keeps a share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Setting {
    /// The variable's name.
    pub name: &'static str,
    /// A whole number.
    pub value: u32,
    /// Who reads it, for people.
    pub read_by: &'static str,
}

/// The variables by which new processes, and libraries loaded later, keep
/// `share`; each name once, ours first.
///
/// # Examples
///
/// ```
/// use poolkeeper::budget::{Levels, Split, environment};
/// let split = Split::new(8, &Levels { openmp: Some(4), ..Levels::default() }, &[])?;
/// let settings = environment(&split.largest());
/// let blas = settings.iter().find(|setting| setting.name == "OPENBLAS_NUM_THREADS");
/// assert_eq!(blas.unwrap().value, 2);
/// # Ok::<(), poolkeeper::Error>(())
/// ```
pub fn environment(share: &Share) -> Vec<Setting> {
    let mut settings = vec![Setting {
        name: OVERRIDE,
        value: share.cpus,
        read_by: "poolkeeper",
    }];
    let of_pools = runtimes::all().map(|card| (card.name, card.environment));
    let of_others = runtimes::listeners().map(|listener| (listener.name, listener.environment));
    for (read_by, variables) in of_pools.chain(of_others) {
        for variable in variables {
            let Some(counts) = variable.counts else {
                continue;
            };
            if settings.iter().all(|setting| setting.name != variable.name) {
                settings.push(Setting {
                    name: variable.name,
                    value: value(counts, share),
                    read_by,
                });
            }
        }
    }
    settings
}

fn value(counts: Counts, share: &Share) -> u32 {
    match counts {
        Counts::Openmp => share.openmp,
        Counts::Blas => share.blas,
        Counts::Cpus => share.cpus,
        Counts::One => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_name_is_set_once() {
        let share = Share {
            cpus: 8,
            openmp: 4,
            blas: 2,
        };
        let settings = environment(&share);
        let names: HashSet<_> = settings.iter().map(|setting| setting.name).collect();
        assert_eq!(names.len(), settings.len());
        let value = |name| settings.iter().find(|s| s.name == name).map(|s| s.value);
        assert_eq!(value("OMP_NUM_THREADS"), Some(4));
        assert_eq!(value("MKL_NUM_THREADS"), Some(2));
        assert_eq!(value("LOKY_MAX_CPU_COUNT"), Some(8));
        assert_eq!(value("TF_NUM_INTEROP_THREADS"), Some(1));
        assert_eq!(value("GOMP_SPINCOUNT"), None);
    }
}
