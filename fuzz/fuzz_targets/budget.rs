//! The budget of a process, from the files of its cgroups.

#![no_main]

use poolkeeper::fuzzing::{FILES, files};
use std::path::PathBuf;
use std::sync::LazyLock;

static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
    let root = poolkeeper_fuzz::folder();
    for file in FILES {
        let folder = root.join(file).parent().expect("a folder").to_owned();
        std::fs::create_dir_all(folder).expect("the fuzzer's own folder");
    }
    root
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| files(&ROOT, data));
