//! The colours of owners: each pool has its own, in every picture.

use poolkeeper::runtimes;
use poolkeeper::usage::Owner;
use std::path::Path;

/// The colours of a page or a picture, by daylight and by night.
pub(super) const THEME: &str = "\
:root { color-scheme: light dark; --text: #1c2024; --soft: #5b6570; --page: #ffffff;
  --line: #d9dee3; --budget: #c2185b; --box: #f4f6f8 }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e9ec; --soft: #9aa5b1; --page: #14171a; --line: #333b43;
    --budget: #ff6f9f; --box: #1d2226 } }
";
/// How what is drawn looks.
pub(super) const SHAPES: &str = "\
svg text { font: 12px system-ui, sans-serif; fill: var(--soft) }
svg .grid { stroke: var(--line); fill: none }
svg path.others { fill: var(--soft); fill-opacity: .55 }
svg path.budget { stroke: var(--budget); stroke-width: 2; stroke-dasharray: 7 4; fill: none }
svg text.budget { fill: var(--budget); paint-order: stroke; stroke: var(--page);
  stroke-width: 3px }
";

/// Degrees between the hues of two runtimes that follow each other in the list: the
/// golden angle keeps any number of them apart.
const GOLDEN: f64 = 137.508;
/// The hue of the first runtime.
const FIRST: f64 = 18.0;

/// The colour of an owner's threads, as CSS writes it; it can be told apart on white
/// and on black.
pub(super) fn colour(owner: &Owner) -> String {
    match owner {
        Owner::Main => "hsl(212 12% 52%)".to_owned(),
        Owner::Pool { runtime, filepath } => {
            let place = runtimes::all().position(|card| card.id == *runtime);
            // Two copies of a runtime are two shades of its colour.
            let lightness = 43 + 6 * (hash(&file_name(filepath)) % 4);
            of_hue(FIRST + GOLDEN * place.unwrap_or(0) as f64, 62, lightness)
        }
        Owner::Library(file) => of_hue(hue_of(&file_name(file)), 34, 52),
        Owner::Named(name) => of_hue(hue_of(name), 34, 52),
        _ => "hsl(0 0% 60%)".to_owned(),
    }
}

fn of_hue(hue: f64, saturation: u32, lightness: u64) -> String {
    format!(
        "hsl({:.0} {saturation}% {lightness}%)",
        hue.rem_euclid(360.0)
    )
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// A hue for a name: always the same one.
fn hue_of(name: &str) -> f64 {
    (hash(name) % 360) as f64
}

/// FNV-1a, which is the same on every machine.
fn hash(name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runtimes_have_two_colours_and_keep_them() {
        let pool = |card: &runtimes::Card| Owner::Pool {
            runtime: card.id,
            filepath: "/x.so".into(),
        };
        let all: Vec<String> = runtimes::all().map(|card| colour(&pool(card))).collect();
        let mut apart = all.clone();
        apart.sort();
        apart.dedup();
        assert_eq!(apart.len(), all.len());
        let again: Vec<String> = runtimes::all().map(|card| colour(&pool(card))).collect();
        assert_eq!(all, again);
        let library = |name: &str| colour(&Owner::Library(name.into()));
        assert_eq!(library("/a/libx.so"), library("/b/libx.so"));
    }
}
