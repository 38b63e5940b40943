//! What can go wrong, each with a stable code.

/// The result of every fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// An error, with a [`code`](Error::code) that stays the same between versions
/// and a message that says what was found and what is allowed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Data without a row or without a column.
    #[error("the data has the shape {rows} x {columns}: at least one row and one column is needed")]
    Empty {
        /// How many rows were given.
        rows: usize,
        /// How many columns were given.
        columns: usize,
    },
    /// A number of clusters that the data can't have.
    #[error("n_clusters must be from 1 to the number of samples, {samples}, not {clusters}")]
    Clusters {
        /// What was asked for.
        clusters: usize,
        /// How many rows the data has.
        samples: usize,
    },
    /// A parameter outside its range.
    #[error("{name} must be {allowed}, not {value}")]
    Parameter {
        /// The parameter.
        name: &'static str,
        /// What was given, as written.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// An array that does not fit the others.
    #[error("{name} has the shape {found}, but {expected} is needed")]
    Shape {
        /// The array.
        name: &'static str,
        /// Its shape.
        found: String,
        /// The shape that fits.
        expected: String,
    },
    /// NaN or an infinity.
    #[error(
        "{name} has the value {value} in row {row}, column {column}: only finite numbers are allowed"
    )]
    NotFinite {
        /// The array.
        name: &'static str,
        /// The row, from 0.
        row: usize,
        /// The column, from 0.
        column: usize,
        /// The value as written.
        value: String,
    },
    /// Numbers whose squared distances are beyond `f64`.
    #[error(
        "column {column} reaches {span:e} from its mean, and at most {limit:e} can be squared and summed; scale the data down"
    )]
    TooLarge {
        /// The column, from 0.
        column: usize,
        /// The largest distance from the column's mean.
        span: f64,
        /// The largest distance that is allowed.
        limit: f64,
    },
    /// Weights and squared distances whose products sum to more than an `f64` can be.
    #[error(
        "the squared distances times the weights sum to more than {:e}: scale the weights or the data down",
        f64::MAX
    )]
    Inertia,
    /// A weight below zero, or not a number.
    #[error("sample {row} has the weight {value}: weights must be finite and 0 or more")]
    Weight {
        /// The row, from 0.
        row: usize,
        /// The weight as written.
        value: String,
    },
    /// No sample has a weight.
    #[error("all sample weights are 0: at least one must be more")]
    NoWeight,
    /// A kernel that this processor can't run, or that there is not.
    #[error(
        "this processor has no k-means kernel {name:?}, which the program or the variable {} asks \
         for; available: {}",
        crate::kernels::dispatch::VARIABLE, .available.join(", ")
    )]
    Kernel {
        /// The kernel that was asked for.
        name: String,
        /// The kernels that this processor can run.
        available: Vec<&'static str>,
    },
    /// A sparse matrix whose arrays contradict each other.
    #[error("not a valid CSR matrix: {why}")]
    Sparse {
        /// What is wrong.
        why: String,
    },
    /// A source of blocks that failed.
    #[error("reading a block failed: {why}")]
    Blocks {
        /// What the source said.
        why: String,
    },
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// Every code that [`Error::code`] can give.
    pub const CODES: [&'static str; 13] = [
        "empty",
        "clusters",
        "parameter",
        "shape",
        "not-finite",
        "too-large",
        "inertia",
        "weight",
        "no-weight",
        "kernel",
        "sparse",
        "blocks",
        "cancelled",
    ];

    /// The row that is wrong, if one is, from 0.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(poolkeeper_kmeans::Error::NoWeight.row(), None);
    /// ```
    pub fn row(&self) -> Option<usize> {
        match self {
            Error::NotFinite { row, .. } | Error::Weight { row, .. } => Some(*row),
            _ => None,
        }
    }

    /// A short name for programs to test, the same in every version.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(poolkeeper_kmeans::Error::Cancelled.code(), "cancelled");
    /// ```
    pub fn code(&self) -> &'static str {
        match self {
            Error::Empty { .. } => "empty",
            Error::Clusters { .. } => "clusters",
            Error::Parameter { .. } => "parameter",
            Error::Shape { .. } => "shape",
            Error::NotFinite { .. } => "not-finite",
            Error::TooLarge { .. } => "too-large",
            Error::Inertia => "inertia",
            Error::Weight { .. } => "weight",
            Error::NoWeight => "no-weight",
            Error::Kernel { .. } => "kernel",
            Error::Sparse { .. } => "sparse",
            Error::Blocks { .. } => "blocks",
            Error::Cancelled => "cancelled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples() -> Vec<Error> {
        let text = || "x".to_owned();
        vec![
            Error::Empty {
                rows: 0,
                columns: 1,
            },
            Error::Clusters {
                clusters: 2,
                samples: 1,
            },
            Error::Parameter {
                name: "tol",
                value: text(),
                allowed: "0 or more",
            },
            Error::Shape {
                name: "centers",
                found: text(),
                expected: text(),
            },
            Error::NotFinite {
                name: "X",
                row: 0,
                column: 0,
                value: text(),
            },
            Error::TooLarge {
                column: 0,
                span: 1.0,
                limit: 1.0,
            },
            Error::Inertia,
            Error::Weight {
                row: 0,
                value: text(),
            },
            Error::NoWeight,
            Error::Kernel {
                name: text(),
                available: vec!["portable"],
            },
            Error::Sparse { why: text() },
            Error::Blocks { why: text() },
            Error::Cancelled,
        ]
    }

    #[test]
    fn every_code_is_listed_once_and_given_by_an_error() {
        let codes: Vec<_> = examples().iter().map(Error::code).collect();
        assert_eq!(codes, Error::CODES);
    }
}
