//! What a fit is asked for.

use ndarray::Array2;

use crate::{Kernel, Result, Scalar, check};

/// Where the first centers come from.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Init<T> {
    /// Greedy k-means++ (Arthur and Vassilvitskii 2007): each next center is
    /// the best of `local_trials` samples, drawn in proportion to the squared
    /// distance from the centers so far. `None`: 2 + ln(k) trials.
    PlusPlus {
        /// How many samples to try for each center, at least 1.
        local_trials: Option<usize>,
    },
    /// k-means|| (Bahmani and others 2012): a few passes that draw many
    /// candidates, then greedy k-means++ on these. Faster than `PlusPlus`
    /// for many centers.
    Parallel,
    /// Different samples, drawn in proportion to their weights.
    Random,
    /// These, one a row.
    Centers(Array2<T>),
}

/// How nearest centers are found. Every way gives the same result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Algorithm {
    /// Whatever the shape and the progress of the fit make fastest.
    #[default]
    Auto,
    /// Every distance, in every iteration.
    Brute,
    /// Bounds tell which distances need not be computed.
    Pruned,
}

/// What [`fit`](crate::fit) is asked for. `Options::new` has the defaults of
/// scikit-learn's `KMeans`.
#[derive(Debug, Clone, PartialEq)]
pub struct Options<T> {
    /// How many centers, from 1 to the number of samples.
    pub n_clusters: usize,
    /// Where the first centers come from.
    pub init: Init<T>,
    /// How many starts to try; the one with the least inertia is kept. Given
    /// centers are tried once.
    pub n_init: usize,
    /// The most iterations of one start, at least 1.
    pub max_iter: usize,
    /// A fit ends when the squared distances that the centers moved sum to at
    /// most this, times the mean of the columns' variances; or when no label
    /// changes.
    pub tol: f64,
    /// Decides every random choice.
    pub seed: u64,
    /// How nearest centers are found.
    pub algorithm: Algorithm,
    /// The set of instructions; `None`: the fastest.
    pub kernel: Option<Kernel>,
}

impl<T: Scalar> Options<T> {
    /// The defaults for `n_clusters` centers.
    ///
    /// # Examples
    ///
    /// ```
    /// use poolkeeper_kmeans::Options;
    ///
    /// let options = Options { seed: 7, ..Options::<f32>::new(3) };
    /// assert_eq!((options.n_init, options.max_iter, options.tol), (1, 300, 1e-4));
    /// ```
    pub fn new(n_clusters: usize) -> Self {
        Options {
            n_clusters,
            init: Init::PlusPlus { local_trials: None },
            n_init: 1,
            max_iter: 300,
            tol: 1e-4,
            seed: 0,
            algorithm: Algorithm::Auto,
            kernel: None,
        }
    }

    /// How many starts there will be; one where the first centers are `given`.
    pub(crate) fn starts(&self) -> usize {
        match self.init {
            Init::Centers(_) => 1,
            _ => self.n_init,
        }
    }

    /// `given` are the first centers, if not `init` tells of them.
    pub(crate) fn check(&self, rows: usize, columns: usize) -> Result<()> {
        check::clusters(self.n_clusters, rows)?;
        let many = "at least 1";
        check::parameter(self.n_init > 0, "n_init", self.n_init, many)?;
        check::parameter(self.max_iter > 0, "max_iter", self.max_iter, many)?;
        let tol = self.tol.is_finite() && self.tol >= 0.0;
        check::parameter(tol, "tol", self.tol, "a finite number, 0 or more")?;
        match &self.init {
            Init::PlusPlus { local_trials } => {
                check::parameter(*local_trials != Some(0), "local_trials", 0, many)
            }
            Init::Centers(centers) => {
                let (name, view) = ("the array of first centers", centers.view());
                check::shape(name, &view, self.n_clusters, columns)?;
                check::finite(name, &crate::rows::Data::new(view), 0..self.n_clusters)
            }
            _ => Ok(()),
        }
    }
}
