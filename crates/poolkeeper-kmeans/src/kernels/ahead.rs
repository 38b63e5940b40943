//! Asking memory for what is wanted next, while this is computed.

use super::simd::prefetch;
use crate::rows::Rows;

/// Up to so many bytes of the next block go to the first cache, without
/// driving out this one's (measured: with 12 KB it takes twice as long).
const NEAR: usize = 8 << 10;
/// Bytes that memory gives at once.
pub(crate) const LINE: usize = 64;

/// Whether a block is so small that the next one may go to the first cache.
#[inline(always)]
pub(super) fn near<T>(numbers: usize) -> bool {
    numbers * size_of::<T>() <= NEAR
}

/// Asks for the memory at `p`: see [`prefetch`].
#[inline(always)]
pub(crate) fn fetch<T>(p: *const T, near: bool) {
    if near {
        prefetch::<_, true>(p);
    } else {
        prefetch::<_, false>(p);
    }
}

/// The next block, where its rows follow each other: asked for in equal parts
/// in every step of the work on this one, as memory can't bring all at once.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    at: *const u8,
    bytes: usize,
    /// Lines for each step.
    lines: usize,
    near: bool,
}

impl Ahead {
    /// Nothing to ask for.
    pub(super) const NOTHING: Ahead = Ahead {
        at: std::ptr::null(),
        bytes: 0,
        lines: 0,
        near: false,
    };

    /// `samples` rows from `first`, during so many `steps`. They may lie
    /// beyond the last row.
    #[inline(always)]
    pub(super) fn new<T>(
        rows: &Rows<T>,
        first: usize,
        [samples, columns]: [usize; 2],
        steps: usize,
    ) -> Ahead {
        let bytes = samples * columns * size_of::<T>();
        match rows.follow(first, columns) {
            Some(block) => Ahead {
                at: block.cast(),
                bytes,
                lines: bytes.div_ceil(LINE).div_ceil(steps),
                near: near::<T>(samples * columns),
            },
            None => Ahead::NOTHING,
        }
    }

    /// What is to be asked for after so many steps.
    #[inline(always)]
    pub(super) fn after(self, steps: usize) -> Ahead {
        let done = steps * self.lines * LINE;
        Ahead {
            at: self.at.wrapping_add(done),
            lines: if done < self.bytes { self.lines } else { 0 },
            ..self
        }
    }

    /// Asks for the part of `step`.
    #[inline(always)]
    pub(super) fn ask(self, step: usize) {
        for line in 0..self.lines {
            fetch(
                self.at.wrapping_add((step * self.lines + line) * LINE),
                self.near,
            );
        }
    }
}
