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
use std::sync::atomic::{AtomicI32, Ordering};

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
        "It has no number until it is limited: each thread counts the CPUs that it may run on. So auto(), which lowers numbers, leaves it alone.",
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
            control: Box::new(Loaded {
                count,
                force,
                forced: AtomicI32::new(0),
            }),
            facts,
        })
    }
}

struct Loaded {
    count: GetInt,
    force: SetInt,
    /// The number that was forced here; 0 where none is.
    forced: AtomicI32,
}

/// The CPUs of the calling thread's affinity mask, which libavutil counts.
fn counted() -> c_int {
    let cpus = platform::affinity(None).map_or(0, |mask| mask.len());
    c_int::try_from(cpus).unwrap_or(c_int::MAX)
}

impl Control for Loaded {
    /// The number that is forced; 0, which is unknown, while libavutil counts the CPUs:
    /// each thread then has a number of its own. Whether somebody else has forced one
    /// can't be asked, but one that is not the mask's was.
    fn threads(&self) -> c_int {
        let threads = self.count.call();
        let is_forced = self.forced.load(Ordering::Relaxed) != 0 || threads != counted();
        if is_forced { threads } else { 0 }
    }

    /// Never more than the CPUs: a limit only lowers.
    fn set_threads(&self, threads: c_int) {
        let threads = threads.min(counted().max(1));
        self.forced.store(threads, Ordering::Relaxed);
        self.force.call(threads);
    }

    fn save(&self, threads: c_int) -> Saved {
        Saved::threads(if threads > 0 { threads } else { COUNT_THEM })
    }

    fn restore(&self, saved: Saved) {
        self.forced.store(0, Ordering::Relaxed);
        self.force.call(saved.as_c_int());
    }
}
