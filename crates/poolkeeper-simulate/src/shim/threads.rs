//! Who starts threads: pthread_create(3), counted in the ledger.

use super::ledger::{self, Ledger, Process, Starter};
use super::system::{self, EINVAL, Next, Start, Thread};
use super::{cpus, table};
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};

static NEXT: Next = Next::new(c"pthread_create");
/// What a thread is counted in: the ledger, the process's record, whose routine
/// it is, and what it carries.
type Packed = (
    &'static Ledger,
    &'static Process,
    &'static Starter,
    &'static Luggage,
);
type Create = unsafe extern "C" fn(*mut Thread, *const c_void, usize, *mut c_void) -> c_int;

/// What a thread that is about to start takes with it. There is nothing to
/// allocate: it frees its place as the first thing it does.
struct Luggage {
    state: AtomicU32,
    start: AtomicUsize,
    argument: AtomicPtr<c_void>,
    starter: AtomicPtr<Starter>,
    /// The thread that starts it, whose mask it inherits.
    maker: AtomicUsize,
}

const FREE: u32 = 0;
const TAKEN: u32 = 1;
/// Threads that may be starting at once; further ones are started uncounted.
static LUGGAGE: [Luggage; 512] = [const {
    Luggage {
        state: AtomicU32::new(FREE),
        start: AtomicUsize::new(0),
        argument: AtomicPtr::new(core::ptr::null_mut()),
        starter: AtomicPtr::new(core::ptr::null_mut()),
        maker: AtomicUsize::new(0),
    }
}; 512];

impl Luggage {
    fn take() -> Option<&'static Luggage> {
        LUGGAGE.iter().find(|place| {
            let taken =
                place
                    .state
                    .compare_exchange(FREE, TAKEN, Ordering::Acquire, Ordering::Relaxed);
            taken.is_ok()
        })
    }
}

/// pthread_create(3): the thread starts as it would, and is counted.
///
/// # Safety
/// As pthread_create(3).
#[cfg_attr(poolkeeper_shim, unsafe(no_mangle))]
pub unsafe extern "C" fn pthread_create(
    thread: *mut Thread,
    attributes: *const c_void,
    start: usize,
    argument: *mut c_void,
) -> c_int {
    let Some(address) = NEXT.address() else {
        return EINVAL;
    };
    // SAFETY: pthread.h; a start routine is passed as the address that it is.
    let create = unsafe { core::mem::transmute::<*mut c_void, Create>(address) };
    let Some((ledger, record, starter, luggage)) = pack(start, argument) else {
        // SAFETY: as our caller promises.
        let status = unsafe { create(thread, attributes, start, argument) };
        if status == 0 && cpus().is_some() {
            ledger::miss();
        }
        return status;
    };
    ledger.enter(record, starter);
    let carried = core::ptr::from_ref(luggage).cast_mut().cast();
    // SAFETY: `begin` is a start routine, and its argument stays where it is.
    let status = unsafe { create(thread, attributes, begin as *const () as usize, carried) };
    if status != 0 {
        record.leave(starter);
        record.failed.fetch_add(1, Ordering::Relaxed);
        luggage.state.store(FREE, Ordering::Release);
    }
    status
}

/// What a thread takes with it, and who counts it; `None` if it can't be counted.
fn pack(start: usize, argument: *mut c_void) -> Option<Packed> {
    cpus()?;
    let ledger = ledger::open()?;
    let record = ledger::record()?;
    let mut starter = ledger.starter(record, start)?;
    if starter.is_cpp_library() && !argument.is_null() {
        // A std::thread begins in libstdc++, whoever made it, with the thread's
        // state: an object whose class is the maker's. Its first word is the
        // address of the class's functions (Itanium C++ ABI, 2.5).
        // SAFETY: libstdc++ (thread.cc) passes a pointer to a live object.
        let class = unsafe { argument.cast::<usize>().read() };
        starter = ledger.starter(record, class)?;
    }
    let luggage = Luggage::take()?;
    let pointer = core::ptr::from_ref(starter).cast_mut();
    let maker = system::this_thread();
    luggage.start.store(start, Ordering::Relaxed);
    luggage.argument.store(argument, Ordering::Relaxed);
    luggage.starter.store(pointer, Ordering::Relaxed);
    luggage.maker.store(maker, Ordering::Relaxed);
    Some((ledger, record, starter, luggage))
}

/// The first thing that a new thread does.
extern "C" fn begin(carried: *mut c_void) -> *mut c_void {
    // SAFETY: `pthread_create` above passes a place of the static list.
    let luggage = unsafe { &*carried.cast::<Luggage>() };
    let start = luggage.start.load(Ordering::Relaxed);
    let argument = luggage.argument.load(Ordering::Relaxed);
    let starter = luggage.starter.load(Ordering::Relaxed);
    let maker = luggage.maker.load(Ordering::Relaxed);
    luggage.state.store(FREE, Ordering::Release);
    if let Some(mask) = table::of_thread(maker) {
        table::set(system::this_thread(), system::kernel_thread(), &mask);
    }
    // The thread may end by pthread_exit or be cancelled: its destructor counts.
    system::at_thread_exit(ended, starter as usize);
    // SAFETY: pthread_create(3): `void *(*)(void *)`, given with its argument.
    let start = unsafe { core::mem::transmute::<usize, Start>(start) };
    start(argument)
}

/// The destructor of a thread's value: the starter that counts it.
extern "C" fn ended(starter: *mut c_void) {
    table::forget(system::this_thread());
    let starter = starter.cast_const().cast::<Starter>();
    let (Some(ledger), Some(record)) = (ledger::open(), ledger::record()) else {
        return;
    };
    // A thread that forked is its parent's: the child has a record of its own.
    let mut own = ledger.starters(record);
    if own.any(|one| core::ptr::eq(one, starter)) {
        // SAFETY: a starter of this process's record, in the ledger.
        record.leave(unsafe { &*starter });
    }
}
