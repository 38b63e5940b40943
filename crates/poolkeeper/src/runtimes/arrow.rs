//! Apache Arrow: the pool that computes, and the one that reads and writes.
//!
//! Both are in one library (pyarrow's libarrow), with a number of the process each.
//! They are two runtimes, because they have two numbers, two variables, and
//! two kinds of threads: those of the second wait for files.

use super::behaviour::{Begins, Behaviour, Workers};
use super::card::{Card, Counts, Reading, counted, variable};
use super::control::{Bound, Control, Facts, Runtime, Saved};
use super::openmp;
use crate::model::{Level, Reach};
use crate::native::{AssignObject, FirstInt, GetInt, MakeObject, Object};
use crate::platform::{SymbolName, SymbolTable};
use libc::c_int;

pub(super) struct Arrow;
pub(super) struct ArrowIo;

static COMPUTING: Card = Card {
    id: "arrow",
    name: "Apache Arrow",
    level: Level::Other,
    internal_api: "arrow",
    file_prefixes: &["libarrow.so"],
    symbols: &[
        "_ZN5arrow24GetCpuThreadPoolCapacityEv",
        "_ZN5arrow24SetCpuThreadPoolCapacityEi",
    ],
    reach: "process: one number; threads above a lower one end with their present task",
    environment: &[
        counted(
            openmp::THREADS,
            Counts::Openmp,
            "threads that compute; read at its first use",
        )
        .list()
        .read(Reading::Prefix),
        variable(
            "OMP_THREAD_LIMIT",
            "the most of them; read at its first use. poolkeeper never sets it",
        ),
    ],
    quirks: &[
        "It reads its variables, or counts the CPUs, when its number is first used or asked for.",
        "It starts a thread when there is a task for it, and not before.",
    ],
    sources: &[
        "Apache Arrow C++, \"Thread Management\"",
        "Apache Arrow, cpp/src/arrow/util/thread_pool.cc",
    ],
    call: None,
    behaviour: Behaviour {
        workers: Workers::AsNeeded,
        ..Behaviour::USUAL
    },
};

static READING: Card = Card {
    id: "arrow_io",
    name: "Apache Arrow (I/O)",
    level: Level::Other,
    internal_api: "arrow_io",
    file_prefixes: &["libarrow.so"],
    symbols: &[
        "_ZN5arrow2io23GetIOThreadPoolCapacityEv",
        "_ZN5arrow2io23SetIOThreadPoolCapacityEi",
    ],
    reach: "process: one number; threads above a lower one end with their present task",
    environment: &[counted(
        "ARROW_IO_THREADS",
        Counts::Cpus,
        "threads that read and write, 8 by default; read at its first use",
    )
    .usual(8)
    .least(FEWEST_THAT_READ as u32)
    .read(Reading::Prefix)],
    quirks: &[
        "No limit and no budget lowers it below 4 threads, and the outcome is then \"clamped\": a task of this pool may wait for another one, and reading a dataset of Feather files hangs with one thread, and at times with three (26.0). pyarrow.set_io_thread_count takes any number.",
        "Its threads wait for files, and take little of a CPU.",
        "It reads its variable when its number is first used or asked for.",
    ],
    sources: &[
        "Apache Arrow C++, \"Environment Variables\"",
        "https://github.com/apache/arrow/issues/37487",
        "https://github.com/apache/arrow/pull/36304",
    ],
    call: None,
    behaviour: Behaviour {
        begins: Begins::Fixed,
        waits: true,
        workers: Workers::AsNeeded,
        ..Behaviour::USUAL
    },
};

/// The fewest threads to which a limit lowers the pool that reads and writes.
const FEWEST_THAT_READ: c_int = 4;

const GET: SymbolName = SymbolName::new("_ZN5arrow24GetCpuThreadPoolCapacityEv");
const SET: SymbolName = SymbolName::new("_ZN5arrow24SetCpuThreadPoolCapacityEi");
const GET_IO: SymbolName = SymbolName::new("_ZN5arrow2io23GetIOThreadPoolCapacityEv");
const SET_IO: SymbolName = SymbolName::new("_ZN5arrow2io23SetIOThreadPoolCapacityEi");
const COPY_STATUS: SymbolName = SymbolName::new("_ZN5arrow6Status8CopyFromERKS0_");
const BUILD_INFO: SymbolName = SymbolName::new("_ZN5arrow12GetBuildInfoEv");

impl Runtime for Arrow {
    fn card(&self) -> &'static Card {
        &COMPUTING
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        symbols.has_function(&GET) && symbols.has_function(&SET)
    }

    fn bind(&self, object: &Object) -> Option<Bound> {
        bind(object, (&GET, &SET), 1)
    }
}

impl Runtime for ArrowIo {
    fn card(&self) -> &'static Card {
        &READING
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        symbols.has_function(&GET_IO) && symbols.has_function(&SET_IO)
    }

    fn bind(&self, object: &Object) -> Option<Bound> {
        bind(object, (&GET_IO, &SET_IO), FEWEST_THAT_READ)
    }
}

/// Takes hold of the pool with that getter and setter.
fn bind(object: &Object, (get, set): (&SymbolName, &SymbolName), fewest: c_int) -> Option<Bound> {
    // SAFETY: arrow/util/thread_pool.h and arrow/io/interfaces.h: `int Get...()`,
    // `Status Set...(int)`; arrow/status.h: a `Status` is one pointer, it has a
    // destructor, and `void CopyFrom(const Status&)`; arrow/config.h: `const
    // BuildInfo& GetBuildInfo()`, which begins with the version as an `int`. C++'s
    // calling convention is C's for these (Itanium C++ ABI, 3.1).
    let (get, set, copy, build_info) = unsafe {
        (
            object.function(get)?,
            object.function(set)?,
            object.function(&COPY_STATUS)?,
            object.function::<FirstInt>(&BUILD_INFO),
        )
    };
    let mut facts = Facts::new(Reach::Process);
    facts.version = build_info.and_then(FirstInt::call).map(version);
    let control = Box::new(Loaded {
        get,
        set,
        copy,
        fewest,
    });
    Some(Bound { control, facts })
}

/// `26000001` as people write it.
fn version(packed: c_int) -> String {
    let (major, minor, patch) = (packed / 1_000_000, packed / 1000 % 1000, packed % 1000);
    format!("{major}.{minor}.{patch}")
}

struct Loaded {
    get: GetInt,
    set: MakeObject,
    copy: AssignObject,
    /// The fewest threads to which a limit lowers it.
    fewest: c_int,
}

impl Loaded {
    /// Arrow takes 1 or more, and nothing while the process ends.
    fn set(&self, threads: c_int) {
        let status = self.set.call(threads.max(1));
        if status != 0 {
            // SAFETY: `status` is a Status of this library's, and 0 is one that is
            // ok: the copy frees what the first one owns.
            let _ok = unsafe { self.copy.call(status, 0) };
        }
    }
}

impl Control for Loaded {
    fn threads(&self) -> c_int {
        self.get.call()
    }

    fn set_threads(&self, threads: c_int) {
        let fewest = match self.fewest {
            1 => 1,
            // It may have fewer already, which is the program's choice.
            fewest => fewest.min(self.threads()),
        };
        self.set(threads.max(fewest));
    }

    fn restore(&self, saved: Saved) {
        self.set(saved.as_c_int());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_version_is_written_in_three_parts() {
        assert_eq!(version(26_000_001), "26.0.1");
        assert_eq!(version(1_002_003), "1.2.3");
    }
}
