//! The shim as a library of its own; `build.rs` compiles it.

#![no_std]
// What only this crate's tests, or the reader of the ledger, have a use for.
#![allow(dead_code)]

#[path = "mod.rs"]
mod shim;

/// Nothing here panics; if it did, there is nobody to tell.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: abort(3) has no precondition.
    unsafe { shim::system::abort() }
}
