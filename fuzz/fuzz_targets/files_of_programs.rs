//! Libraries, mappings and output of programs under `simulate`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| poolkeeper_simulate::fuzzing::texts(data));
