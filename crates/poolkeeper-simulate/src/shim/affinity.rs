//! Which CPUs a thread may run on: sched_setaffinity(2) and its family.
//!
//! What a program sets is kept and told again, and the kernel never hears of
//! it. A thread has its own mask if it (or the thread that started it) set one,
//! and else its process's: that of the main thread.

use super::system::{
    EPERM, Next, SYS_SCHED_GETAFFINITY, SYS_SCHED_SETAFFINITY, SYS_SECCOMP, Thread, fail,
    kernel_thread, process, syscall as past_the_shim, this_thread,
};
use super::{confine::confine, cpus, ledger, mask, table};
use core::ffi::{c_int, c_long, c_void};

/// sched_getaffinity(2) as the C library has it: 0, and the rest of the buffer zeroed.
///
/// # Safety
/// `to` is null or has `length` writable bytes.
#[cfg_attr(poolkeeper_shim, unsafe(no_mangle))]
pub unsafe extern "C" fn sched_getaffinity(pid: c_int, length: usize, to: *mut c_void) -> c_int {
    // SAFETY: as our caller promises.
    let written = match unsafe { get(pid, length, to) } {
        Ok(written) => written,
        Err(code) => return fail(code),
    };
    // SAFETY: no more than the buffer's `length` bytes.
    unsafe {
        to.cast::<u8>()
            .add(written)
            .write_bytes(0, length - written)
    };
    0
}

/// sched_setaffinity(2).
///
/// # Safety
/// `from` is null or has `length` readable bytes.
#[cfg_attr(poolkeeper_shim, unsafe(no_mangle))]
pub unsafe extern "C" fn sched_setaffinity(
    pid: c_int,
    length: usize,
    from: *const c_void,
) -> c_int {
    // SAFETY: as our caller promises.
    match unsafe { set(pid, length, from) } {
        Ok(()) => 0,
        Err(code) => fail(code),
    }
}

/// pthread_getaffinity_np(3): an error is returned, not in `errno`.
///
/// # Safety
/// `to` is null or has `length` writable bytes.
#[cfg_attr(poolkeeper_shim, unsafe(no_mangle))]
pub unsafe extern "C" fn pthread_getaffinity_np(
    thread: Thread,
    length: usize,
    to: *mut c_void,
) -> c_int {
    static NEXT: Next = Next::new(c"pthread_getaffinity_np");
    let Some(cpus) = cpus() else {
        // SAFETY: pthread.h; the arguments are our caller's.
        return unsafe { pass_on_get(&NEXT, thread, length, to) };
    };
    let mask = table::of_thread(thread).unwrap_or_else(|| ledger::mask_of(process(), cpus));
    // SAFETY: as our caller promises.
    let written = match unsafe { mask::write(&mask, cpus, length, to) } {
        Ok(written) => written,
        Err(code) => return code,
    };
    // SAFETY: no more than the buffer's `length` bytes.
    unsafe {
        to.cast::<u8>()
            .add(written)
            .write_bytes(0, length - written)
    };
    0
}

/// pthread_setaffinity_np(3): an error is returned, not in `errno`.
///
/// # Safety
/// `from` is null or has `length` readable bytes.
#[cfg_attr(poolkeeper_shim, unsafe(no_mangle))]
pub unsafe extern "C" fn pthread_setaffinity_np(
    thread: Thread,
    length: usize,
    from: *const c_void,
) -> c_int {
    static NEXT: Next = Next::new(c"pthread_setaffinity_np");
    let Some(cpus) = cpus() else {
        // SAFETY: pthread.h; the arguments are our caller's.
        return unsafe { pass_on_set(&NEXT, thread, length, from) };
    };
    // SAFETY: as our caller promises.
    let mask = match unsafe { mask::read(cpus, length, from) } {
        Ok(mask) => mask,
        Err(code) => return code,
    };
    if thread == this_thread() {
        keep(&mask);
        return 0;
    }
    table::set(thread, table::UNKNOWN_NUMBER, &mask);
    0
}

/// pthread_attr_setaffinity_np(3): accepted, so that a thread bound to a
/// pretended CPU can start. It starts with the mask of the thread that made it.
///
/// # Safety
/// `from` is null or has `length` readable bytes.
#[cfg_attr(poolkeeper_shim, unsafe(no_mangle))]
pub unsafe extern "C" fn pthread_attr_setaffinity_np(
    attributes: *mut c_void,
    length: usize,
    from: *const c_void,
) -> c_int {
    static NEXT: Next = Next::new(c"pthread_attr_setaffinity_np");
    let Some(cpus) = cpus() else {
        // SAFETY: pthread.h; the arguments are our caller's.
        return unsafe { pass_on_set(&NEXT, attributes as Thread, length, from) };
    };
    // SAFETY: as our caller promises.
    unsafe { mask::read(cpus, length, from) }.map_or_else(|code| code, |_| 0)
}

/// syscall(2): the two calls on affinity, which return as the kernel does;
/// anything else is passed on.
///
/// # Safety
/// As the system call of that number.
#[cfg_attr(poolkeeper_shim, unsafe(no_mangle))]
pub unsafe extern "C" fn syscall(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    // C calls this with as many arguments as it likes; the platform's convention
    // lets us look at all six.
    let (pid, length) = (a as c_int, b as usize);
    if cpus().is_some() && number == SYS_SCHED_GETAFFINITY {
        // SAFETY: the kernel's own precondition.
        return match unsafe { get(pid, length, c as *mut c_void) } {
            Ok(written) => written as c_long,
            Err(code) => c_long::from(fail(code)),
        };
    }
    if cpus().is_some() && number == SYS_SCHED_SETAFFINITY {
        // SAFETY: the kernel's own precondition.
        return c_long::from(unsafe { sched_setaffinity(pid, length, c as *const c_void) });
    }
    if number == SYS_SECCOMP {
        confine();
    }
    past_the_shim(number, [a, b, c, d, e, f])
}

/// Writes the mask of a thread; the bytes written, or the error's number.
///
/// # Safety
/// `to` is null or has `length` writable bytes.
unsafe fn get(pid: c_int, length: usize, to: *mut c_void) -> Result<usize, c_int> {
    let Some(cpus) = cpus() else {
        return kernels(SYS_SCHED_GETAFFINITY, pid, length, to as c_long);
    };
    // SAFETY: as our caller promises.
    let write = |mask| unsafe { mask::write(&mask, cpus, length, to) };
    if is_this_thread(pid) {
        let own = table::of_thread(this_thread());
        return write(own.unwrap_or_else(|| ledger::mask_of(process(), cpus)));
    }
    if let Some(mask) = table::of_number(pid) {
        return write(mask);
    }
    exists(pid)?;
    write(ledger::mask_of(pid as u32, cpus))
}

/// Keeps the mask of a thread.
///
/// # Safety
/// `from` is null or has `length` readable bytes.
unsafe fn set(pid: c_int, length: usize, from: *const c_void) -> Result<(), c_int> {
    let Some(cpus) = cpus() else {
        return kernels(SYS_SCHED_SETAFFINITY, pid, length, from as c_long).map(|_| ());
    };
    // SAFETY: as our caller promises.
    let mask = unsafe { mask::read(cpus, length, from)? };
    if is_this_thread(pid) {
        keep(&mask);
        return Ok(());
    }
    exists(pid)?;
    if pid as u32 == process() {
        ledger::keep_mask(&mask);
        return Ok(());
    }
    // Another thread is known by its number once it has a mask of its own;
    // another process can't be reached, and that is not pretended.
    table::change(pid, &mask).then_some(()).ok_or(EPERM)
}

/// Keeps the mask of the calling thread: the main thread's is the process's.
fn keep(mask: &mask::Mask) {
    let number = kernel_thread();
    if number as u32 == process() {
        return ledger::keep_mask(mask);
    }
    table::set(this_thread(), number, mask);
}

fn is_this_thread(pid: c_int) -> bool {
    pid == 0 || pid == kernel_thread()
}

/// Asks the kernel whether there is such a process or thread.
fn exists(pid: c_int) -> Result<(), c_int> {
    let mut buffer = [0_u64; 128];
    let length = size_of_val(&buffer);
    kernels(
        SYS_SCHED_GETAFFINITY,
        pid,
        length,
        buffer.as_mut_ptr() as c_long,
    )
    .map(|_| ())
}

/// The kernel's own answer.
fn kernels(number: c_long, pid: c_int, length: usize, mask: c_long) -> Result<usize, c_int> {
    let answer = past_the_shim(number, [c_long::from(pid), length as c_long, mask, 0, 0, 0]);
    usize::try_from(answer).map_err(|_| super::system::error())
}

/// # Safety
/// As the function that `next` names.
unsafe fn pass_on_get(next: &Next, first: Thread, length: usize, to: *mut c_void) -> c_int {
    type Get = unsafe extern "C" fn(Thread, usize, *mut c_void) -> c_int;
    match next.address() {
        // SAFETY: pthread.h: `int (pthread_t, size_t, cpu_set_t *)`.
        Some(address) => unsafe {
            core::mem::transmute::<*mut c_void, Get>(address)(first, length, to)
        },
        None => super::system::EINVAL,
    }
}

/// # Safety
/// As the function that `next` names.
unsafe fn pass_on_set(next: &Next, first: Thread, length: usize, from: *const c_void) -> c_int {
    type Set = unsafe extern "C" fn(Thread, usize, *const c_void) -> c_int;
    match next.address() {
        // SAFETY: pthread.h: `int (pthread_t, size_t, const cpu_set_t *)`, and the
        // same with a pointer to attributes first, which is passed alike.
        Some(address) => unsafe {
            core::mem::transmute::<*mut c_void, Set>(address)(first, length, from)
        },
        None => super::system::EINVAL,
    }
}
