//! What one thread of a pass does.

use crate::Scalar;
use crate::exact::Exact;
use crate::finder::Finder;
use crate::fixed::Fixed;
use crate::kernels::AddRows;
use crate::kernels::plain::AT_ONCE;
use crate::kernels::scan::Scratch;
use crate::own::Own;
use crate::panels::Panels;
use crate::problem::{Problem, lock};
use crate::rows::Rows;
use crate::update::Sums;

use super::pass::{LONGEST, Pass};

/// Bytes of samples that are scored at once.
const SCORED: usize = 256 << 10;
/// With so many columns, samples of the same label are added together.
const MANY_COLUMNS: usize = 16;

/// The buffers and the sums of one thread.
pub(super) struct Worker<T> {
    pub(super) scratch: Scratch<T>,
    pub(super) rows: Vec<T>,
    pub(super) sums: Sums,
    pub(super) inertia: Exact,
    /// The squared distances to the offset, in the first pass.
    pub(super) total: Exact,
    /// Samples that few, or all, centers are to be scored for; in a pass that
    /// scores all for every sample, those whose label changed.
    pub(super) some: Vec<u32>,
    pub(super) all: Vec<u32>,
}

impl<T: Scalar> Worker<T> {
    pub(super) fn new(sums: Sums) -> Self {
        Worker {
            scratch: Scratch::default(),
            rows: Vec::new(),
            sums,
            inertia: Exact::default(),
            total: Exact::default(),
            some: Vec::new(),
            all: Vec::new(),
        }
    }
}

/// Adds samples that had no label, by a kernel for so many, all of one class of weights.
///
/// # Safety
///
/// The kernel is one for this processor; `rows` have the columns of the data;
/// `label` is below the number of centers.
#[inline]
unsafe fn add<T: Scalar, const ROWS: usize>(
    problem: &Problem<T>,
    kernel: AddRows<T, ROWS>,
    sums: &mut Sums,
    rows: [*const T; ROWS],
    indices: [usize; ROWS],
    label: usize,
) {
    let quanta = &problem.frame.quanta;
    let weighed = indices.map(|index| quanta.weigh(problem.weights.of(index)));
    let place = sums.masses.place(weighed[0].0, label);
    let weights = weighed.map(|(_, weight)| weight);
    for weight in weights {
        sums.masses.add(place, quanta.count(weight));
    }
    let width = quanta.width();
    let to = &mut sums.values[place * width..][..width];
    // SAFETY: the caller vouches for the kernel and the rows; `to` has the width.
    unsafe { kernel(rows, weights, quanta, to.as_mut_ptr()) };
}

/// The indices of `labels`, which are below `k`, sorted by label.
pub(super) fn by_label(labels: &[i32], k: usize) -> Vec<usize> {
    let mut next = vec![0; k + 1];
    for &label in labels {
        next[label as usize + 1] += 1;
    }
    for label in 0..k {
        next[label + 1] += next[label];
    }
    let mut order = vec![0; labels.len()];
    for (i, &label) in labels.iter().enumerate() {
        let place = &mut next[label as usize];
        order[*place] = i;
        *place += 1;
    }
    order
}

/// Adds samples that had no label, `labels` being theirs: a few of the same
/// label at once, as their sums don't stay in the first cache.
///
/// # Safety
///
/// `rows` have the columns of the data; labels are below the number of centers.
unsafe fn add_by_label<T: Scalar>(
    problem: &Problem<T>,
    sums: &mut Sums,
    rows: &Rows<T>,
    (labels, k): (&[i32], usize),
    first: usize,
) {
    let order = by_label(labels, k);
    let table = problem.table;
    let one_class = problem.frame.quanta.classes() == 1;
    for same in order.chunk_by(|&a, &b| labels[a] == labels[b]) {
        let label = labels[same[0]] as usize;
        let (some, rest) = if one_class {
            same.as_chunks::<AT_ONCE>()
        } else {
            (&[][..], same)
        };
        // SAFETY: the caller vouches for rows and labels; the table is one for
        // this processor.
        unsafe {
            for &some in some {
                let (rows, indices) = (some.map(|i| rows.row(i)), some.map(|i| first + i));
                add(problem, table.add_rows, sums, rows, indices, label);
            }
            for &i in rest {
                add(
                    problem,
                    table.add_row,
                    sums,
                    [rows.row(i)],
                    [first + i],
                    label,
                );
            }
        }
    }
}

/// Moves a sample from the sums of one label to those of another.
///
/// # Safety
///
/// `row` has the columns of the data; the labels differ and are below the
/// number of centers.
#[inline]
pub(super) unsafe fn relabel<T: Scalar>(
    problem: &Problem<T>,
    sums: &mut Sums,
    row: *const T,
    index: usize,
    [from, to]: [usize; 2],
) {
    debug_assert_ne!(from, to);
    let quanta = &problem.frame.quanta;
    let (class, weight) = quanta.weigh(problem.weights.of(index));
    let [from, to] = [from, to].map(|label| sums.masses.place(class, label));
    let count = quanta.count(weight);
    sums.masses.take(from, count);
    sums.masses.add(to, count);
    let width = quanta.width();
    let values = sums.values.as_mut_ptr();
    // SAFETY: `values` has sums of that width at each place, and these are two of
    // them; the table is one for this processor.
    unsafe {
        let (from, to) = (values.add(from * width), values.add(to * width));
        (problem.table.move_row)(row, weight, quanta, from, to);
    }
}

impl<T: Scalar> Pass<'_, T> {
    /// Scores every center for every sample of a span. `anew`: the sums are
    /// those of no sample; `bound`: the bounds are made, too.
    pub(super) fn scan_span(
        &self,
        worker: &mut Worker<T>,
        span: usize,
        anew: bool,
        bound: bool,
    ) -> usize {
        let whole = self.range(span);
        let labels = &mut *lock(&self.labels[span]);
        let bounds = &mut *lock(&self.bounds[span]);
        if bound {
            bounds.upper.resize(whole.len(), 0.0);
            bounds.lower.resize(whole.len(), 0.0);
        }
        let mut changed = 0;
        let mut first = whole.start;
        while first < whole.end {
            let range = first..whole.end.min(first + self.at_once());
            first = range.end;
            let here = range.start - whole.start..range.end - whole.start;
            let Worker {
                scratch,
                rows,
                sums,
                inertia,
                total,
                some,
                ..
            } = worker;
            let rows = self.problem.data.read(range.clone(), rows);
            self.nearest(&rows, scratch, bound);
            let labels = &mut labels[here.clone()];
            let found = (&scratch.index[..], some);
            changed += self.take(&rows, range.start, found, labels, sums, anew);
            if self.total.is_none() {
                self.add_to_total(&rows, range.start, total);
            }
            if self.inertia {
                let label = |at: usize| labels[at];
                self.add_distances(&rows, &self.centers, label, range.start, inertia);
            }
            if bound {
                let count = here.len();
                bounds.upper[here.clone()].copy_from_slice(&scratch.upper[..count]);
                bounds.lower[here].copy_from_slice(&scratch.lower[..count]);
            }
        }
        changed
    }

    /// How many samples are scored before they are summed: so many that they
    /// are still in the second cache, and that doubts fill a block.
    fn at_once(&self) -> usize {
        let data = self.problem.data;
        if data.direct() && self.fixed.is_some() {
            (SCORED / (data.columns * size_of::<T>())).clamp(data.chunk, LONGEST)
        } else {
            data.chunk
        }
    }

    /// Fills `scratch` with the nearest center of each row, or the two
    /// nearest and the bounds.
    pub(super) fn nearest(&self, rows: &Rows<T>, scratch: &mut Scratch<T>, two: bool) {
        let finder = self.finder(&self.panels, self.fixed.as_ref());
        finder.nearest(rows, scratch, two.then_some(&self.precision));
    }

    /// What looks for the nearest of some of the centers.
    pub(super) fn finder<'a>(
        &'a self,
        panels: &'a Panels<T>,
        fixed: Option<&'a Fixed<T>>,
    ) -> Finder<'a, T> {
        Finder {
            table: self.problem.table,
            moved: &self.problem.frame.moved,
            tile: &self.tile,
            panels,
            fixed,
        }
    }

    /// Adds the squared distances of samples from `first` to the centers that
    /// `label` tells of each, times weights.
    pub(super) fn add_distances(
        &self,
        rows: &Rows<T>,
        centers: &[T],
        label: impl Fn(usize) -> i32,
        first: usize,
        sum: &mut Exact,
    ) {
        let Problem {
            data,
            table,
            weights,
            ..
        } = self.problem;
        let own = Own::new(table, rows, centers, data.columns);
        for at in 0..rows.count {
            let square = own.square(at, label(at));
            sum.add(square, weights.of(first + at));
        }
    }

    /// Adds the squared distances of samples from `first` to the offset, times weights.
    fn add_to_total(&self, rows: &Rows<T>, first: usize, total: &mut Exact) {
        let Problem {
            data,
            table,
            weights,
            ..
        } = self.problem;
        let offset = self.offset.as_ptr();
        for from in (0..rows.count).step_by(AT_ONCE) {
            // The last row stands for those that are not there.
            let some = std::array::from_fn(|r| rows.row((from + r).min(rows.count - 1)));
            // SAFETY: the table is one for this processor; rows of the data, and
            // the offset has as many columns.
            let squares = unsafe { (table.square_distances)(some, offset, data.columns) };
            for (square, at) in squares.into_iter().zip(from..rows.count) {
                total.add(square, weights.of(first + at));
            }
        }
    }

    /// Takes the labels found for rows from `first`, and the sums along.
    /// Returns how many changed, which are listed for a moment.
    fn take(
        &self,
        rows: &Rows<T>,
        first: usize,
        found: (&[T], &mut Vec<u32>),
        labels: &mut [i32],
        sums: &mut Sums,
        anew: bool,
    ) -> usize {
        let table = self.problem.table;
        let (index, changed) = found;
        changed.clear();
        // SAFETY: the table is one for this processor; rows of the data; labels
        // are below k, and after the first pass, which is anew, not below 0.
        unsafe {
            (table.changed)(labels, index, changed);
            for &i in &*changed {
                let i = i as usize;
                let new = index[i].to_index() as i32;
                let old = std::mem::replace(&mut labels[i], new);
                if !anew && !self.by_center {
                    let labels = [old as usize, new as usize];
                    relabel(self.problem, sums, rows.row(i), first + i, labels);
                }
            }
            if self.by_center {
                // They are summed when all labels are known.
            } else if anew && self.problem.data.columns >= MANY_COLUMNS {
                add_by_label(self.problem, sums, rows, (labels, self.k), first);
            } else if anew {
                for (i, &label) in labels.iter().enumerate() {
                    let (row, index) = (rows.row(i), first + i);
                    add(
                        self.problem,
                        table.add_row,
                        sums,
                        [row],
                        [index],
                        label as usize,
                    );
                }
            }
        }
        changed.len()
    }
}
