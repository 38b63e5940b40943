//! The variables that tell the preloaded library what to do.

/// The variable with the number of CPUs to pretend.
pub const CPUS: &core::ffi::CStr = c"POOLKEEPER_SIMULATE_CPUS";
/// The variable with the path of the [`ledger`](super::ledger).
pub const LEDGER: &core::ffi::CStr = c"POOLKEEPER_SIMULATE_LEDGER";
