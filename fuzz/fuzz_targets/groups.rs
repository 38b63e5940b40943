//! Mounts, cgroups and their files.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| poolkeeper::fuzzing::groups(data));
