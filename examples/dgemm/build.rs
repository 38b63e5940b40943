//! Links OpenBLAS, and tells the program where to find it at run time.
//!
//! - `OPENBLAS_LIB_DIR`: the folder of `libopenblas.so` (or `libopenblas.so.0`);
//!   without it, the linker searches the system's folders.
//! - `OPENBLAS_NEEDS_DIR`: the folder of a library that OpenBLAS needs itself
//!   (`libgfortran.so.5`), if the system lacks it.

use std::env;
use std::path::Path;

const FILE_NAMES: [&str; 2] = ["libopenblas.so", "libopenblas.so.0"];

fn main() {
    if env::var_os("CARGO_FEATURE_OPENBLAS").is_none() {
        return; // nothing to link: the program is not built
    }
    println!("cargo:rerun-if-env-changed=OPENBLAS_LIB_DIR");
    println!("cargo:rerun-if-env-changed=OPENBLAS_NEEDS_DIR");
    match env::var("OPENBLAS_LIB_DIR") {
        Ok(folder) => {
            let folder = Path::new(&folder);
            let names = FILE_NAMES.map(|name| folder.join(name));
            let Some(file) = names.iter().find(|file| file.exists()) else {
                panic!(
                    "OPENBLAS_LIB_DIR is {}, which has neither {} nor {}",
                    folder.display(),
                    FILE_NAMES[0],
                    FILE_NAMES[1],
                );
            };
            println!("cargo:rustc-link-arg={}", file.display());
            search_at_run_time(folder);
        }
        Err(_) => println!("cargo:rustc-link-arg=-lopenblas"),
    }
    if let Ok(folder) = env::var("OPENBLAS_NEEDS_DIR") {
        search_at_run_time(Path::new(&folder));
    }
}

fn search_at_run_time(folder: &Path) {
    // A comma would end the argument in -Wl,.
    println!("cargo:rustc-link-arg=-Xlinker");
    println!("cargo:rustc-link-arg=-rpath");
    println!("cargo:rustc-link-arg=-Xlinker");
    println!("cargo:rustc-link-arg={}", folder.display());
    // RPATH, not RUNPATH: it also serves what OpenBLAS itself needs.
    println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags");
}
