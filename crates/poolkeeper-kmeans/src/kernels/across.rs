//! The third way to score, for a handful of candidates whose distances are
//! summed and not kept: lanes are candidates, so rows need not be turned to
//! columns, each number of a sample meets all candidates at once.
//!
//! A score is the same chain of fused operations as `scan`'s.

use std::hint::black_box;
use std::ops::Range;

use super::scan::{Scratch, room};
use super::simd::{Lanes, Simd, prefetch};
use crate::Scalar;
use crate::panels::Panels;
use crate::rows::{Moved, Rows};
use crate::scalar::Sealed;

/// Candidates in a panel.
pub(crate) const WIDTH: usize = 8;

/// Samples about so many bytes ahead are asked for: a few blocks, which stay
/// in the first cache.
const AHEAD: usize = 8 << 10;

/// What is known of samples before candidates are tried. The first candidate
/// is a center by now: `near` is lowered to its distance, and the others are
/// tried after that.
pub(crate) struct Known<'a, T> {
    /// The squared distance to the nearest center so far.
    pub(crate) near: &'a mut [T],
    /// `|x|²`.
    pub(crate) norm: &'a [T],
    /// Sample weights; without them each is 1.
    pub(crate) weights: Option<&'a [T]>,
}

/// The type of [`potentials`].
pub(crate) type Potentials<T> =
    unsafe fn(&Rows<T>, &Moved<T>, &Panels<T>, &mut Scratch<T>, &mut Known<T>, &mut [f64]);

/// Vectors whose lanes are candidates, of one sample or of two: those of
/// different samples are in turns.
///
/// # Safety
///
/// As [`Simd`].
pub(crate) unsafe trait Across: Simd {
    /// Samples of a vector.
    const SAMPLES: usize = 1;

    /// The numbers of `SAMPLES` vectors in turns, to `out`.
    #[inline(always)]
    unsafe fn put(of: impl Fn(usize) -> Self::V, out: *mut Self::T) {
        // SAFETY: the caller has the instructions, and room for the numbers.
        unsafe { Self::store(out, of(0)) };
    }

    /// A number of each of the `SAMPLES`, from `p`, for all candidates.
    #[inline(always)]
    unsafe fn for_all(p: *const Self::T) -> Self::V {
        // SAFETY: as above; there are `SAMPLES` numbers at `p`.
        unsafe { Self::splat(*p) }
    }

    /// A number of each candidate, from `p`, for `SAMPLES` samples.
    #[inline(always)]
    unsafe fn of_each(p: *const Self::T) -> Self::V {
        // SAFETY: as above; there are `LANES / SAMPLES` numbers at `p`.
        unsafe { Self::load(p) }
    }

    /// First the numbers of the first sample, then those of the second.
    #[inline(always)]
    unsafe fn apart(v: Self::V) -> Self::V {
        v
    }
}

/// Adds to `sums`, for each candidate of the panels, padding included, what it
/// would leave: the sum of `min(near, |x - c|²)`, each at least 0, times the
/// weight. `ROWS` samples are scored at a time.
///
/// # Safety
///
/// The processor has the instructions of `S`, of which a vector has `ROWS`
/// lanes; `UNITS` vectors have the scores of one or two samples; `WIDE`
/// vectors of `S::Wide` have `WIDTH` lanes; `rows` points to valid rows of as
/// many columns as `moved` and `panels` have; the panels are `WIDTH` wide.
#[inline(always)]
pub(crate) unsafe fn potentials<
    S: Across,
    const ROWS: usize,
    const UNITS: usize,
    const WIDE: usize,
>(
    rows: &Rows<S::T>,
    moved: &Moved<S::T>,
    panels: &Panels<S::T>,
    scratch: &mut Scratch<S::T>,
    known: &mut Known<S::T>,
    sums: &mut [f64],
) {
    const { assert!(ROWS == S::LANES && UNITS * S::LANES == S::SAMPLES * WIDTH) };
    const { assert!(WIDE * <S::Wide as Lanes>::LANES == WIDTH) };
    let columns = moved.offset.len();
    let block = room(&mut scratch.block, ROWS * columns.next_multiple_of(ROWS));
    let last = rows.count - 1;
    let mut samples = Samples::<ROWS>::default();
    for first in (0..rows.count).step_by(ROWS) {
        let here = first..rows.count.min(first + ROWS);
        // SAFETY: `block` has room for `ROWS` rows of whole vectors; the
        // caller vouches for the rest.
        unsafe {
            if let Some((row, apart)) = rows.apart(first, ROWS) {
                let row = |i: usize| row.wrapping_offset(i as isize * apart);
                move_rows::<S, ROWS>(row, moved, block);
            } else {
                move_rows::<S, ROWS>(|i| rows.row((first + i).min(last)), moved, block);
            }
            for (p, sums) in sums.as_chunks_mut().0.iter_mut().enumerate() {
                let (panel, norms) = (panels.panel(p), panels.norms(p));
                let scores = scores::<S, ROWS, UNITS>(block, columns, panel, norms);
                if p == 0 {
                    samples.lower::<S>(known, here.clone(), &scores);
                }
                samples.add::<S, WIDE>(&scores, sums);
            }
        }
    }
}

/// Moves `ROWS` rows: those of `S::SAMPLES` that share vectors follow each
/// other, and after all of these come the next `S::LANES` columns. Asks for
/// the rows of a later block.
///
/// # Safety
///
/// The processor has the instructions of `S`; rows have as many numbers as
/// `moved`, those after the first `ROWS` may be anywhere; `out` has room for
/// `ROWS` rows of whole vectors.
#[inline(always)]
unsafe fn move_rows<S: Across, const ROWS: usize>(
    row: impl Fn(usize) -> *const S::T,
    moved: &Moved<S::T>,
    mut out: *mut S::T,
) {
    let columns = moved.offset.len();
    let blocks = AHEAD / (ROWS * columns * size_of::<S::T>());
    let ahead = ROWS * blocks.clamp(1, 8);
    // SAFETY: the caller vouches for all of them.
    unsafe {
        let scale = S::splat(moved.scale);
        for j in (0..columns).step_by(S::LANES) {
            let width = S::LANES.min(columns - j);
            let load = |p: *const S::T| match width == S::LANES {
                true => S::load(p.wrapping_add(j)),
                false => S::load_some(p.wrapping_add(j), width),
            };
            let offset = load(moved.offset.as_ptr());
            for r in (0..ROWS).step_by(S::SAMPLES) {
                let of = |sample: usize| {
                    prefetch::<_, true>(row(ahead + r + sample).wrapping_add(j));
                    S::moved(load(row(r + sample)), scale, offset)
                };
                S::put(of, out);
                out = out.add(S::SAMPLES * S::LANES);
            }
        }
    }
}

/// The scores of `ROWS` samples and a panel of candidates.
///
/// # Safety
///
/// As [`potentials`]; `block` is what [`move_rows`] makes of `columns`
/// columns, `panel` has as many numbers for each candidate, `norms` one for each.
#[inline(always)]
unsafe fn scores<S: Across, const ROWS: usize, const UNITS: usize>(
    mut block: *const S::T,
    columns: usize,
    panel: *const S::T,
    norms: *const S::T,
) -> [[S::T; WIDTH]; ROWS] {
    let mut scores = [[S::T::default(); WIDTH]; ROWS];
    // SAFETY: the caller vouches for all pointers.
    unsafe {
        let load = |p: *const S::T| -> [S::V; UNITS] {
            std::array::from_fn(|unit| S::of_each(p.add(unit * S::LANES)))
        };
        let norms = load(norms);
        // As many vectors as a panel has candidates: `ROWS` is a vector's lanes.
        let mut sums: [S::V; WIDTH] = std::array::from_fn(|v| norms[v % UNITS]);
        for j in (0..columns).step_by(S::LANES) {
            for i in 0..S::LANES.min(columns - j) {
                let candidates = load(panel.add((j + i) * WIDTH));
                for (v, sum) in sums.iter_mut().enumerate() {
                    let of_samples = block.add((v / UNITS * S::LANES + i) * S::SAMPLES);
                    *sum = S::fused(S::for_all(of_samples), candidates[v % UNITS], *sum);
                }
            }
            block = block.add(ROWS * S::LANES);
        }
        let out = scores.as_mut_ptr().cast::<S::T>();
        for (v, sum) in sums.into_iter().enumerate() {
            S::store(out.add(v * S::LANES), S::apart(sum));
        }
    }
    scores
}

/// What is known of the samples of a block, as `f64`. Past the last, `near` is
/// 0, so that nothing is left.
struct Samples<const ROWS: usize> {
    near: [f64; ROWS],
    norm: [f64; ROWS],
    weight: [f64; ROWS],
}

impl<const ROWS: usize> Default for Samples<ROWS> {
    fn default() -> Self {
        let [near, norm, weight] = [[0.0; ROWS]; 3];
        Samples { near, norm, weight }
    }
}

impl<const ROWS: usize> Samples<ROWS> {
    /// Lowers `near` to the distance of the candidate with the first of the
    /// `scores`, and takes what is known from there.
    ///
    /// # Safety
    ///
    /// The processor has the instructions of `S`, of which a vector has `ROWS` lanes.
    #[inline(always)]
    unsafe fn lower<S: Simd>(
        &mut self,
        known: &mut Known<S::T>,
        here: Range<usize>,
        scores: &[[S::T; WIDTH]; ROWS],
    ) {
        let near = &mut known.near[here.clone()];
        let norm = whole::<_, ROWS>(&known.norm[here.clone()]);
        let score = scores.each_ref().map(|scores| scores[0]);
        let mut lowered = whole::<_, ROWS>(near);
        // SAFETY: all arrays have the numbers of a vector.
        unsafe {
            let one = S::splat(S::T::near(1.0));
            let far = S::fused(S::load(score.as_ptr()), one, S::load(norm.as_ptr()));
            let far = S::max(far, S::splat(S::T::default()));
            let smaller = S::min(far, S::load(lowered.as_ptr()));
            S::store(lowered.as_mut_ptr(), smaller);
        }
        match near.first_chunk_mut() {
            Some(near) => *near = lowered,
            None => near.copy_from_slice(&lowered[..near.len()]),
        }
        // SAFETY: the caller has the instructions.
        let wide = |numbers| unsafe { wide::<S, ROWS>(numbers) };
        let weights = known.weights.map(|weights| whole(&weights[here]));
        self.near = wide(lowered);
        self.norm = wide(norm);
        self.weight = weights.map_or([1.0; ROWS], wide);
    }

    /// Adds what the candidates with these scores leave.
    ///
    /// # Safety
    ///
    /// The processor has the instructions of `S`; `WIDE` vectors of `S::Wide`
    /// have `WIDTH` lanes.
    #[inline(always)]
    unsafe fn add<S: Simd, const WIDE: usize>(
        &self,
        scores: &[[S::T; WIDTH]; ROWS],
        to: &mut [f64; WIDTH],
    ) {
        let lanes = <S::Wide as Lanes>::LANES;
        // The compiler would keep all of them in registers, and shuffle them
        // there, where reading a number to all lanes costs nothing.
        let (samples, scores) = black_box((self, scores));
        // SAFETY: `to` and every row of `scores` have `WIDTH` numbers.
        unsafe {
            let wide = |x: f64| S::Wide::splat(x);
            let (none, one) = (wide(0.0), wide(1.0));
            let mut sums: [_; WIDE] =
                std::array::from_fn(|u| S::Wide::load(to.as_ptr().add(u * lanes)));
            for (r, scores) in scores.iter().enumerate() {
                let (near, norm) = (wide(samples.near[r]), wide(samples.norm[r]));
                let weight = wide(samples.weight[r]);
                for (u, sum) in sums.iter_mut().enumerate() {
                    let score = S::load_wide(scores.as_ptr().add(u * lanes));
                    let far = S::Wide::max(S::Wide::fused(score, one, norm), none);
                    *sum = S::Wide::fused(S::Wide::min(near, far), weight, *sum);
                }
            }
            for (u, sum) in sums.into_iter().enumerate() {
                S::Wide::store(to.as_mut_ptr().add(u * lanes), sum);
            }
        }
    }
}

/// Those numbers, and 0 for what is missing.
#[inline(always)]
fn whole<T: Scalar, const ROWS: usize>(numbers: &[T]) -> [T; ROWS] {
    numbers.first_chunk().copied().unwrap_or_else(|| {
        let mut all = [T::default(); ROWS];
        all[..numbers.len()].copy_from_slice(numbers);
        all
    })
}

/// The same numbers as `f64`.
///
/// # Safety
///
/// The processor has the instructions of `S`, of which a vector has `ROWS` lanes.
#[inline(always)]
unsafe fn wide<S: Simd, const ROWS: usize>(numbers: [S::T; ROWS]) -> [f64; ROWS] {
    let mut all = [0.0; ROWS];
    for i in (0..ROWS).step_by(<S::Wide as Lanes>::LANES) {
        // SAFETY: a vector of `S` has as many numbers as several of `S::Wide`.
        unsafe {
            let numbers = S::load_wide(numbers.as_ptr().add(i));
            S::Wide::store(all.as_mut_ptr().add(i), numbers);
        }
    }
    all
}
