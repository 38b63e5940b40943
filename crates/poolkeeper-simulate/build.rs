//! Compiles `src/shim/root.rs` into the library that is preloaded.
//!
//! It is a `no_std` library that aborts on a panic: it must run inside any
//! program, before anything else does. Cargo has no such profile for one member
//! of a workspace, so the compiler is called here; the same sources are also a
//! module of this crate, where they are linted and tested.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rustc-check-cfg=cfg(poolkeeper_shim)");
    println!("cargo::rerun-if-changed=src/shim");
    let library = PathBuf::from(variable("OUT_DIR")).join("libpoolkeeper_simulate.so");
    if variable("CARGO_CFG_TARGET_OS") == "linux" && variable("CARGO_CFG_TARGET_ENV") == "gnu" {
        compile(&library);
    } else {
        // An empty library: the command says that it can't simulate here.
        std::fs::write(&library, []).expect("OUT_DIR can be written");
    }
}

fn compile(library: &Path) {
    let mut rustc = Command::new(variable("RUSTC"));
    rustc
        .args(["--edition", "2024", "--crate-type", "cdylib"])
        .args(["--crate-name", "poolkeeper_simulate"])
        .args(["--cfg", "poolkeeper_shim", "--target", &variable("TARGET")])
        .args(["-C", "panic=abort", "-C", "opt-level=2"])
        // Whole-program optimization also drops what `core` has for unwinding.
        .args(["-C", "strip=symbols", "-C", "lto=fat"])
        // A symbol that nobody defines would end every program as it starts.
        .args(["-C", "link-arg=-Wl,-z,defs"])
        // Once more, at the end: on arm64, what the compiler itself adds after the first
        // may want the C library's loader, too (`__stack_chk_guard`).
        .args(["-C", "link-arg=-lc"])
        .arg("-o")
        .arg(library)
        .arg("src/shim/root.rs");
    if let Ok(linker) = std::env::var("RUSTC_LINKER") {
        rustc.arg("-C").arg(format!("linker={linker}"));
    }
    let status = rustc.status().expect("the compiler can be started");
    assert!(status.success(), "the shim can't be compiled: {rustc:?}");
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}
