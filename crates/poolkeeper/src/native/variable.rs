//! Variables that a library exports.

use libc::c_int;

/// An `int` of a loaded library, read anew each time.
#[derive(Clone, Copy)]
pub(crate) struct IntVariable(usize);

impl IntVariable {
    /// # Safety
    /// `address` must be an `int` that stays mapped for as long as the value is used.
    pub(super) unsafe fn at(address: usize) -> Self {
        IntVariable(address)
    }

    pub(crate) fn get(self) -> c_int {
        // SAFETY: `at` was given the address of an `int` that is still mapped. The
        // library's threads may write it: an aligned `int` is read whole.
        unsafe { (self.0 as *const c_int).read_volatile() }
    }
}
