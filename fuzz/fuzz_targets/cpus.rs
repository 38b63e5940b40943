//! Lists of CPUs.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| poolkeeper::fuzzing::cpus(data));
