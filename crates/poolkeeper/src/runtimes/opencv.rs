//! OpenCV: the threads of its parallel loops.
//!
//! `cv::setNumThreads` may not be called while a loop runs on another thread: on TBB,
//! as Debian builds it, it ends the arena that the loop runs in, and the program crashes.
//! Python's wheels export nothing, and only Python reaches it.

use super::behaviour::Behaviour;
use super::card::{Card, Counts, counted};
use super::control::{Bound, Runtime};
use super::own_number::OwnNumber;
use crate::model::Level;
use crate::native::Object;
use crate::platform::{SymbolName, SymbolTable};

pub(super) struct OpenCv;

static CARD: Card = Card {
    id: "opencv",
    name: "OpenCV",
    level: Level::Other,
    internal_api: "opencv",
    file_prefixes: &["libopencv_core", "cv2.abi3", "cv2.cpython"],
    symbols: &["_ZN2cv13setNumThreadsEi", "or PyInit_cv2"],
    reach: "none: a change while a loop runs on another thread can crash the program",
    environment: &[counted(
        "OPENCV_FOR_THREADS_NUM",
        Counts::Openmp,
        "threads of a parallel loop; read at its first use",
    )],
    quirks: &[
        "Its threads start with the first parallel loop; after a smaller number the next loop ends those above it.",
        "With TBB or OpenMP under it, as in Debian's, its threads are theirs, and their limits reach it.",
    ],
    sources: &["OpenCV, modules/core/src/parallel.cpp"],
    call: Some("cv2.setNumThreads({n}), while no loop runs"),
    behaviour: Behaviour::USUAL,
};

const SET: SymbolName = SymbolName::new("_ZN2cv13setNumThreadsEi");
const MODULE: SymbolName = SymbolName::new("PyInit_cv2");

impl Runtime for OpenCv {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        symbols.has_function(&SET) || symbols.has_function(&MODULE)
    }

    /// Debian's module is only Python's side of libopencv_core.
    fn is_part(&self, symbols: &SymbolTable<'_>) -> bool {
        !symbols.has_function(&SET)
    }

    fn bind(&self, object: &Object) -> Option<Bound> {
        OwnNumber::told_by(&CARD, &[]).bind(object)
    }
}
