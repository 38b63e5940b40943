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

/// What a lane of a vector holds: a number, or a pair of 16 bits each.
pub trait Lane: Copy + Default + PartialOrd {
    /// `self * a + b`, rounded once; of pairs both products, and `b`.
    fn fused(self, a: Self, b: Self) -> Self;
}

impl Lane for i32 {
    #[inline(always)]
    fn fused(self, a: Self, b: Self) -> Self {
        let low = i32::from(self as i16) * i32::from(a as i16);
        b.wrapping_add(low + (self >> 16) * (a >> 16))
    }
}

/// What the crate needs of a number.
pub trait Sealed: Lane {
    /// No number is larger.
    const INFINITY: Self;

    /// The largest finite number, as `f64`.
    const LARGEST: f64;

    /// The distance from 1 to the next larger number.
    const SPACING: f64;

    /// The same number as `f64`, exactly.
    fn wide(self) -> f64;
    /// The nearest number of this type.
    fn near(value: f64) -> Self;
    /// Something with the bits of `index`, to carry it through vectors.
    fn from_index(index: u32) -> Self;
    /// The index that has these bits.
    fn to_index(self) -> u32;
    /// The nearest number of this type.
    fn of_whole(whole: i32) -> Self;
    /// The nearest whole number, the even of two as near, and the nearest of 16
    /// bits to that; the smallest for NaN and what passes 32 bits.
    fn to_half(self) -> i16;
    /// The kernels for this type and processor.
    fn table(kernel: Kernel) -> &'static Table<Self>;
}

macro_rules! scalar {
    ($t:ty, $table:ident) => {
        impl Lane for $t {
            #[inline(always)]
            fn fused(self, a: Self, b: Self) -> Self {
                self.mul_add(a, b)
            }
        }

        impl Sealed for $t {
            const INFINITY: Self = <$t>::INFINITY;
            const LARGEST: f64 = <$t>::MAX as f64;
            const SPACING: f64 = <$t>::EPSILON as f64;

            #[inline(always)]
            fn wide(self) -> f64 {
                self.into()
            }

            #[inline(always)]
            fn near(value: f64) -> Self {
                value as $t
            }

            #[inline(always)]
            fn from_index(index: u32) -> Self {
                <$t>::from_bits(index.into())
            }

            #[inline(always)]
            fn to_index(self) -> u32 {
                self.to_bits() as u32
            }

            #[inline(always)]
            fn of_whole(whole: i32) -> Self {
                whole as $t
            }

            #[inline(always)]
            fn to_half(self) -> i16 {
                let whole = self.round_ties_even();
                if whole.abs() < (1_u32 << 31) as $t {
                    whole as i16
                } else {
                    i16::MIN
                }
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
