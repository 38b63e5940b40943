//! oneTBB: the most threads that take part in its algorithms and arenas.
//!
//! TBB keeps a set of `global_control` objects, and the smallest of their numbers
//! counts: anybody may add one, and take it away in any order. A limit is an object
//! of our own among them. So a limit never raises what other code's objects allow,
//! and other code's never take ours away.

use super::behaviour::{Behaviour, Workers};
use super::card::Card;
use super::control::{Bound, Control, Facts, Runtime, Saved};
use crate::model::{Level, Reach};
use crate::native::{AskOf, GetText, Object, SizeOf, TakeObject};
use crate::platform::{SymbolName, SymbolTable};
use libc::c_int;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};
use std::sync::{Arc, Mutex, Weak};

pub(super) struct Tbb;

static CARD: Card = Card {
    id: "tbb",
    name: "oneTBB",
    level: Level::Other,
    internal_api: "tbb",
    file_prefixes: &["libtbb.so"],
    symbols: &[
        "_ZN3tbb6detail2r16createERNS0_2d114global_controlE",
        "_ZN3tbb6detail2r17destroyERNS0_2d114global_controlE",
        "_ZN3tbb6detail2r127global_control_active_valueEi",
    ],
    reach: "process: one number for all arenas; the smallest of all that are set counts",
    environment: &[],
    quirks: &[
        "A limit is a tbb::global_control of poolkeeper's own. Other code's objects stay in force beside it, and no limit exceeds them, not even with force: the outcome is then \"below\" or \"clamped\".",
        "It reads no variable, and counts the CPUs when its number is first used or asked for.",
        "Threads above a lower number go back to sleep when they have no task left to finish.",
    ],
    sources: &[
        "oneTBB specification, \"global_control\"",
        "oneTBB, src/tbb/global_control.cpp",
    ],
    call: None,
    behaviour: Behaviour {
        workers: Workers::AsNeeded,
        ..Behaviour::USUAL
    },
};

const CREATE: SymbolName = SymbolName::new("_ZN3tbb6detail2r16createERNS0_2d114global_controlE");
const DESTROY: SymbolName = SymbolName::new("_ZN3tbb6detail2r17destroyERNS0_2d114global_controlE");
const ACTIVE: SymbolName = SymbolName::new("_ZN3tbb6detail2r127global_control_active_valueEi");
const DEFAULT: SymbolName =
    SymbolName::new("_ZN3tbb6detail2r131constraints_default_concurrencyERKNS0_2d111constraintsEl");
const VERSION: SymbolName = SymbolName::new("TBB_runtime_version");

/// `global_control::max_allowed_parallelism` (oneTBB, global_control.h).
const MAX_ALLOWED_PARALLELISM: c_int = 0;
/// `task_arena::automatic` in each field of a `constraints`, of which there are four:
/// more, for versions that have more.
const NO_CONSTRAINTS: [c_int; 16] = [-1; 16];

impl Runtime for Tbb {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        [CREATE, DESTROY, ACTIVE]
            .iter()
            .all(|name| symbols.has_function(name))
    }

    fn bind(&self, object: &Object) -> Option<Bound> {
        // SAFETY: oneTBB, global_control.h: `void create(global_control&)`, `void
        // destroy(global_control&)`, `size_t global_control_active_value(int)`;
        // info.h: `int constraints_default_concurrency(const constraints&,
        // intptr_t)`, with a structure of `int`s; version.h: `const char*
        // TBB_runtime_version()`. C++'s calling convention is C's for
        // these (Itanium C++ ABI, 3.1).
        let (create, destroy, active, default, version) = unsafe {
            (
                object.function(&CREATE)?,
                object.function(&DESTROY)?,
                object.function(&ACTIVE)?,
                object.function(&DEFAULT),
                object.function::<GetText>(&VERSION),
            )
        };
        let mut facts = Facts::new(Reach::Process);
        facts.version = version.and_then(GetText::call);
        facts.is_plain = false;
        facts.follows = true;
        facts.is_one_of_several = true;
        Some(Bound {
            control: Box::new(Loaded {
                create,
                destroy,
                active,
                default,
                own: Own::of(object.address(&CREATE)?),
            }),
            facts,
        })
    }
}

/// `tbb::detail::d1::global_control`. While TBB has it in its set, it may be
/// neither changed, nor moved, nor freed.
#[repr(C)]
struct GlobalControl {
    value: usize,
    reserved: isize,
    parameter: c_int,
}

/// The object of our own that TBB has in its set, if there is one. It outlives this:
/// a limit that was kept stays in force, and TBB may be gone, or not.
#[derive(Default)]
struct Own {
    object: AtomicPtr<GlobalControl>,
    /// Its number; 0 where there is none.
    threads: AtomicI32,
}

impl Own {
    /// That of the library with this function. A library that is found again, while
    /// somebody still knows it, has the object that it had.
    fn of(create: usize) -> Arc<Own> {
        static ALL: Mutex<Vec<(usize, Weak<Own>)>> = Mutex::new(Vec::new());
        // Another thread may have held the lock when this process was forked.
        let Ok(mut all) = ALL.try_lock() else {
            return Arc::default();
        };
        all.retain(|(_, own)| own.strong_count() > 0);
        let known = all.iter().find(|(address, _)| *address == create);
        if let Some(own) = known.and_then(|(_, own)| own.upgrade()) {
            return own;
        }
        let own = Arc::default();
        all.push((create, Arc::downgrade(&own)));
        own
    }
}

struct Loaded {
    create: TakeObject,
    destroy: TakeObject,
    active: SizeOf,
    default: Option<AskOf>,
    own: Arc<Own>,
}

impl Loaded {
    /// What counts now, of all objects and the number of CPUs.
    fn active(&self) -> c_int {
        let active = self.active.call(MAX_ALLOWED_PARALLELISM);
        c_int::try_from(active).unwrap_or(c_int::MAX)
    }

    /// What TBB takes of itself, without any object.
    fn default(&self) -> c_int {
        // SAFETY: the structure has four `int`s; there are more, all of which say
        // that nothing is asked for.
        self.default
            .map_or(0, |default| unsafe { default.call(&NO_CONSTRAINTS) })
    }

    /// Has an object with this number in TBB's set, or with 0 none. The registry's
    /// lock is held, so that nobody else does this meanwhile.
    fn put(&self, threads: c_int) {
        if self.own.threads.load(Ordering::Relaxed) == threads {
            return;
        }
        let new = match usize::try_from(threads) {
            Ok(0) | Err(_) => std::ptr::null_mut(),
            Ok(value) => {
                let object = Box::into_raw(Box::new(GlobalControl {
                    value,
                    reserved: 0,
                    parameter: MAX_ALLOWED_PARALLELISM,
                }));
                // SAFETY: a new object, which stays until it is destroyed below.
                unsafe { self.create.call(object.cast()) };
                object
            }
        };
        // The new one is in the set before the old one leaves it: there is no moment
        // without a limit.
        let old = self.own.object.swap(new, Ordering::Relaxed);
        self.own.threads.store(threads.max(0), Ordering::Relaxed);
        if !old.is_null() {
            // SAFETY: `create` was called with it, `destroy` was not, and TBB no longer
            // knows it afterwards.
            unsafe {
                self.destroy.call(old.cast());
                drop(Box::from_raw(old));
            }
        }
    }
}

impl Control for Loaded {
    /// The number of our own object. Without one: the most that a limit could leave
    /// of what is there, so that it raises nothing when other code's objects go.
    fn threads(&self) -> c_int {
        match self.own.threads.load(Ordering::Relaxed) {
            0 => self.active().max(self.default()),
            threads => threads,
        }
    }

    fn set_threads(&self, threads: c_int) {
        self.put(threads.max(1));
    }

    fn save(&self, _threads: c_int) -> Saved {
        Saved::threads(self.own.threads.load(Ordering::Relaxed))
    }

    fn restore(&self, saved: Saved) {
        self.put(saved.as_c_int());
    }

    fn in_force(&self) -> Option<c_int> {
        Some(self.active())
    }
}
