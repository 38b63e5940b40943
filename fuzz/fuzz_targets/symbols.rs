//! Symbol tables of loaded objects.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| poolkeeper::fuzzing::symbols(data));
