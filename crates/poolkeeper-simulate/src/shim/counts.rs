//! How many CPUs there are: sysconf(3) and get_nprocs(3).

use super::cpus;
use super::system::{EINVAL, Next, SC_NPROCESSORS_CONF, SC_NPROCESSORS_ONLN, fail};
use core::ffi::{c_int, c_long, c_void};

static SYSCONF: Next = Next::new(c"sysconf");
static GET_NPROCS: Next = Next::new(c"get_nprocs");
static GET_NPROCS_CONF: Next = Next::new(c"get_nprocs_conf");

/// sysconf(3): the machine's CPUs; anything else is passed on.
#[cfg_attr(poolkeeper_shim, unsafe(no_mangle))]
pub extern "C" fn sysconf(name: c_int) -> c_long {
    if let (SC_NPROCESSORS_CONF | SC_NPROCESSORS_ONLN, Some(cpus)) = (name, cpus()) {
        return c_long::from(cpus);
    }
    type Sysconf = extern "C" fn(c_int) -> c_long;
    let Some(address) = SYSCONF.address() else {
        return c_long::from(fail(EINVAL));
    };
    // SAFETY: unistd.h: `long sysconf(int)`.
    let sysconf = unsafe { core::mem::transmute::<*mut c_void, Sysconf>(address) };
    sysconf(name)
}

/// get_nprocs(3): the CPUs that run.
#[cfg_attr(poolkeeper_shim, unsafe(no_mangle))]
pub extern "C" fn get_nprocs() -> c_int {
    counted(&GET_NPROCS)
}

/// get_nprocs_conf(3): the CPUs that there are.
#[cfg_attr(poolkeeper_shim, unsafe(no_mangle))]
pub extern "C" fn get_nprocs_conf() -> c_int {
    counted(&GET_NPROCS_CONF)
}

fn counted(next: &Next) -> c_int {
    if let Some(cpus) = cpus() {
        return cpus as c_int;
    }
    type Count = extern "C" fn() -> c_int;
    next.address().map_or(1, |address| {
        // SAFETY: sys/sysinfo.h: `int get_nprocs(void)` and `get_nprocs_conf`.
        let count = unsafe { core::mem::transmute::<*mut c_void, Count>(address) };
        count()
    })
}
