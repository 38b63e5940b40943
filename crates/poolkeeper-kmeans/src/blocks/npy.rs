//! A matrix in a `.npy` file, mapped to memory a block at a time.
//!
//! The format: numpy's `numpy/lib/_format_impl.py` (versions 1 to 3).

use std::fs::File;
use std::io::Read;
use std::marker::PhantomData;
use std::path::Path;

use memmap2::MmapOptions;
use ndarray::{ArrayView2, ShapeBuilder};

use super::{Blocks, Take};
use crate::{Error, Result, Scalar};

/// A `.npy` file with a matrix of `T`, in blocks. Only the block that is
/// being read is mapped; all of it, if its columns lie side by side (Fortran order).
#[derive(Debug)]
pub struct Npy<T> {
    file: File,
    start: u64,
    rows: usize,
    columns: usize,
    fortran: bool,
    block: usize,
    numbers: PhantomData<T>,
}

fn failed(why: impl ToString) -> Error {
    Error::Blocks { why: why.to_string() }
}

impl<T: Scalar> Npy<T> {
    /// Opens a file, to be read in blocks of `rows` rows (0 counts as 1).
    ///
    /// The file must not be changed while it is read.
    ///
    /// # Errors
    ///
    /// `Blocks`, if it can't be read, is no `.npy`, or holds other numbers.
    pub fn open(path: impl AsRef<Path>, rows: usize) -> Result<Self> {
        let mut file = File::open(path).map_err(failed)?;
        let (header, start) = header(&mut file)?;
        let kind = value(&header, "descr")?.trim_matches(['\'', '"']).to_owned();
        let expected = format!("<f{}", size_of::<T>());
        if kind != expected {
            return Err(failed(format!("the file holds '{kind}', not '{expected}'")));
        }
        let shape = value(&header, "shape")?;
        let numbers = shape.trim_matches(['(', ')']).split(',').map(str::trim);
        let shape: Vec<usize> = numbers.filter_map(|n| n.parse().ok()).collect();
        let &[height, columns] = &shape[..] else {
            return Err(failed(format!("the array has {} dimensions, not 2", shape.len())));
        };
        let fortran = value(&header, "fortran_order")? == "True";
        let numbers = PhantomData;
        let npy = Npy { file, start, rows: height, columns, fortran, block: rows.max(1), numbers };
        npy.check_length()?;
        Ok(npy)
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    fn check_length(&self) -> Result<()> {
        let bytes = self.rows.checked_mul(self.columns).and_then(|n| n.checked_mul(size_of::<T>()));
        let found = self.file.metadata().map_err(failed)?.len();
        match bytes.and_then(|bytes| self.start.checked_add(bytes as u64)) {
            Some(needed) if needed <= found => Ok(()),
            _ => Err(failed(format!("the file ends after {found} bytes, before its array does"))),
        }
    }

    /// Maps `count` numbers from number `first`, and calls `take` with them.
    fn mapped(
        &self,
        first: usize,
        count: usize,
        take: &mut dyn FnMut(*const T) -> Result<()>,
    ) -> Result<()> {
        let size = size_of::<T>();
        let offset = self.start + (first * size) as u64;
        // SAFETY: `open` asks that the file is not changed while it is read.
        let map = unsafe { MmapOptions::new().offset(offset).len(count * size).map(&self.file) };
        let map = map.map_err(failed)?;
        let numbers = map.as_ptr().cast::<T>();
        if !numbers.is_aligned() {
            return Err(failed("the array is not aligned"));
        }
        take(numbers)
    }
}

impl<T: Scalar> Blocks<T> for Npy<T> {
    fn each(&mut self, take: &mut Take<T>) -> Result<()> {
        let (rows, columns) = (self.rows, self.columns);
        if rows == 0 || columns == 0 {
            return Ok(());
        }
        if self.fortran {
            return self.mapped(0, rows * columns, &mut |numbers| {
                // SAFETY: `rows * columns` numbers are mapped, column by column.
                let x = unsafe { ArrayView2::from_shape_ptr((rows, columns).f(), numbers) };
                let mut blocks = x.axis_chunks_iter(ndarray::Axis(0), self.block);
                blocks.try_for_each(|block| take(block, None))
            });
        }
        for first in (0..rows).step_by(self.block) {
            let count = self.block.min(rows - first);
            self.mapped(first * columns, count * columns, &mut |numbers| {
                // SAFETY: `count * columns` numbers are mapped, row by row.
                take(unsafe { ArrayView2::from_shape_ptr((count, columns), numbers) }, None)
            })?;
        }
        Ok(())
    }
}

/// The header's text, and where the numbers start.
fn header(file: &mut File) -> Result<(String, u64)> {
    let mut bytes = |count: usize| {
        let mut buffer = vec![0; count];
        file.read_exact(&mut buffer).map(|()| buffer).map_err(failed)
    };
    let magic = bytes(8)?;
    if &magic[..6] != b"\x93NUMPY" {
        return Err(failed("not a .npy file"));
    }
    let (length, before) = match magic[6] {
        1 => {
            let length = bytes(2)?;
            (usize::from(u16::from_le_bytes([length[0], length[1]])), 10)
        }
        2 | 3 => {
            let length = bytes(4)?;
            let length = u32::from_le_bytes([length[0], length[1], length[2], length[3]]);
            (length as usize, 12)
        }
        version => return Err(failed(format!(".npy version {version} is unknown"))),
    };
    if length > 1 << 20 {
        return Err(failed(format!("a header of {length} bytes")));
    }
    let text = String::from_utf8_lossy(&bytes(length)?).into_owned();
    Ok((text, before + length as u64))
}

/// What the header, a Python dict, says for `key`.
fn value<'a>(header: &'a str, key: &str) -> Result<&'a str> {
    let missing = || failed(format!("the header does not say '{key}'"));
    let (_, rest) = header.split_once(&format!("'{key}':")).ok_or_else(missing)?;
    let rest = rest.trim_start();
    let end = match rest.starts_with('(') {
        true => rest.find(')').map(|end| end + 1),
        false => rest.find([',', '}']),
    };
    Ok(rest[..end.ok_or_else(missing)?].trim())
}
