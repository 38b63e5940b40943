//! What is parsed from outside, as functions of any bytes: the doors for `fuzz/`.
//! Compiled for the fuzzer alone (`--cfg fuzzing`).

use crate::observation::{escape, unescape};
use crate::shim::ledger::Ledger;
use crate::{messages, needed, read};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The file that the program's own processes write.
pub fn ledger(data: &[u8]) {
    let mut ledger = read::empty();
    let start = std::ptr::from_mut::<Ledger>(&mut ledger).cast::<u8>();
    // The records are far apart: what is between the beginnings stays empty.
    let pieces = data
        .chunks(PIECE)
        .zip(BEGINNINGS.into_iter().chain((0..).map(spread)));
    for (piece, at) in pieces.take_while(|(_, at)| at + PIECE <= size_of::<Ledger>()) {
        // SAFETY: inside the box's own bytes, borrowed by nobody else; a ledger is
        // atomic integers, which any bytes are.
        unsafe { std::ptr::copy_nonoverlapping(piece.as_ptr(), start.add(at), piece.len()) };
    }
    let _ = read::processes(&ledger);
    let _ = (read::uncounted(&ledger), read::programs(&ledger));
    let _ = read::pids(&ledger).count();
}

const PIECE: usize = 256;
const BEGINNINGS: [usize; 2] = [0, PIECE];

fn spread(index: usize) -> usize {
    let starters = std::mem::offset_of!(Ledger, processes)
        + size_of::<[crate::shim::ledger::Process; crate::shim::ledger::PROCESSES]>();
    starters + index * PIECE
}

/// A library's file, the kernel's texts of a process, what a program prints, and
/// paths.
pub fn texts(data: &[u8]) {
    let _ = needed::names(data);
    let _ = read::files_of(data);
    read::Memory::default().raise_from(data);
    let mut passed = Vec::new();
    let _ = messages::pass_on(data, &mut passed);
    assert_eq!(passed, data);
    let path = PathBuf::from(OsString::from_vec(data.to_vec()));
    assert_eq!(unescape(&escape(&path)), path);
    let _ = unescape(&PathBuf::from(String::from_utf8_lossy(data).into_owned()));
}
