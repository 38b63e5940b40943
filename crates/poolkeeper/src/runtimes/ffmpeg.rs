//! FFmpeg's libavutil: the number of CPUs that codecs and filters count.
//!
//! A codec that is not told its number of threads asks libavutil for the CPUs when it
//! is opened, and libavutil can be told what to answer.

use super::behaviour::{Behaviour, Workers};
use super::card::Card;
use super::control::{Bound, Control, Facts, Runtime, Saved};
use crate::model::{Level, Reach};
use crate::native::{GetInt, Object, SetInt};
use crate::platform::{self, SymbolName, SymbolTable};
use libc::c_int;

pub(super) struct Ffmpeg;

static CARD: Card = Card {
    id: "ffmpeg",
    name: "FFmpeg (libavutil)",
    level: Level::Other,
    internal_api: "ffmpeg",
    file_prefixes: &["libavutil"],
    symbols: &["av_cpu_count", "av_cpu_force_count"],
    reach: "process: the CPUs that codecs and filters count when they are opened",
    environment: &[],
    quirks: &[
        "A codec that is open keeps its threads.",
        "A codec that is told to choose may start one thread more than there are CPUs, and starts no more than 16.",
        "PyAV and OpenCV bring a copy each.",
        "A number that another part of the program forced is put back when the limit ends, unless it is that of the affinity mask: then libavutil counts the CPUs again.",
    ],
    sources: &[
        "FFmpeg documentation, libavutil/cpu.h, av_cpu_force_count",
        "FFmpeg, libavcodec/pthread_frame.c",
    ],
    call: None,
    behaviour: Behaviour {
        workers: Workers::AsNeeded,
        ..Behaviour::USUAL
    },
};

const COUNT: SymbolName = SymbolName::new("av_cpu_count");
const FORCE: SymbolName = SymbolName::new("av_cpu_force_count");

/// What makes libavutil count the CPUs itself.
const COUNT_THEM: c_int = -1;

impl Runtime for Ffmpeg {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn recognises(&self, symbols: &SymbolTable<'_>) -> bool {
        symbols.has_function(&COUNT) && symbols.has_function(&FORCE)
    }

    fn bind(&self, object: &Object) -> Option<Bound> {
        // SAFETY: libavutil/cpu.h: `int av_cpu_count(void)`, `void
        // av_cpu_force_count(int)`.
        let (count, force) = unsafe { (object.function(&COUNT)?, object.function(&FORCE)?) };
        let mut facts = Facts::new(Reach::Process);
        facts.is_plain = false;
        Some(Bound {
            control: Box::new(Loaded { count, force }),
            facts,
        })
    }
}

struct Loaded {
    count: GetInt,
    force: SetInt,
}

impl Control for Loaded {
    fn threads(&self) -> c_int {
        self.count.call()
    }

    fn set_threads(&self, threads: c_int) {
        self.force.call(threads);
    }

    /// Whether a number was forced can't be asked: one that is not the mask's was.
    fn save(&self, threads: c_int) -> Saved {
        let counted = platform::affinity(None).map_or(0, |mask| mask.len());
        let is_counted = usize::try_from(threads) == Ok(counted);
        Saved::threads(if is_counted { COUNT_THEM } else { threads })
    }

    fn restore(&self, saved: Saved) {
        self.force.call(saved.as_c_int());
    }
}
