//! OpenCV: the threads of its parallel loops.
//!
//! A shared libopencv_core has the functions that read and set their number. Python's
//! wheels have them inside the module, where only Python reaches them.

use super::behaviour::Behaviour;
use super::card::{Card, Counts, counted};
use super::control::{Bound, Control, Elsewhere, Facts, Fixed, Runtime};
use super::own_number::Unknown;
use crate::model::{Level, Reach};
use crate::native::{GetInt, Object, SetInt};
use crate::platform::{DistantObject, SymbolName, SymbolTable};
use libc::c_int;

pub(super) struct OpenCv;

static CARD: Card = Card {
    id: "opencv",
    name: "OpenCV",
    level: Level::Other,
    internal_api: "opencv",
    file_prefixes: &["libopencv_core", "cv2.abi3", "cv2.cpython"],
    symbols: &[
        "_ZN2cv13setNumThreadsEi",
        "_ZN2cv13getNumThreadsEv",
        "or PyInit_cv2",
    ],
    reach: "process: one value (libopencv_core); none in Python's wheels, where only Python has the call",
    environment: &[counted(
        "OPENCV_FOR_THREADS_NUM",
        Counts::Openmp,
        "threads of a parallel loop; read at its first use",
    )],
    quirks: &[
        "Its threads start with the first parallel loop; after a smaller number the next loop ends those above it.",
        "With TBB or OpenMP under it, as in Debian's, its threads are theirs.",
    ],
    sources: &["OpenCV, modules/core/src/parallel.cpp"],
    call: Some(CALL),
    behaviour: Behaviour::USUAL,
};

const CALL: &str = "cv2.setNumThreads({n})";

const GET: SymbolName = SymbolName::new("_ZN2cv13getNumThreadsEv");
const SET: SymbolName = SymbolName::new("_ZN2cv13setNumThreadsEi");
const MODULE: SymbolName = SymbolName::new("PyInit_cv2");

impl Runtime for OpenCv {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        let has_both = symbols.has_function(&GET) && symbols.has_function(&SET);
        has_both || symbols.has_function(&MODULE)
    }

    /// Debian's module is only Python's side of libopencv_core.
    fn is_part(&self, symbols: &SymbolTable<'_>) -> bool {
        !symbols.has_function(&SET)
    }

    fn elsewhere(&self, object: &DistantObject<'_>) -> Elsewhere {
        let has = |name| {
            object
                .symbols()
                .is_some_and(|table| table.has_function(name))
        };
        Elsewhere {
            reach: (!(has(&GET) && has(&SET))).then_some(Reach::None),
            ..Elsewhere::default()
        }
    }

    fn bind(&self, object: &Object) -> Option<Bound> {
        // SAFETY: opencv2/core/utility.hpp: `int cv::getNumThreads()`, `void
        // cv::setNumThreads(int)`; without arguments and with an int, C++'s calling
        // convention is C's (Itanium C++ ABI, 3.1).
        let both = unsafe { object.function(&GET).zip(object.function(&SET)) };
        let Some((get, set)) = both else {
            let mut facts = Facts::new(Reach::None);
            facts.fixed = Some(Fixed::Call(CALL));
            return Some(Bound {
                control: Box::new(Unknown),
                facts,
            });
        };
        Some(Bound {
            control: Box::new(Loaded { get, set }),
            facts: Facts::new(Reach::Process),
        })
    }
}

struct Loaded {
    get: GetInt,
    set: SetInt,
}

impl Control for Loaded {
    fn threads(&self) -> c_int {
        self.get.call()
    }

    fn set_threads(&self, threads: c_int) {
        self.set.call(threads);
    }
}
