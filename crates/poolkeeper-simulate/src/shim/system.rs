//! The C library's functions, and the ones that the shim stands in front of.

use core::ffi::{CStr, c_char, c_int, c_long, c_uint, c_void};
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// `pthread_t`, an address in glibc.
pub type Thread = usize;
/// A thread's start routine. It may be left by `pthread_exit`, which unwinds. Not
/// `"C-unwind"`: where a panic aborts, that would end the program then. What is
/// compiled here has nothing to clean up, and so is unwound as C is.
pub type Start = extern "C" fn(*mut c_void) -> *mut c_void;

pub const EPERM: c_int = 1;
const ESRCH: c_int = 3;
pub const EFAULT: c_int = 14;
pub const EINVAL: c_int = 22;
pub const SC_NPROCESSORS_CONF: c_int = 83;
pub const SC_NPROCESSORS_ONLN: c_int = 84;
#[cfg(target_arch = "x86_64")]
pub const SYS_SCHED_SETAFFINITY: c_long = 203;
#[cfg(target_arch = "x86_64")]
pub const SYS_SCHED_GETAFFINITY: c_long = 204;
#[cfg(target_arch = "x86_64")]
const SYS_GETTID: c_long = 186;
#[cfg(target_arch = "x86_64")]
pub const SYS_SECCOMP: c_long = 317;
// asm-generic/unistd.h
#[cfg(not(target_arch = "x86_64"))]
pub const SYS_SCHED_SETAFFINITY: c_long = 122;
#[cfg(not(target_arch = "x86_64"))]
pub const SYS_SCHED_GETAFFINITY: c_long = 123;
#[cfg(not(target_arch = "x86_64"))]
const SYS_GETTID: c_long = 178;
#[cfg(not(target_arch = "x86_64"))]
pub const SYS_SECCOMP: c_long = 277;
const RTLD_NEXT: *mut c_void = -1_isize as *mut c_void;
const RTLD_LAZY: c_int = 1;
const RTLD_NOLOAD: c_int = 4;
const O_RDWR: c_int = 2;
const O_CLOEXEC: c_int = 0o2_000_000;
const O_WRONLY: c_int = 1;
const O_CREAT: c_int = 0o100;
const O_TRUNC: c_int = 0o1000;
const PROT_READ_WRITE: c_int = 3;
const MAP_SHARED: c_int = 1;

/// `Dl_info` of dladdr(3).
#[repr(C)]
struct DlInfo {
    file: *const c_char,
    base: *mut c_void,
    symbol: *const c_char,
    address: *mut c_void,
}

// SAFETY: as the C library's headers declare them: stdlib.h, dlfcn.h, unistd.h,
// fcntl.h, sys/mman.h, pthread.h, errno.h.
#[link(name = "c")]
#[link(name = "dl")]
#[link(name = "pthread")]
unsafe extern "C" {
    pub fn abort() -> !;
    fn getenv(name: *const c_char) -> *const c_char;
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dlopen(file: *const c_char, flags: c_int) -> *mut c_void;
    fn dladdr(address: *const c_void, info: *mut DlInfo) -> c_int;
    fn getpid() -> c_int;
    fn getppid() -> c_int;
    fn kill(process: c_int, signal: c_int) -> c_int;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn close(file: c_int) -> c_int;
    fn read(file: c_int, to: *mut c_void, length: usize) -> isize;
    fn write(file: c_int, from: *const c_void, length: usize) -> isize;
    fn mmap(
        at: *mut c_void,
        length: usize,
        protection: c_int,
        flags: c_int,
        file: c_int,
        offset: c_long,
    ) -> *mut c_void;
    fn pthread_self() -> Thread;
    fn pthread_key_create(key: *mut c_uint, destructor: Destructor) -> c_int;
    fn pthread_setspecific(key: c_uint, value: *const c_void) -> c_int;
    fn __errno_location() -> *mut c_int;
    static environ: *const *const c_char;
}

/// What is called with a thread's value when it ends.
type Destructor = extern "C" fn(*mut c_void);

/// A function that the shim stands in front of, found when first called.
pub struct Next {
    name: &'static CStr,
    address: AtomicUsize,
}

impl Next {
    pub const fn new(name: &'static CStr) -> Self {
        Next {
            name,
            address: AtomicUsize::new(0),
        }
    }

    /// Its address; `None` if nobody else defines it.
    pub fn address(&self) -> Option<*mut c_void> {
        let mut address = self.address.load(Ordering::Relaxed);
        if address == 0 {
            // SAFETY: dlsym(3): a name that ends with a zero.
            address = unsafe { dlsym(RTLD_NEXT, self.name.as_ptr()) } as usize;
            self.address.store(address, Ordering::Relaxed);
        }
        (address != 0).then_some(address as *mut c_void)
    }
}

static SYSCALL: Next = Next::new(c"syscall");

/// syscall(2), past the shim; -1 with `errno` if it failed.
pub fn syscall(number: c_long, arguments: [c_long; 6]) -> c_long {
    type Syscall = unsafe extern "C" fn(c_long, ...) -> c_long;
    let Some(address) = SYSCALL.address() else {
        return fail(EINVAL) as c_long;
    };
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: unistd.h: `long syscall(long, ...)`; what the kernel reads and
    // writes is what our caller asked it for. It ignores arguments it has no use for.
    unsafe {
        let call: Syscall = core::mem::transmute::<*mut c_void, Syscall>(address);
        call(number, a, b, c, d, e, f)
    }
}

/// Sets `errno`, and is what a failed call returns.
pub fn fail(code: c_int) -> c_int {
    // SAFETY: errno.h: the calling thread's `errno`.
    unsafe { *__errno_location() = code };
    -1
}

/// The calling thread's `errno`.
pub fn error() -> c_int {
    // SAFETY: errno.h: the calling thread's `errno`.
    unsafe { *__errno_location() }
}

/// Has `destructor` called with `value` when the calling thread ends, however
/// it does. There is one destructor for the whole program.
pub fn at_thread_exit(destructor: Destructor, value: usize) {
    /// The key and one, so that 0 is none yet.
    static KEY: AtomicU32 = AtomicU32::new(0);
    let mut key = KEY.load(Ordering::Acquire);
    if key == 0 {
        let mut made = 0;
        // SAFETY: pthread_key_create(3) writes the key.
        if unsafe { pthread_key_create(&raw mut made, destructor) } != 0 {
            return;
        }
        let won = KEY.compare_exchange(0, made + 1, Ordering::AcqRel, Ordering::Acquire);
        // A second key of a race stays unused.
        key = won.map_or_else(|theirs| theirs, |_| made + 1);
    }
    // SAFETY: pthread_setspecific(3): a key that was made.
    unsafe { pthread_setspecific(key - 1, value as *const c_void) };
}

/// Whether variables can be asked for: another library's constructor may run, and
/// ask for CPUs, before the C library's own.
pub fn has_environment() -> bool {
    // SAFETY: environ(7): a pointer, which is copied.
    unsafe { !(&raw const environ).read_volatile().is_null() }
}

/// An environment variable's value.
pub fn variable(name: &CStr) -> Option<&'static [u8]> {
    // SAFETY: getenv(3); the value stays where it is unless the program changes
    // this variable, which is ours.
    unsafe {
        let value = getenv(name.as_ptr());
        (!value.is_null()).then(|| CStr::from_ptr(value).to_bytes())
    }
}

pub fn process() -> u32 {
    match CONFINED.load(Ordering::Relaxed) {
        // SAFETY: getpid(2) has no precondition.
        0 => unsafe { getpid() as u32 },
        known => known,
    }
}

/// The process, once it may have forbidden itself system calls; else 0.
static CONFINED: AtomicU32 = AtomicU32::new(0);
static MAIN_THREAD: AtomicUsize = AtomicUsize::new(0);

/// Whether system calls that the program does not make itself may end it: what
/// can be known without them is what was known before.
pub fn is_confined() -> bool {
    CONFINED.load(Ordering::Relaxed) != 0
}

/// From now on no system call is made that the program did not ask for.
pub fn confine() {
    CONFINED.store(process(), Ordering::Relaxed);
}

/// Called by the loader, in the main thread.
pub fn remember_main_thread() {
    MAIN_THREAD.store(this_thread(), Ordering::Relaxed);
}

/// Whether there is a process of that number.
pub fn is_alive(pid: u32) -> bool {
    // SAFETY: kill(2): the signal 0 asks, and sends nothing.
    is_confined() || unsafe { kill(pid as c_int, 0) } == 0 || error() != ESRCH
}

pub fn parent() -> u32 {
    // SAFETY: getppid(2) has no precondition.
    unsafe { getppid() as u32 }
}

/// The calling thread's number in the kernel.
pub fn kernel_thread() -> c_int {
    if !is_confined() {
        return syscall(SYS_GETTID, [0; 6]) as c_int;
    }
    // The main thread's is the process's; another one's is not known.
    let is_main = this_thread() == MAIN_THREAD.load(Ordering::Relaxed);
    if is_main { process() as c_int } else { 0 }
}

pub fn this_thread() -> Thread {
    // SAFETY: pthread_self(3) has no precondition.
    unsafe { pthread_self() }
}

/// The path of the object that has this address, and where it begins.
pub fn object_of(address: usize) -> Option<(&'static CStr, usize)> {
    let mut info = DlInfo {
        file: core::ptr::null(),
        base: core::ptr::null_mut(),
        symbol: core::ptr::null(),
        address: core::ptr::null_mut(),
    };
    // SAFETY: dladdr(3): it fills the structure if it returns non-zero; the path
    // lives as long as the object, which runs a thread of this process.
    unsafe {
        let found = dladdr(address as *const c_void, &raw mut info) != 0;
        (found && !info.file.is_null()).then(|| (CStr::from_ptr(info.file), info.base as usize))
    }
}

/// The address of a variable that this loaded object exports itself. The object
/// stays loaded from then on.
pub fn variable_of(path: &CStr, base: usize, name: &CStr) -> Option<usize> {
    // The loader may look at the file again.
    if is_confined() {
        return None;
    }
    // SAFETY: dlopen(3), dlsym(3): names that end with a zero; RTLD_NOLOAD loads nothing.
    let address = unsafe {
        let handle = dlopen(path.as_ptr(), RTLD_LAZY | RTLD_NOLOAD);
        if handle.is_null() {
            return None;
        }
        dlsym(handle, name.as_ptr()) as usize
    };
    // dlsym also finds what its dependencies export.
    let (_, owner) = object_of(address).filter(|_| address != 0)?;
    (owner == base).then_some(address)
}

/// Maps a file of at least `length` bytes, shared with whoever else maps it.
pub fn map_file(path: &'static [u8], length: usize) -> Option<*mut c_void> {
    // SAFETY: `path` is a variable's value, which ends with a zero; open(2),
    // mmap(2), close(2) as documented; -1 is MAP_FAILED.
    unsafe {
        let file = open(path.as_ptr().cast(), O_RDWR | O_CLOEXEC);
        if file < 0 {
            return None;
        }
        let at = core::ptr::null_mut();
        let mapped = mmap(at, length, PROT_READ_WRITE, MAP_SHARED, file, 0);
        close(file);
        (mapped as isize != -1).then_some(mapped)
    }
}

/// Copies a file to another, which only its owner may read.
pub fn copy_file(from: &CStr, to: &CStr) -> Option<()> {
    let mut buffer = [0_u8; 4096];
    // SAFETY: open(2), read(2), write(2), close(2) with names that end with a
    // zero, and a buffer of that length.
    unsafe {
        let from = open(from.as_ptr(), O_CLOEXEC);
        let to = open(to.as_ptr(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600);
        let mut is_whole = from >= 0 && to >= 0;
        while is_whole {
            let length = read(from, buffer.as_mut_ptr().cast(), buffer.len());
            if length <= 0 {
                break;
            }
            is_whole = write(to, buffer.as_ptr().cast(), length as usize) == length;
        }
        for file in [from, to] {
            if file >= 0 {
                close(file);
            }
        }
        is_whole.then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_are_the_c_librarys() {
        assert_eq!((EPERM, EFAULT), (libc::EPERM, libc::EFAULT));
        assert_eq!(EINVAL, libc::EINVAL);
        assert_eq!(SC_NPROCESSORS_CONF, libc::_SC_NPROCESSORS_CONF);
        assert_eq!(SC_NPROCESSORS_ONLN, libc::_SC_NPROCESSORS_ONLN);
        assert_eq!(SYS_SCHED_GETAFFINITY, libc::SYS_sched_getaffinity);
        assert_eq!(SYS_SCHED_SETAFFINITY, libc::SYS_sched_setaffinity);
        assert_eq!(SYS_GETTID, libc::SYS_gettid);
        assert_eq!((SYS_SECCOMP, ESRCH), (libc::SYS_seccomp, libc::ESRCH));
        assert_eq!(
            (RTLD_LAZY, RTLD_NOLOAD),
            (libc::RTLD_LAZY, libc::RTLD_NOLOAD)
        );
        assert_eq!((O_RDWR, O_CLOEXEC), (libc::O_RDWR, libc::O_CLOEXEC));
        assert_eq!((O_WRONLY, O_CREAT), (libc::O_WRONLY, libc::O_CREAT));
        assert_eq!(O_TRUNC, libc::O_TRUNC);
        assert_eq!(PROT_READ_WRITE, libc::PROT_READ | libc::PROT_WRITE);
        assert_eq!(MAP_SHARED, libc::MAP_SHARED);
    }
}
