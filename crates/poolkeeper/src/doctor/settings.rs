//! How each runtime reads its environment: which variable decides, and what it
//! makes of the value.

use super::facts::{Facts, PoolFacts};
use std::num::NonZeroU32;

/// How a runtime reads a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// The whole value must be a number, or a list of them (OpenMP).
    Whole,
    /// The digits at its beginning count, whatever follows (C's `atoi`).
    Prefix,
}

/// The variables that decide a pool's thread count, the first that is set
/// counts, and how the runtime reads them. Sources: the runtimes' cards;
/// OpenBLAS driver/others/openblas_env.c (`atoi`), libgomp env.c
/// (`parse_unsigned_long_list`), LLVM kmp_settings.cpp.
pub(super) fn variables(found: &PoolFacts) -> (&'static [&'static str], Reading) {
    match (found.pool.runtime, found.pool.threading_layer.as_deref()) {
        ("openblas", Some("openmp" | "disabled")) => (&[], Reading::Prefix),
        ("openblas", _) => (
            &[
                "OPENBLAS_NUM_THREADS",
                "GOTO_NUM_THREADS",
                "OMP_NUM_THREADS",
            ],
            Reading::Prefix,
        ),
        ("mkl", _) => (&["MKL_NUM_THREADS", "OMP_NUM_THREADS"], Reading::Prefix),
        ("blis", _) => (&["BLIS_NUM_THREADS", "OMP_NUM_THREADS"], Reading::Prefix),
        ("libgomp" | "libomp", _) => (&["OMP_NUM_THREADS"], Reading::Whole),
        _ => (&[], Reading::Whole),
    }
}

/// The variable that decides now, its value, and the threads that the pool would
/// start with by it, were it loaded now.
pub(super) struct Setting<'facts> {
    pub(super) name: &'static str,
    pub(super) value: &'facts str,
    pub(super) threads: u32,
}

/// What the environment asks of a pool now; `None` if nothing.
pub(super) fn setting<'facts>(found: &PoolFacts, facts: &'facts Facts) -> Option<Setting<'facts>> {
    let (names, reading) = variables(found);
    names.iter().find_map(|name| {
        let value = facts.environment.now(name)?;
        let threads = read(value, reading)?;
        Some(Setting {
            name,
            value,
            threads: threads.min(most(found, facts)),
        })
    })
}

/// The most threads that a variable can make a pool start.
fn most(found: &PoolFacts, facts: &Facts) -> u32 {
    let built_for = found.pool.max_threads.map_or(u32::MAX, NonZeroU32::get);
    if found.pool.runtime != "openblas" {
        return built_for;
    }
    // It never starts more threads than it counts CPUs.
    let counted = facts.cpus.mask_at_start.as_ref().map(Vec::len);
    built_for.min(counted.map_or(facts.cpus.counted, |count| count as u32))
}

/// What a runtime makes of a value; `None` if it takes it for no number.
pub(super) fn read(value: &str, reading: Reading) -> Option<u32> {
    let value = value.trim();
    let number = match reading {
        Reading::Whole => value.split(',').next()?.trim(),
        Reading::Prefix => {
            let digits = value.bytes().take_while(u8::is_ascii_digit).count();
            &value[..digits]
        }
    };
    number.parse().ok().filter(|threads| *threads > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_the_runtimes_do() {
        let whole = |value| read(value, Reading::Whole);
        assert_eq!([whole("4"), whole(" 4 "), whole("4,2")], [Some(4); 3]);
        for value in ["", "abc", "4.0", "0", "-1", "0x2", "1e1"] {
            assert_eq!(whole(value), None, "{value:?}");
        }
        let prefix = |value| read(value, Reading::Prefix);
        assert_eq!(
            [prefix("1e1"), prefix("4,2"), prefix("0x2")],
            [Some(1), Some(4), None]
        );
    }
}
