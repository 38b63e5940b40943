//! What a process had loaded, and its memory, kept when it ends: whoever watches
//! from outside may look too rarely to see what a short program does last.

use super::names::LEDGER;
use super::system::{self, copy_file};
use core::ffi::CStr;

const ROOM: usize = 4096;

/// Endings of the files' names.
pub const MAPS: &str = ".maps";
pub const STATUS: &str = ".status";

/// Copies `/proc/self/maps` and `/proc/self/status` to files beside the ledger.
pub fn save() {
    let _ = save_one(c"/proc/self/maps", MAPS);
    let _ = save_one(c"/proc/self/status", STATUS);
}

/// To a file named like the ledger, with the process's number and this ending.
fn save_one(file: &CStr, ending: &str) -> Option<()> {
    let ledger = system::variable(LEDGER)?;
    let mut name = [0_u8; ROOM];
    let mut length = 0;
    let mut put = |byte: u8| {
        // The last byte stays zero.
        let place = name[..ROOM - 1].get_mut(length)?;
        *place = byte;
        length += 1;
        Some(())
    };
    for byte in ledger {
        put(*byte)?;
    }
    put(b'.')?;
    let pid = system::process();
    for power in (0..10).rev() {
        let digit = pid / 10_u32.pow(power) % 10;
        put(b'0' + digit as u8)?;
    }
    for byte in ending.bytes() {
        put(byte)?;
    }
    copy_file(file, CStr::from_bytes_until_nul(&name).ok()?)
}
