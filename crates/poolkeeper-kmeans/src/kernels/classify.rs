//! Which samples may have changed their nearest center: the test that
//! `prune/README.md` derives, for a run of samples; and how bounds are made.

use crate::Scalar;

/// What the centers did since the bounds were made.
pub(crate) struct Motion {
    /// How far each center moved, rounded up.
    pub(crate) drift: Vec<f32>,
    /// The largest of these.
    pub(crate) largest: f32,
    /// Centers that moved more than this are looked at one by one.
    pub(crate) threshold: f32,
    /// No center is farther from the offset.
    pub(crate) farthest: f32,
    /// Twice the relative error of a score: see [`safe`].
    pub(crate) error: f32,
}

/// More than the rounding of two operations in `f32`.
const ROUNDING: f32 = 1.0 / (1 << 22) as f32;

/// Whether no other center can have a score as small as that of a sample's
/// own, if that is at most `upper` away and every other at least `lower`.
#[inline(always)]
pub(crate) fn safe(upper: f32, lower: f32, farthest: f32, error: f32) -> bool {
    let norm = upper + farthest;
    (lower - upper) * (lower + upper) > error * (norm * norm + farthest * farthest)
}

/// `lower` after centers may have come nearer by `by`.
#[inline(always)]
pub(crate) fn nearer(lower: f32, by: f32) -> f32 {
    let left = (lower - by) * (1.0 - ROUNDING);
    if left > 0.0 { left } else { 0.0 }
}

/// `upper` after the own center moved by `by`.
#[inline(always)]
pub(crate) fn farther(upper: f32, by: f32) -> f32 {
    (upper + by) * (1.0 + ROUNDING)
}

/// The type of [`classify`].
pub(crate) type Classify =
    unsafe fn(&[i32], &mut [f32], &mut [f32], &Motion, &mut Vec<u32>, &mut Vec<u32>);

/// Samples at a time whose tests are made before any is listed.
const GROUP: usize = 32;

/// Brings the bounds of samples up to date. Those that are safe against every
/// center are done. Those that are safe but for the centers that moved more
/// than the threshold go to `some`, the others, with `lower` untouched, to `all`.
///
/// # Safety
///
/// Labels are indices of `motion.drift`; bounds have the labels' length.
#[inline(always)]
pub(crate) unsafe fn classify(
    labels: &[i32],
    upper: &mut [f32],
    lower: &mut [f32],
    motion: &Motion,
    some: &mut Vec<u32>,
    all: &mut Vec<u32>,
) {
    let Motion {
        largest,
        threshold,
        farthest,
        error,
        ..
    } = *motion;
    let mut first = 0;
    while first < labels.len() {
        let count = GROUP.min(labels.len() - first);
        let group = first..first + count;
        let (labels, upper) = (&labels[group.clone()], &mut upper[group.clone()]);
        let lower = &mut lower[group];
        let mut state = [[0_u8; GROUP]; 2];
        let mut moved = [0.0_f32; GROUP];
        for (moved, &label) in moved.iter_mut().zip(labels) {
            debug_assert!((label as usize) < motion.drift.len());
            // SAFETY: the caller vouches for the labels.
            *moved = unsafe { *motion.drift.get_unchecked(label as usize) };
        }
        for i in 0..count {
            let u = farther(upper[i], moved[i]);
            upper[i] = u;
            let (l, cautious) = (nearer(lower[i], threshold), nearer(lower[i], largest));
            let but_some = safe(u, l, farthest, error);
            let quite = safe(u, cautious, farthest, error);
            let next = if but_some { l } else { lower[i] };
            lower[i] = if quite { cautious } else { next };
            state[0][i] = u8::from(!quite & but_some);
            state[1][i] = u8::from(!quite & !but_some);
        }
        list(&state[0], first, some);
        list(&state[1], first, all);
        first += count;
    }
}

/// A bit for each of the flags, which are 0 or 1.
#[inline(always)]
pub(super) fn bits_of<const N: usize>(flags: &[u8; N]) -> u64 {
    let mut bits = 0;
    for (i, eight) in flags.as_chunks().0.iter().enumerate() {
        // The product gathers the lowest bits of the bytes in the highest byte.
        let byte = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits |= byte << (8 * i);
    }
    bits
}

/// Lists those with a flag, counted from `first`.
#[inline(always)]
fn list(flags: &[u8; GROUP], first: usize, to: &mut Vec<u32>) {
    let mut bits = bits_of(flags);
    while bits != 0 {
        to.push(first as u32 + bits.trailing_zeros());
        bits &= bits - 1;
    }
}

/// The type of [`changed`].
pub(crate) type Changed<T> = unsafe fn(&[i32], &[T], &mut Vec<u32>);

/// Lists the samples whose label is not the index that was found, of which
/// there may be more.
///
/// # Safety
///
/// None but the instructions.
#[inline(always)]
pub(crate) unsafe fn changed<T: Scalar>(labels: &[i32], index: &[T], to: &mut Vec<u32>) {
    #[inline(always)]
    fn flags<T: Scalar>(labels: &[i32], index: &[T]) -> [u8; GROUP] {
        let mut flags = [0; GROUP];
        for (flag, (&label, index)) in flags.iter_mut().zip(labels.iter().zip(index)) {
            *flag = u8::from(label != index.to_index() as i32);
        }
        flags
    }
    let (groups, rest) = labels.as_chunks::<GROUP>();
    let mut first = 0;
    for (labels, index) in groups.iter().zip(index.as_chunks::<GROUP>().0) {
        list(&flags(labels, index), first, to);
        first += GROUP;
    }
    list(&flags(rest, &index[first..]), first, to);
}

/// What scores may be off by, and what [`bounds`] turns them to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Margin {
    /// Of `|x|² + square`.
    pub(crate) relative: f64,
    /// The largest `|c|²`.
    pub(crate) square: f64,
    /// Beside.
    pub(crate) error: f64,
}

/// The type of [`bounds`].
pub(crate) type MakeBounds<T> = unsafe fn(&[T], &[T], &[T], Margin, [&mut [f32]; 3]);

/// From `|x|²` and the two smallest scores: no less and no more than the
/// distance to the nearest center, and no more than that to the second
/// nearest. All slices have one length.
///
/// # Safety
///
/// None but the instructions.
#[inline(always)]
pub(crate) unsafe fn bounds<T: Scalar>(
    norm: &[T],
    best: &[T],
    second: &[T],
    margin: Margin,
    [upper, near, lower]: [&mut [f32]; 3],
) {
    let count = norm.len();
    let (best, second) = (&best[..count], &second[..count]);
    let (upper, lower) = (&mut upper[..count], &mut lower[..count]);
    let to_near = &mut near[..count];
    for i in 0..count {
        let x = norm[i].wide();
        let margin = margin.relative * (x + margin.square) + margin.error;
        let near = x + best[i].wide() + margin;
        let near = if near > 0.0 { near } else { 0.0 };
        upper[i] = above(near);
        to_near[i] = below(x + best[i].wide() - margin);
        lower[i] = below(x + second[i].wide() - margin);
    }
}

/// No less than the root of `square`.
#[inline(always)]
fn above(square: f64) -> f32 {
    let more = (square as f32 + f32::MIN_POSITIVE) * (1.0 + ROUNDING);
    more.sqrt() * (1.0 + ROUNDING)
}

/// No more than the root of `square`, and not below 0.
#[inline(always)]
fn below(square: f64) -> f32 {
    let near = square as f32;
    let near = if near > f32::MIN_POSITIVE { near } else { 0.0 };
    let near = if near < f32::MAX { near } else { f32::MAX };
    (near * (1.0 - ROUNDING)).sqrt() * (1.0 - ROUNDING)
}
