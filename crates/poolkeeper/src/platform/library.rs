//! A counted reference to a library that is already loaded.

use std::ffi::{CStr, CString, c_void};
use std::ptr::NonNull;

/// Keeps an already loaded library mapped while it lives; never loads one.
pub(crate) struct Library {
    handle: NonNull<c_void>,
}

// SAFETY: a handle is a token of the loader, whose functions may be called from
// every thread (POSIX, dlopen).
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Library {
    /// Pins the object that the loader calls `name` (empty: the program) and
    /// has mapped at `base`; `None` if it is gone or mapped elsewhere by now.
    pub(crate) fn pin(name: &CStr, base: usize) -> Option<Library> {
        let path = if name.is_empty() {
            std::ptr::null()
        } else {
            name.as_ptr()
        };
        // SAFETY: NULL or a C string; RTLD_NOLOAD runs no constructor.
        let handle = unsafe { libc::dlopen(path, libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        let library = Library {
            handle: NonNull::new(handle)?,
        };
        (library.base() == Some(base)).then_some(library)
    }

    fn base(&self) -> Option<usize> {
        /// The public beginning of glibc's and musl's `struct link_map`
        /// (`<link.h>`).
        #[repr(C)]
        struct LinkMap {
            address: usize,
        }
        let mut map: *const LinkMap = std::ptr::null();
        // SAFETY: dlinfo(3): RTLD_DI_LINKMAP writes one `struct link_map *`.
        let status = unsafe {
            libc::dlinfo(
                self.handle.as_ptr(),
                libc::RTLD_DI_LINKMAP,
                (&raw mut map).cast(),
            )
        };
        if status != 0 || map.is_null() {
            return None;
        }
        // SAFETY: the map lives as long as the handle.
        Some(unsafe { (*map).address })
    }

    /// The address of `name` as this library's own code sees it: in what is open
    /// to everybody (the program, what was preloaded), else in this library or
    /// one of its dependencies.
    pub(crate) fn resolve(&self, name: &str) -> Option<usize> {
        find(libc::RTLD_DEFAULT, name).or_else(|| self.find(name))
    }

    /// The address of `name` in this library or one of its dependencies.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        find(self.handle.as_ptr(), name)
    }
}

fn find(handle: *mut c_void, name: &str) -> Option<usize> {
    let name = CString::new(name).ok()?;
    // SAFETY: RTLD_DEFAULT or a live handle, and a C string.
    let address = unsafe { libc::dlsym(handle, name.as_ptr()) };
    (!address.is_null()).then_some(address as usize)
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: the handle came from dlopen and is closed once.
        unsafe { libc::dlclose(self.handle.as_ptr()) };
    }
}
