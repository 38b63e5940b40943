//! Programs that forbid themselves system calls: seccomp(2).
//!
//! A filter that does not expect a call of ours would end the program for it. So
//! what is to be known is written down before the filter is there, and later the
//! shim makes no call that the program did not ask for.

use super::system::{self, EINVAL, Next, fail};
use super::{cpus, maps};
use core::ffi::{c_int, c_ulong, c_void};

const PR_SET_SECCOMP: c_int = 22;

/// prctl(2): passed on; a filter is noticed first.
///
/// # Safety
/// As prctl(2).
#[cfg_attr(poolkeeper_shim, unsafe(no_mangle))]
pub unsafe extern "C" fn prctl(
    option: c_int,
    a: c_ulong,
    b: c_ulong,
    c: c_ulong,
    d: c_ulong,
) -> c_int {
    static NEXT: Next = Next::new(c"prctl");
    type Prctl = unsafe extern "C" fn(c_int, c_ulong, c_ulong, c_ulong, c_ulong) -> c_int;
    if option == PR_SET_SECCOMP {
        confine();
    }
    let Some(address) = NEXT.address() else {
        return fail(EINVAL);
    };
    // SAFETY: sys/prctl.h: `int prctl(int, ...)`, with up to four longs, which it
    // takes as the option says; the arguments are our caller's.
    unsafe { core::mem::transmute::<*mut c_void, Prctl>(address)(option, a, b, c, d) }
}

/// A filter is about to be there.
pub fn confine() {
    if cpus().is_some() && !system::is_confined() {
        maps::save();
        system::confine();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_option_is_the_kernels() {
        assert_eq!(super::PR_SET_SECCOMP, libc::PR_SET_SECCOMP);
    }
}
