//! Variables of schedulers, launchers and runtimes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| poolkeeper::fuzzing::variables(data));
