//! What the process looked like before it did anything.

use crate::platform;
use std::sync::OnceLock;

static MASK: OnceLock<Option<Vec<u32>>> = OnceLock::new();

/// Remembers the calling thread's affinity mask; later calls do nothing. Call it as
/// early as you can: a library may bind the thread to fewer CPUs when it is loaded,
/// and the doctor then says so. Takes a microsecond.
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
