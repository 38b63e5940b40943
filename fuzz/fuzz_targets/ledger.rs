//! The record that programs under `simulate` write.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| poolkeeper_simulate::fuzzing::ledger(data));
