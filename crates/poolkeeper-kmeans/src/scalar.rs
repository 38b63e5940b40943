//! The number types: `f32` and `f64`.

use std::fmt::{Debug, Display, LowerExp};
use std::ops::{Add, AddAssign, Mul, Neg, Sub};

use crate::kernels::Table;
use crate::kernels::dispatch::Kernel;

/// `f32` or `f64`. Nobody else can implement it: the kernels are written for these.
pub trait Scalar:
    Sealed
    + Copy
    + Default
    + Send
    + Sync
    + PartialOrd
    + Debug
    + Display
    + LowerExp
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + 'static
{
}

/// What the crate needs of a number.
pub trait Sealed: Sized {
    /// No number is larger, and no distance is.
    const INFINITY: Self;
    /// The largest finite number, as `f64`.
    const LARGEST: f64;
    /// Twice the largest relative error of one operation.
    const EPSILON: f64;
    /// How many numbers fill 64 bytes: the width that every kernel's sums
    /// along a row share, so that they add in the same order.
    const WIDE: usize;

    /// The same number as `f64`, exactly.
    fn wide(self) -> f64;
    /// The nearest number of this type.
    fn near(value: f64) -> Self;
    /// `self * a + b`, rounded once.
    fn fused(self, a: Self, b: Self) -> Self;
    /// The kernels for this type and processor.
    fn table(kernel: Kernel) -> &'static Table<Self>;
}

macro_rules! scalar {
    ($t:ty, $table:ident) => {
        impl Sealed for $t {
            const INFINITY: Self = <$t>::INFINITY;
            const LARGEST: f64 = <$t>::MAX as f64;
            const EPSILON: f64 = <$t>::EPSILON as f64;
            const WIDE: usize = 64 / size_of::<$t>();

            #[inline(always)]
            fn wide(self) -> f64 {
                self.into()
            }

            #[inline(always)]
            fn near(value: f64) -> Self {
                value as $t
            }

            #[inline(always)]
            fn fused(self, a: Self, b: Self) -> Self {
                self.mul_add(a, b)
            }

            fn table(kernel: Kernel) -> &'static Table<Self> {
                crate::kernels::dispatch::$table(kernel)
            }
        }

        impl Scalar for $t {}
    };
}

scalar!(f32, single);
scalar!(f64, double);
