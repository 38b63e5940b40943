//! What it tells of limits, and values of variables.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| poolkeeper::fuzzing::texts(data));
