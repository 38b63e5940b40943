//! A sparse matrix, checked once.

use std::ops::Range;

use crate::{Error, Result, Scalar, check};

/// A matrix in compressed sparse rows, as SciPy's `csr_matrix` holds it:
/// row `i` has the numbers `values[indptr[i]..indptr[i + 1]]`, in the columns
/// `indices[..]` of the same range. No column twice in a row; any order.
#[derive(Debug, Clone, Copy)]
pub struct Csr<'a, T, I = i32> {
    indptr: &'a [I],
    indices: &'a [I],
    values: &'a [T],
    pub(super) columns: usize,
}

/// `i32` or `i64`: the types that SciPy counts with.
pub trait Index: Copy + Send + Sync + TryInto<usize> + TryFrom<usize> + 'static {}

impl Index for i32 {}
impl Index for i64 {}

fn invalid<T>(why: String) -> Result<T> {
    Err(Error::Sparse { why })
}

fn position<I: Index>(index: I) -> Option<usize> {
    index.try_into().ok()
}

impl<'a, T: Scalar, I: Index> Csr<'a, T, I> {
    /// Checks that the arrays fit each other.
    ///
    /// # Errors
    ///
    /// `Sparse`, with what does not fit; `Empty`; `NotFinite`.
    ///
    /// # Examples
    ///
    /// ```
    /// use poolkeeper_kmeans::Csr;
    ///
    /// let x = Csr::new(&[0, 1, 3], &[4, 0, 2], &[1.0_f32, 2.0, 3.0], 5)?;
    /// assert_eq!(x.rows(), 2);
    /// assert!(Csr::new(&[0, 1], &[7], &[1.0_f32], 5).is_err());
    /// # Ok::<(), poolkeeper_kmeans::Error>(())
    /// ```
    pub fn new(indptr: &'a [I], indices: &'a [I], values: &'a [T], columns: usize) -> Result<Self> {
        let csr = Csr {
            indptr,
            indices,
            values,
            columns,
        };
        let rows = indptr.len().saturating_sub(1);
        if rows == 0 || columns == 0 {
            return Err(Error::Empty { rows, columns });
        }
        if indices.len() != values.len() {
            let (a, b) = (indices.len(), values.len());
            return invalid(format!("{a} indices, but {b} values"));
        }
        csr.check_rows()?;
        csr.check_numbers()?;
        Ok(csr)
    }

    fn check_rows(&self) -> Result<()> {
        let mut before = 0;
        for (row, &end) in self.indptr.iter().enumerate() {
            match position(end) {
                Some(0) if row == 0 => {}
                Some(end) if row > 0 && end >= before && end <= self.values.len() => before = end,
                _ => return invalid(format!("indptr[{row}] is out of order or out of range")),
            }
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<()> {
        // The last row with a number in each column, from 1.
        let mut seen = vec![0_usize; self.columns];
        for row in 0..self.rows() {
            for at in self.range(row) {
                let Some(column) = position(self.indices[at]).filter(|&j| j < self.columns) else {
                    let columns = self.columns;
                    return invalid(format!(
                        "row {row} names a column that is not in 0..{columns}"
                    ));
                };
                if std::mem::replace(&mut seen[column], row + 1) == row + 1 {
                    return invalid(format!("row {row} names column {column} twice"));
                }
                let value = self.values[at];
                if !value.wide().is_finite() {
                    let value = value.to_string();
                    return Err(Error::NotFinite {
                        name: "X",
                        row,
                        column,
                        value,
                    });
                }
            }
        }
        Ok(())
    }

    /// How many rows.
    pub fn rows(&self) -> usize {
        self.indptr.len() - 1
    }

    fn range(&self, row: usize) -> Range<usize> {
        let at = |i: usize| position(self.indptr[i]).unwrap_or(0);
        at(row)..at(row + 1)
    }

    /// The columns and numbers of a row.
    #[inline]
    pub(super) fn row(&self, row: usize) -> impl Iterator<Item = (usize, T)> {
        let range = self.range(row);
        let columns = self.indices[range.clone()].iter();
        // `new` has checked that every index is one.
        let columns = columns.map(|&j| position(j).unwrap_or(0));
        columns.zip(self.values[range].iter().copied())
    }

    /// The columns with numbers, in order, and the place of each index among them.
    pub(super) fn columns_used(&self) -> (Vec<usize>, Vec<I>) {
        // A bit for each column, and for each word of bits how many are set before it.
        let mut words = vec![0_u64; self.columns.div_ceil(64)];
        for row in 0..self.rows() {
            for (column, _) in self.row(row) {
                words[column / 64] |= 1 << (column % 64);
            }
        }
        let mut used = Vec::new();
        let mut before = Vec::with_capacity(words.len());
        for (word, &bits) in words.iter().enumerate() {
            before.push(used.len());
            let mut bits = bits;
            while bits != 0 {
                used.push(word * 64 + bits.trailing_zeros() as usize);
                bits &= bits - 1;
            }
        }
        let place = |&j: &I| {
            let column = position(j)?;
            let below = words.get(column / 64)? & ((1 << (column % 64)) - 1);
            Some(before[column / 64] + below.count_ones() as usize)
        };
        // No place is larger than its column. What belongs to no row may be anything.
        let index = |j| I::try_from(place(j).unwrap_or(0)).unwrap_or(*j);
        (used, self.indices.iter().map(index).collect())
    }

    /// The same rows with other indices, below `columns`.
    pub(super) fn with_indices<'b>(&'b self, indices: &'b [I], columns: usize) -> Csr<'b, T, I> {
        Csr {
            indices,
            columns,
            ..*self
        }
    }

    /// Numbers that are stored.
    pub(super) fn stored(&self) -> usize {
        self.values.len()
    }

    pub(super) fn check_centers(&self, name: &'static str, columns: usize) -> Result<()> {
        check::columns(name, columns, self.columns)
    }
}
