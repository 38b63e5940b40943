//! What the process looked like before it did anything.

use crate::platform;
use std::sync::OnceLock;

static MASK: OnceLock<Option<Vec<u32>>> = OnceLock::new();

/// Remembers the calling thread's affinity mask, the first time. Call it as
/// early as you can: a library's import may bind the thread to fewer CPUs, and
/// the doctor then tells. Takes a microsecond.
///
/// # Examples
///
/// ```
/// poolkeeper::doctor::remember_start();
/// ```
pub fn remember_start() {
    mask();
}

/// The mask that was remembered.
pub(super) fn mask() -> Option<&'static Vec<u32>> {
    MASK.get_or_init(|| platform::affinity(None).ok()).as_ref()
}
