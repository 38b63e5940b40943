//! What the kernel tells of mappings and threads.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| poolkeeper::fuzzing::process(data));
