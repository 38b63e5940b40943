//! The library that is preloaded, and how much it can pretend.

/// The most CPUs that can be pretended: programs keep masks of a fixed size.
pub const MOST_CPUS: u32 = 1024;

/// The library to preload; empty where there is none.
pub static SHIM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/libpoolkeeper_simulate.so"));
