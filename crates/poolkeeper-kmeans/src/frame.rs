//! What is known of the data before the first distance: where it lies, how
//! far it reaches, and so how to compute with it safely.

use std::ops::Range;
use std::sync::Mutex;

use ndarray::{ArrayView1, ArrayView2};

use crate::check;
use crate::kernels::Table;
use crate::kernels::wide::Columns;
use crate::parallel::{Team, with_team};
use crate::rows::{Data, Moved, Weights};
use crate::update::{Quanta, power_above};
use crate::weighing::WeightRange;
use crate::{Control, Kernel, Result, Scalar};

/// What one pass over data, or over a part of it, tells: enough to make a
/// [`Frame`]. Parts are combined with [`merge`](Summary::merge).
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// How many rows.
    pub rows: u64,
    /// The sum of the sample weights; `rows` without weights.
    pub weight: f64,
    /// Which weights there are; 1 without weights.
    pub weights: WeightRange,
    /// The smallest number of each column.
    pub smallest: Vec<f64>,
    /// The largest number of each column.
    pub largest: Vec<f64>,
    /// The mean of each column, without weights.
    pub mean: Vec<f64>,
    /// The sum of the squared differences from the mean, of each column.
    pub squares: Vec<f64>,
}

impl Summary {
    /// Looks at every number of `x` (rows are samples) once.
    ///
    /// # Errors
    ///
    /// `Empty`, `NotFinite`, `Shape` or `Weight` for data that can't be used;
    /// `Cancelled`.
    ///
    /// # Examples
    ///
    /// ```
    /// use ndarray::array;
    /// use poolkeeper_kmeans::{Summary, Threads};
    ///
    /// let x = array![[1.0_f32, 5.0], [3.0, 5.0]];
    /// let summary = Summary::of(x.view(), None, &Threads(1))?;
    /// assert_eq!(summary.mean, [2.0, 5.0]);
    /// # Ok::<(), poolkeeper_kmeans::Error>(())
    /// ```
    pub fn of<T: Scalar>(
        x: ArrayView2<T>,
        weights: Option<ArrayView1<T>>,
        control: &dyn Control,
    ) -> Result<Summary> {
        check::not_empty(&x)?;
        let table = T::table(Kernel::choose(None)?);
        with_team(|team| summarise(team, table, &Data::new(x), &Weights::new(weights), control))
    }

    /// The same of a part, whose weights may all be 0.
    ///
    /// # Errors
    ///
    /// As [`of`](Summary::of).
    pub fn of_part<T: Scalar>(
        x: ArrayView2<T>,
        weights: Option<ArrayView1<T>>,
        control: &dyn Control,
    ) -> Result<Summary> {
        let mut summary = Summary::of(x, None, control)?;
        let weights = Weights::new(weights);
        if weights.given() {
            (summary.weight, summary.weights) = check::weight_values(&weights, x.nrows())?;
        }
        Ok(summary)
    }

    /// Adds what another part of the same data told.
    ///
    /// # Errors
    ///
    /// `Shape`, if the parts differ in their columns.
    pub fn merge(&mut self, other: &Summary) -> Result<()> {
        check::columns("the summary", other.mean.len(), self.mean.len())?;
        let (a, b) = (self.rows as f64, other.rows as f64);
        let share = b / (a + b);
        for j in 0..self.mean.len() {
            let difference = other.mean[j] - self.mean[j];
            self.smallest[j] = self.smallest[j].min(other.smallest[j]);
            self.largest[j] = self.largest[j].max(other.largest[j]);
            self.mean[j] += difference * share;
            self.squares[j] += other.squares[j] + difference * difference * a * share;
        }
        self.rows += other.rows;
        self.weight += other.weight;
        self.weights.merge(&other.weights);
        Ok(())
    }

    /// The mean of the columns' variances: what a relative `tol` refers to.
    pub fn variance(&self) -> f64 {
        let squares: f64 = self.squares.iter().sum();
        squares / self.rows as f64 / self.mean.len() as f64
    }

    fn from_columns(rows: usize, found: Columns) -> Summary {
        let n = rows as f64;
        let shifts = || found.sum.iter().map(|sum| sum / n);
        Summary {
            rows: rows as u64,
            weight: n,
            weights: WeightRange::ones(),
            smallest: found.smallest,
            largest: found.largest,
            mean: found
                .origin
                .iter()
                .zip(shifts())
                .map(|(o, s)| o + s)
                .collect(),
            squares: found
                .squares
                .iter()
                .zip(shifts())
                .map(|(&q, s)| q - n * s * s)
                // `max` would turn NaN to 0.
                .map(|squares| if squares < 0.0 { 0.0 } else { squares })
                .collect(),
        }
    }
}

/// Summaries of a few chunks each, put together in their order.
pub(crate) fn summarise<T: Scalar>(
    team: &Team,
    table: &Table<T>,
    data: &Data<T>,
    weights: &Weights<T>,
    control: &dyn Control,
) -> Result<Summary> {
    // Nor may that be more than can be done before it is asked whether to stop.
    let chunks = (MOST_NUMBERS / (data.chunk * data.columns)).clamp(1, CHUNKS);
    let parts: Vec<_> = (0..data.chunks().div_ceil(chunks))
        .map(|_| Mutex::new(None))
        .collect();
    let threads = Team::size(control, data.rows * data.columns * 4);
    team.each(threads, parts.len(), control, &|_, part| {
        let first = part * chunks;
        let summary = summary_of(table, data, first..data.chunks().min(first + chunks));
        *parts[part].lock().unwrap_or_else(|e| e.into_inner()) = Some(summary);
    })?;
    let mut whole: Option<Summary> = None;
    for part in parts {
        let part = part.into_inner().unwrap_or_else(|e| e.into_inner());
        match (&mut whole, part) {
            (Some(whole), Some(part)) => whole.merge(&part)?,
            (whole, part) => *whole = part,
        }
    }
    let Some(mut summary) = whole else {
        return Err(crate::Error::Empty {
            rows: 0,
            columns: data.columns,
        });
    };
    if summary.squares.iter().any(|q| !q.is_finite()) {
        check::finite("X", data, 0..data.rows)?;
    }
    if weights.given() {
        (summary.weight, summary.weights) = check::weights(weights, data.rows)?;
    }
    Ok(summary)
}

/// Chunks that are looked at as one: merging costs as much as many rows.
const CHUNKS: usize = 8;
/// ... of at most so many numbers.
const MOST_NUMBERS: usize = 1 << 22;

fn summary_of<T: Scalar>(table: &Table<T>, data: &Data<T>, chunks: Range<usize>) -> Summary {
    let first = data.range(chunks.start).start;
    let origin: Vec<_> = data.row(first).iter().map(|x| x.wide()).collect();
    let mut found = Columns {
        origin: origin.clone(),
        smallest: origin.clone(),
        largest: origin,
        sum: vec![0.0; data.columns],
        squares: vec![0.0; data.columns],
    };
    let mut buffer = Vec::new();
    let mut count = 0;
    for chunk in chunks {
        let rows = data.read(data.range(chunk), &mut buffer);
        count += rows.count;
        // SAFETY: `rows` are valid and have `data.columns` columns; the table
        // is one for this processor.
        unsafe { (table.column_range)(&rows, data.columns, &mut found) };
    }
    Summary::from_columns(count, found)
}

/// How to compute with some data: an offset near the mean of each column,
/// which is taken off before squared distances are computed from products
/// (they would cancel otherwise), a power of two that keeps squares within
/// the type, and the quanta of exact sums.
///
/// Parts of one data set must share a frame, made of their merged summaries.
#[derive(Debug, Clone)]
pub struct Frame<T> {
    pub(crate) moved: Moved<T>,
    pub(crate) quanta: Quanta,
    /// How far a column reaches from its offset.
    reach: Vec<f64>,
    /// How many samples there are.
    pub(crate) samples: f64,
    /// See [`Summary::variance`].
    pub(crate) variance: f64,
}

impl<T: Scalar> Frame<T> {
    /// The frame of the data that `summary` tells of.
    ///
    /// # Errors
    ///
    /// `TooLarge`, where squared distances would pass the largest `f64`.
    pub fn new(summary: &Summary) -> Result<Frame<T>> {
        let bounds = summary.smallest.iter().zip(&summary.largest);
        let offset: Vec<T> = bounds
            .clone()
            .zip(&summary.mean)
            .map(|((&low, &high), &mean)| coarse(mean, high - low))
            .collect();
        let reach: Vec<f64> = bounds
            .zip(&offset)
            .map(|((low, high), o)| (high - o.wide()).max(o.wide() - low))
            .collect();
        let count = summary.rows as f64;
        // So that the squares of the data, summed, and of any distance within it, are numbers.
        let limit = (f64::MAX / 4.0 / (count.max(2.0) * reach.len() as f64)).sqrt();
        check::reach_within(&reach, limit)?;
        let quanta = Quanta::new(&reach, &offset, count, &summary.weights, false);
        let scale = scale_for::<T>(reach.iter().copied().fold(0.0, f64::max));
        Ok(Frame {
            moved: Moved {
                scale: T::near(scale),
                offset: offset.iter().map(|o| T::near(o.wide() * scale)).collect(),
            },
            quanta,
            reach,
            samples: count,
            variance: summary.variance(),
        })
    }

    /// The frame for new samples, of which only the centers are known.
    pub(crate) fn of_centers(centers: ArrayView2<T>) -> Result<Frame<T>> {
        let data = Data::new(centers);
        check::finite("the array of centers", &data, 0..data.rows)?;
        let summary = Summary::of(centers, None, &crate::Threads(1))?;
        Frame::new(&summary)
    }

    /// How samples are moved before they are compared.
    pub fn moved(&self) -> &Moved<T> {
        &self.moved
    }

    /// How many columns.
    pub fn columns(&self) -> usize {
        self.moved.offset.len()
    }

    /// What the columns were moved by, before they were scaled.
    pub(crate) fn offset(&self) -> Vec<T> {
        self.quanta.offset.iter().map(|&o| T::near(o)).collect()
    }

    /// Column `j` of a center as the kernels see it: as they see a sample.
    pub(crate) fn moved_center(&self, x: T, j: usize) -> T {
        x.fused(self.moved.scale, -self.moved.offset[j])
    }

    /// Whether the squared distances from the data to `centers` are numbers.
    ///
    /// # Errors
    ///
    /// `TooLarge`, where they would pass the largest `f64`.
    pub(crate) fn check_centers(&self, centers: ArrayView2<T>) -> Result<()> {
        let far = |(j, column): (usize, ArrayView1<T>)| {
            let offset = self.quanta.offset[j];
            let far = column.iter().map(|c| (c.wide() - offset).abs());
            self.reach[j] + far.fold(0.0, f64::max)
        };
        let far: Vec<f64> = centers.columns().into_iter().enumerate().map(far).collect();
        check::reach_within(&far, (f64::MAX / 4.0 / far.len() as f64).sqrt())
    }
}

/// `mean`, rounded to about 1/256 of the column's span: so few digits that the last
/// bits of the mean, which depend on how the data was cut, don't matter. (Half-way
/// between two of these is where means of short numbers lie, so the border is not.)
fn coarse<T: Scalar>(mean: f64, span: f64) -> T {
    if span == 0.0 {
        return T::near(mean);
    }
    let grid = power_above(span) / 256.0;
    T::near((mean / grid + std::f64::consts::FRAC_1_PI).floor() * grid)
}

/// 1, or the power of two that brings `reach` near 1 when its square would
/// be near the limits of the type.
fn scale_for<T: Scalar>(reach: f64) -> f64 {
    // Its square must also fit the bounds of the pruning, which are f32.
    const LIMIT: f64 = (1_u64 << 30) as f64;
    if reach == 0.0 || (1.0 / LIMIT..=LIMIT).contains(&reach) {
        return 1.0;
    }
    // A power of two of the type: 2^127 is the largest for f32.
    (1.0 / power_above(reach)).clamp(1.0 / T::LARGEST, T::LARGEST / 2.0)
}
