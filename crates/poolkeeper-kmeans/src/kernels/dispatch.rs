//! Which kernels this processor can run, and the tables of them.

use super::across::Known;
use super::classify::Motion;
use super::fixed::FixedTile;
use super::plain::AT_ONCE;
use super::scan::{Scratch, nearest, pack, scores};
use super::{Table, Tile, across, along, classify, fixed, plain, sparse, wide};
use crate::fixed::Fixed;
use crate::panels::Panels;
use crate::rows::{Moved, Rows};
use crate::update::Quanta;
use crate::{Error, Result};

/// The environment variable that names the kernel to use where none is asked
/// for, as [`Kernel::name`] does, in any case.
pub(crate) const VARIABLE: &str = "POOLKEEPER_KMEANS_KERNEL";

/// A set of instructions. Results have the same bits with each. Without one
/// asked for, it is the one that the environment variable
/// `POOLKEEPER_KMEANS_KERNEL` names, or else the fastest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kernel {
    /// What the compiler's target has; NEON on ARM.
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 (F, DQ, VL).
    Avx512,
}

impl Kernel {
    const ALL: [Kernel; 3] = [Kernel::Portable, Kernel::Avx2, Kernel::Avx512];

    /// The kernels that this processor can run, the fastest last.
    ///
    /// # Examples
    ///
    /// ```
    /// use poolkeeper_kmeans::Kernel;
    ///
    /// assert_eq!(Kernel::available()[0], Kernel::Portable);
    /// ```
    pub fn available() -> Vec<Kernel> {
        Kernel::ALL.into_iter().filter(|k| k.runs_here()).collect()
    }

    /// `"portable"`, `"avx2"` or `"avx512"`.
    pub fn name(self) -> &'static str {
        match self {
            Kernel::Portable => "portable",
            Kernel::Avx2 => "avx2",
            Kernel::Avx512 => "avx512",
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn runs_here(self) -> bool {
        use std::arch::is_x86_feature_detected as has;
        match self {
            Kernel::Portable => true,
            Kernel::Avx2 => has!("avx2") && has!("fma"),
            Kernel::Avx512 => {
                has!("avx512f")
                    && has!("avx512dq")
                    && has!("avx512vl")
                    && has!("avx2")
                    && has!("fma")
            }
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn runs_here(self) -> bool {
        self == Kernel::Portable
    }

    /// The kernel to use: the one asked for, the one of the environment, or
    /// the fastest.
    pub(crate) fn choose(asked: Option<Kernel>) -> Result<Kernel> {
        let name = match asked {
            Some(kernel) => kernel.name().to_owned(),
            None => {
                let name = std::env::var_os(VARIABLE).unwrap_or_default();
                name.to_string_lossy().trim().to_ascii_lowercase()
            }
        };
        let mut available = Kernel::available();
        if name.is_empty() {
            return Ok(available.pop().unwrap_or(Kernel::Portable));
        }
        let found = available.iter().find(|kernel| kernel.name() == name);
        found.copied().ok_or_else(|| Error::Kernel {
            name,
            available: available.iter().map(|kernel| kernel.name()).collect(),
        })
    }
}

/// Compiles every kernel for one set of instructions and one type, as module
/// `$module` with a `TABLE`.
macro_rules! table {
    ($module:ident, $simd:ty, $t:ty, $(#[$features:meta])?, $rows:literal x $most:literal,
        $([$vectors:literal x $centers:literal])+,
        $(#[$more:meta])?, [$whole:literal x $wide:literal], $runs:expr, $pays:literal) => {
        mod $module {
            use super::*;
            use super::super::across::Across;
            use super::super::simd::{Lanes, Simd};

            type S = $simd;
            type T = $t;

            table!(@function $(#[$features])? #[inline(never)], fn pack_tile<[V]>(
                rows: &Rows<T>, first: usize, moved: &Moved<T>, out: *mut T,
            ) = pack::<S, V>);
            table!(@function $(#[$features])?, fn nearest_tile<[V, C, SECOND]>(
                rows: &Rows<T>, moved: &Moved<T>, panels: &Panels<T>, scratch: &mut Scratch<T>,
            ) = |rows, moved, panels, scratch| {
                nearest::<S, V, C, SECOND>(rows, moved, panels, scratch, pack_tile::<V>)
            });
            table!(@function $(#[$features])?, fn scores_tile<[V, C]>(
                rows: &Rows<T>, moved: &Moved<T>, panels: &Panels<T>, scratch: &mut Scratch<T>,
                out: *mut T, stride: usize,
            ) = |rows, moved, panels, scratch, out, stride| {
                scores::<S, V, C>(rows, moved, panels, scratch, out, stride, pack_tile::<V>)
            });
            const WIDE: usize = wide::LANES / <S as Simd>::Wide::LANES;
            const UNITS: usize = 64 / (S::LANES * size_of::<T>());
            table!(@function $(#[$features])?, fn nearest_along<[]>(
                rows: &Rows<T>, moved: &Moved<T>, panels: &Panels<T>, scratch: &mut Scratch<T>,
            ) = along::nearest::<S, $rows, $most, UNITS, false>);
            table!(@function $(#[$features])?, fn two_nearest_along<[]>(
                rows: &Rows<T>, moved: &Moved<T>, panels: &Panels<T>, scratch: &mut Scratch<T>,
            ) = along::nearest::<S, $rows, $most, UNITS, true>);
            table!(@function $(#[$features])?, fn scores_along<[]>(
                rows: &Rows<T>, moved: &Moved<T>, panels: &Panels<T>, scratch: &mut Scratch<T>,
                out: *mut T, stride: usize,
            ) = along::scores::<S, $rows, $most, UNITS>);
            table!(@function $(#[$features])?, fn square_distance<[]>(
                a: *const T, b: *const T, columns: usize,
            ) -> f64 = |a, b, columns| {
                wide::square_distances::<S, WIDE, 1>([a], b, columns)[0]
            });
            table!(@function $(#[$features])?, fn square_distances<[]>(
                rows: [*const T; AT_ONCE], b: *const T, columns: usize,
            ) -> [f64; AT_ONCE] = wide::square_distances::<S, WIDE, AT_ONCE>);
            table!(@function $(#[$features])?, fn add_row<[]>(
                row: [*const T; 1], weight: [f64; 1], quanta: &Quanta, sums: *mut i64,
            ) = plain::add_rows::<T, 1>);
            table!(@function $(#[$features])?, fn add_rows<[]>(
                rows: [*const T; AT_ONCE], weights: [f64; AT_ONCE], quanta: &Quanta,
                sums: *mut i64,
            ) = plain::add_rows::<T, AT_ONCE>);
            table!(@function $(#[$features])?, fn move_row<[]>(
                row: *const T, weight: f64, quanta: &Quanta, from: *mut i64, to: *mut i64,
            ) = plain::move_row::<T>);
            table!(@function $(#[$features])?, fn column_range<[]>(
                rows: &Rows<T>, columns: usize, found: &mut wide::Columns,
            ) = wide::column_range::<S>);
            table!(@function $(#[$features])?, fn classify_run<[]>(
                labels: &[i32], upper: &mut [f32], lower: &mut [f32], motion: &Motion,
                some: &mut Vec<u32>, all: &mut Vec<u32>,
            ) = classify::classify);
            table!(@function $(#[$features])?, fn changed<[]>(
                labels: &[i32], index: &[T], to: &mut Vec<u32>,
            ) = classify::changed);
            table!(@function $(#[$features])?, fn bounds<[]>(
                norm: &[T], best: &[T], second: &[T], margin: classify::Margin,
                to: [&mut [f32]; 3],
            ) = classify::bounds::<T>);
            table!(@function $(#[$features])?, fn potential<[]>(
                near: *const T, score: *const T, norm: *const T, weights: *const T, count: usize,
            ) -> f64 = wide::potential::<S, WIDE>);
            // Vectors that have the scores of the samples that share them.
            const ACROSS: usize = across::WIDTH * S::SAMPLES / S::LANES;
            table!(@function $(#[$features])?, fn potentials<[]>(
                rows: &Rows<T>, moved: &Moved<T>, panels: &Panels<T>, scratch: &mut Scratch<T>,
                known: &mut Known<T>, sums: &mut [f64],
            ) = across::potentials::<S, { S::LANES }, ACROSS, WIDE>);
            table!(@function $(#[$features])?, fn nearest_sparse<[]>(
                row: &[(usize, T)], centers: &sparse::Centers<T>,
            ) -> usize = sparse::nearest::<S>);
            table!(@function $(#[$features])?, fn lower<[]>(
                near: *mut T, score: *const T, norm: *const T, count: usize,
            ) = plain::lower::<T>);

            table!(@function $(#[$more])? #[inline(never)], fn pack_fixed<[]>(
                rows: &Rows<T>, first: usize, centers: &Fixed<T>, out: *mut i32,
            ) = fixed::pack::<S, $whole>);
            table!(@function $(#[$more])?, fn nearest_fixed<[SECOND]>(
                rows: &Rows<T>, centers: &Fixed<T>, scratch: &mut Scratch<T>,
            ) = |rows, centers, scratch| {
                fixed::nearest::<S, $whole, $wide, SECOND>(rows, centers, scratch, pack_fixed)
            });
            pub(super) static TABLE: Table<T> = Table {
                tiles: &[$(Tile {
                    samples: $vectors * S::LANES,
                    centers: $centers,
                    nearest: nearest_tile::<$vectors, $centers, false>,
                    two_nearest: nearest_tile::<$vectors, $centers, true>,
                    scores: scores_tile::<$vectors, $centers>,
                }),+],
                along: Tile {
                    samples: $rows,
                    centers: 1,
                    nearest: nearest_along,
                    two_nearest: two_nearest_along,
                    scores: scores_along,
                },
                fixed: FixedTile {
                    centers: $wide,
                    nearest: nearest_fixed::<false>,
                    two_nearest: nearest_fixed::<true>,
                },
                fixed_runs: || $runs,
                fixed_pays: $pays,
                square_distance,
                square_distances,
                add_row,
                add_rows,
                move_row,
                classify: classify_run,
                changed,
                bounds,
                column_range,
                potential,
                potentials,
                nearest_sparse,
                lower,
            };
        }
    };
    (@function $(#[$features:meta])*, fn $name:ident<[$($g:ident),*]>(
        $($arg:ident: $type:ty),* $(,)?
    ) $(-> $result:ty)? = $generic:expr) => {
        table!(@generic $(#[$features])*, [$($g),*], $name, ($($arg: $type),*), ($($result)?), $generic);
    };
    (@generic $(#[$features:meta])*, [], $name:ident, ($($arg:ident: $type:ty),*), ($($result:ty)?), $generic:expr) => {
        $(#[$features])*
        unsafe fn $name($($arg: $type),*) $(-> $result)? {
            // SAFETY: the promises of `$name` are those of the generic function.
            unsafe { $generic($($arg),*) }
        }
    };
    (@generic $(#[$features:meta])*, [V, C], $name:ident, ($($arg:ident: $type:ty),*), ($($result:ty)?), $generic:expr) => {
        $(#[$features])*
        unsafe fn $name<const V: usize, const C: usize>($($arg: $type),*) $(-> $result)? {
            // SAFETY: the promises of `$name` are those of the generic function.
            unsafe { $generic($($arg),*) }
        }
    };
    (@generic $(#[$features:meta])*, [SECOND], $name:ident, ($($arg:ident: $type:ty),*), ($($result:ty)?), $generic:expr) => {
        $(#[$features])*
        unsafe fn $name<const SECOND: bool>($($arg: $type),*) $(-> $result)? {
            // SAFETY: the promises of `$name` are those of the generic function.
            unsafe { $generic($($arg),*) }
        }
    };
    (@generic $(#[$features:meta])*, [V], $name:ident, ($($arg:ident: $type:ty),*), ($($result:ty)?), $generic:expr) => {
        $(#[$features])*
        unsafe fn $name<const V: usize>($($arg: $type),*) $(-> $result)? {
            // SAFETY: the promises of `$name` are those of the generic function.
            unsafe { $generic($($arg),*) }
        }
    };
    (@generic $(#[$features:meta])*, [V, C, SECOND], $name:ident, ($($arg:ident: $type:ty),*), ($($result:ty)?), $generic:expr) => {
        $(#[$features])*
        unsafe fn $name<const V: usize, const C: usize, const SECOND: bool>($($arg: $type),*) $(-> $result)? {
            // SAFETY: the promises of `$name` are those of the generic function.
            unsafe { $generic($($arg),*) }
        }
    };
}

/// Whether this processor has what fixed point with AVX-512 needs.
#[cfg(target_arch = "x86_64")]
fn vnni() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx512vnni") && has!("avx512bw")
}

// Nobody multiplies 16 bits faster than the compiler's target does `f32`, as
// far as is known: there it is for the tests.
table!(portable_f32, crate::kernels::portable::Portable<f32>, f32, , 2 x 3,
    [2 x 4], , [2 x 4], true, false);
table!(portable_f64, crate::kernels::portable::Portable<f64>, f64, , 2 x 3,
    [1 x 4], , [2 x 4], true, false);

#[cfg(target_arch = "x86_64")]
table!(avx2_f32, crate::kernels::avx2::Avx2<f32>, f32,
    #[target_feature(enable = "avx2,fma")], 2 x 3, [4 x 2] [3 x 4] [2 x 6],
    #[target_feature(enable = "avx2,fma")], [2 x 5], true, true);
#[cfg(target_arch = "x86_64")]
table!(avx2_f64, crate::kernels::avx2::Avx2<f64>, f64,
    #[target_feature(enable = "avx2,fma")], 2 x 3, [4 x 2] [3 x 4] [2 x 6],
    #[target_feature(enable = "avx2,fma")], [2 x 5], true, true);
#[cfg(target_arch = "x86_64")]
table!(avx512_f32, crate::kernels::avx512::Avx512<f32>, f32,
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")], 2 x 10,
    [4 x 6] [3 x 8] [2 x 12],
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")],
    [3 x 8], vnni(), true);
#[cfg(target_arch = "x86_64")]
table!(avx512_f64, crate::kernels::avx512::Avx512<f64>, f64,
    #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")], 2 x 10,
    [4 x 6] [3 x 8] [2 x 12],
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma")],
    [3 x 8], vnni(), true);

/// The kernels for `f32`. `kernel` comes from [`Kernel::choose`].
pub(crate) fn single(kernel: Kernel) -> &'static Table<f32> {
    match kernel {
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512 => &avx512_f32::TABLE,
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2 => &avx2_f32::TABLE,
        _ => &portable_f32::TABLE,
    }
}

/// The kernels for `f64`. `kernel` comes from [`Kernel::choose`].
pub(crate) fn double(kernel: Kernel) -> &'static Table<f64> {
    match kernel {
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx512 => &avx512_f64::TABLE,
        #[cfg(target_arch = "x86_64")]
        Kernel::Avx2 => &avx2_f64::TABLE,
        _ => &portable_f64::TABLE,
    }
}
