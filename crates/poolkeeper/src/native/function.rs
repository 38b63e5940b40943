//! The signatures of the C functions that poolkeeper calls, one type each.
//! Addresses become functions in the macro below, and nowhere else.

use libc::{c_char, c_int, c_void, size_t};
use std::ffi::CStr;
use std::mem::MaybeUninit;

/// A typed C function made from its address.
pub(crate) trait Foreign: Sized {
    /// # Safety
    /// `address` must be a function of this type's signature that stays mapped
    /// for as long as the value is used.
    unsafe fn at(address: usize) -> Self;
}

macro_rules! foreign {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(crate) struct $name(unsafe extern "C" fn($($type),*) $(-> $result)?);

        impl Foreign for $name {
            unsafe fn at(address: usize) -> Self {
                // SAFETY: the caller promises the signature; a function's
                // address and a function pointer have one representation on
                // every system that has dlsym (POSIX, dlsym, "Rationale").
                Self(unsafe { std::mem::transmute::<usize, unsafe extern "C" fn($($type),*) $(-> $result)?>(address) })
            }
        }

        impl $name {
            /// # Safety
            /// Pointers among the arguments must be valid for what the C
            /// function does with them.
            unsafe fn invoke(self, $($argument: $type),*) $(-> $result)? {
                // SAFETY: `at` was given a function of this signature that is
                // still mapped.
                unsafe { (self.0)($($argument),*) }
            }
        }
    )*};
}

foreign! {
    /// `int f(void)`
    GetInt() -> c_int;
    /// `void f(int)`
    SetInt(value: c_int);
    /// `int f(int)`
    SwapInt(value: c_int) -> c_int;
    /// `int f(int *)`, which answers 0 where it has written the value
    StoreInt(value: *mut c_int) -> c_int;
    /// `dim_t f(void)` with a 64-bit `dim_t`, as BLIS has it
    GetLong() -> i64;
    /// `void f(dim_t)` with a 64-bit `dim_t`, as BLIS has it
    SetLong(value: i64);
    /// `void f(dim_t, dim_t, dim_t, dim_t, dim_t)`
    SetFiveLongs(a: i64, b: i64, c: i64, d: i64, e: i64);
    /// `const char *f(void)`
    GetText() -> *const c_char;
    /// `const char *f(int)`
    NameOf(value: c_int) -> *const c_char;
    /// `void f(char *buffer, int length)`
    FillText(buffer: *mut c_char, length: c_int);
    /// `int f(char *buffer, size_t length)`
    FillTextSized(buffer: *mut c_char, length: size_t) -> c_int;
    /// `ssize_t f(char *buffer, size_t length, ssize_t index)`; FlexiBLAS 2 had
    /// `int` twice, which lies in the same registers
    ListText(buffer: *mut c_char, length: size_t, index: isize) -> c_int;
    /// `int f(const char *text)`
    TakeText(text: *const c_char) -> c_int;
    /// `void f(int *, int *, int *)`
    ThreeInts(a: *mut c_int, b: *mut c_int, c: *mut c_int);
    /// `void f(int number, int *values)`
    FillInts(number: c_int, values: *mut c_int);
    /// `const struct *f(void)`, a constant of the library that begins with an `int`
    FirstInt() -> *const c_int;
    /// `Class f(int)`, where the class is one pointer and has a destructor
    MakeObject(value: c_int) -> MaybeUninit<Returned>;
    /// `void f(Class *object, const Class *other)`
    AssignObject(object: *mut c_void, other: *const c_void);
    /// `size_t f(int)`
    SizeOf(value: c_int) -> size_t;
    /// `void f(Class &object)`
    TakeObject(object: *mut c_void);
    /// `int f(const struct &arguments, intptr_t)`
    AskOf(arguments: *const c_int, reserved: isize) -> c_int;
}

/// Room for an object that a C++ function returns. C++ returns an object with a
/// destructor in memory of its caller's, whatever its size, and C a structure that
/// is too large for registers: both are told of the memory in the same way (Itanium
/// C++ ABI, 3.1.3; the calling conventions of x86-64 and of AArch64).
#[repr(C)]
pub(crate) struct Returned([usize; 8]);

const TEXT_LENGTH: usize = 1024;

impl GetInt {
    pub(crate) fn call(self) -> c_int {
        // SAFETY: no pointer arguments.
        unsafe { self.invoke() }
    }
}

impl SetInt {
    pub(crate) fn call(self, value: c_int) {
        // SAFETY: no pointer arguments.
        unsafe { self.invoke(value) }
    }
}

impl SwapInt {
    pub(crate) fn call(self, value: c_int) -> c_int {
        // SAFETY: no pointer arguments.
        unsafe { self.invoke(value) }
    }
}

impl StoreInt {
    /// The value; `None` where the function fails.
    pub(crate) fn call(self) -> Option<c_int> {
        let mut value = 0;
        // SAFETY: a valid integer to write to.
        let status = unsafe { self.invoke(&raw mut value) };
        (status == 0).then_some(value)
    }
}

impl GetLong {
    pub(crate) fn call(self) -> i64 {
        // SAFETY: no pointer arguments.
        unsafe { self.invoke() }
    }
}

impl SetLong {
    pub(crate) fn call(self, value: i64) {
        // SAFETY: no pointer arguments.
        unsafe { self.invoke(value) }
    }
}

impl SetFiveLongs {
    pub(crate) fn call(self, [a, b, c, d, e]: [i64; 5]) {
        // SAFETY: no pointer arguments.
        unsafe { self.invoke(a, b, c, d, e) }
    }
}

impl GetText {
    pub(crate) fn call(self) -> Option<String> {
        // SAFETY: no pointer arguments; the library returns NULL or a constant.
        unsafe { text(self.invoke()) }
    }
}

impl NameOf {
    pub(crate) fn call(self, value: c_int) -> Option<String> {
        // SAFETY: no pointer arguments; the library returns NULL or a constant.
        unsafe { text(self.invoke(value)) }
    }
}

impl FillText {
    pub(crate) fn call(self) -> Option<String> {
        let mut buffer = [0 as c_char; TEXT_LENGTH];
        // SAFETY: the buffer has the length that is passed; the last byte is
        // kept 0, so that a full buffer still ends.
        unsafe { self.invoke(buffer.as_mut_ptr(), (TEXT_LENGTH - 1) as c_int) };
        // SAFETY: the buffer ends in 0.
        unsafe { text(buffer.as_ptr()) }
    }
}

impl FillTextSized {
    pub(crate) fn call(self) -> Option<String> {
        let mut buffer = [0 as c_char; TEXT_LENGTH];
        // SAFETY: as in `FillText`.
        unsafe { self.invoke(buffer.as_mut_ptr(), TEXT_LENGTH - 1) };
        // SAFETY: the buffer ends in 0.
        unsafe { text(buffer.as_ptr()) }
    }
}

impl ListText {
    /// How many entries there are: the call with no buffer.
    pub(crate) fn count(self) -> isize {
        // SAFETY: flexiblas_list(NULL, 0, 0) writes nothing and returns the
        // count (FlexiBLAS, flexiblas_api.h).
        unsafe { self.invoke(std::ptr::null_mut(), 0, 0) as isize }
    }

    pub(crate) fn entry(self, index: isize) -> Option<String> {
        let mut buffer = [0 as c_char; TEXT_LENGTH];
        // SAFETY: as in `FillText`.
        unsafe { self.invoke(buffer.as_mut_ptr(), TEXT_LENGTH - 1, index) };
        // SAFETY: the buffer ends in 0.
        unsafe { text(buffer.as_ptr()) }
    }
}

impl TakeText {
    pub(crate) fn call(self, value: &CStr) -> c_int {
        // SAFETY: the text ends in NUL and outlives the call.
        unsafe { self.invoke(value.as_ptr()) }
    }
}

impl FillInts {
    /// The `length` values that the function writes.
    ///
    /// # Safety
    /// It must write at most `length` of them for this number.
    pub(crate) unsafe fn call(self, number: c_int, length: usize) -> Vec<c_int> {
        let mut values = vec![0; length];
        // SAFETY: the buffer holds as many as are written, by the caller's promise.
        unsafe { self.invoke(number, values.as_mut_ptr()) };
        values
    }
}

impl ThreeInts {
    pub(crate) fn call(self) -> [c_int; 3] {
        let (mut a, mut b, mut c) = (0, 0, 0);
        // SAFETY: three valid, distinct integers to write to.
        unsafe { self.invoke(&raw mut a, &raw mut b, &raw mut c) };
        [a, b, c]
    }
}

impl FirstInt {
    pub(crate) fn call(self) -> Option<c_int> {
        // SAFETY: no pointer arguments.
        let first = unsafe { self.invoke() };
        // SAFETY: NULL or a constant of the library, which begins with an `int`.
        unsafe { first.as_ref() }.copied()
    }
}

impl MakeObject {
    /// The pointer in the object that the function returns.
    pub(crate) fn call(self, value: c_int) -> usize {
        // SAFETY: no pointer arguments.
        let object = unsafe { self.invoke(value) };
        // SAFETY: the object is one pointer, which the function has written.
        unsafe { object.as_ptr().cast::<usize>().read() }
    }
}

impl AssignObject {
    /// Assigns to an object that is one pointer, and answers the pointer in it.
    ///
    /// # Safety
    /// Both must be such objects, as the library made them.
    pub(crate) unsafe fn call(self, mut object: usize, other: usize) -> usize {
        // SAFETY: promised by the caller; both outlive the call.
        unsafe { self.invoke((&raw mut object).cast(), (&raw const other).cast()) };
        object
    }
}

impl SizeOf {
    pub(crate) fn call(self, value: c_int) -> size_t {
        // SAFETY: no pointer arguments.
        unsafe { self.invoke(value) }
    }
}

impl TakeObject {
    /// # Safety
    /// `object` must be what the function takes, for as long as the library keeps it.
    pub(crate) unsafe fn call(self, object: *mut c_void) {
        // SAFETY: promised by the caller.
        unsafe { self.invoke(object) }
    }
}

impl AskOf {
    /// # Safety
    /// The structure must consist of `int`s, and of no more than there are.
    pub(crate) unsafe fn call(self, arguments: &[c_int]) -> c_int {
        // SAFETY: promised by the caller; the function only reads it.
        unsafe { self.invoke(arguments.as_ptr(), 0) }
    }
}

/// # Safety
/// `pointer` must be NULL or point to text that ends in NUL.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: promised by the caller.
    let text = unsafe { CStr::from_ptr(pointer) }
        .to_string_lossy()
        .trim()
        .to_owned();
    (!text.is_empty()).then_some(text)
}
