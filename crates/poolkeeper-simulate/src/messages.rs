//! What runtimes print when something is wrong, and passing it on unchanged.

use std::io::{Read, Write};

/// The beginnings of lines by which runtimes warn, or say why they die.
const BEGINNINGS: [&str; 16] = [
    "OpenBLAS warning:",
    "OpenBLAS Warning",
    "OpenBLAS : ",
    "OpenBLAS blas_thread_init:",
    "BLAS : ",
    "libgomp:",
    "OMP: Error",
    "OMP: Warning",
    "OMP: System error",
    "double free or corruption",
    "corrupted ",
    "malloc",
    "free(): ",
    "munmap_chunk(): ",
    "realloc(): ",
    "Fatal Python error:",
];
/// Messages that are kept: one a thread would be too many.
const MOST: usize = 50;
/// The longest line that is looked at, in bytes.
const LONGEST: usize = 4096;

/// Copies `from` to `to` as it comes, and returns the lines that matter.
pub(crate) fn pass_on(mut from: impl Read, mut to: impl Write) -> Vec<String> {
    let mut found = Vec::new();
    let mut line = Vec::new();
    let mut buffer = [0; 8192];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let bytes = &buffer[..length];
        // A reader that is gone must not keep the program from writing.
        let _ = to.write_all(bytes).and_then(|()| to.flush());
        for byte in bytes {
            match byte {
                b'\n' => keep(&mut line, &mut found),
                _ if line.len() < LONGEST => line.push(*byte),
                _ => {}
            }
        }
    }
    keep(&mut line, &mut found);
    found
}

fn keep(line: &mut Vec<u8>, found: &mut Vec<String>) {
    let text = String::from_utf8_lossy(line);
    let text = text.trim();
    let matters = BEGINNINGS
        .iter()
        .any(|beginning| text.starts_with(beginning));
    if matters && found.len() < MOST && found.iter().all(|known| known != text) {
        found.push(text.to_owned());
    }
    line.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_pass_unchanged_and_warnings_are_kept_once() {
        let warning = "OpenBLAS warning: precompiled NUM_THREADS exceeded, adding more";
        let text = format!("hello \u{fc}\n{warning}\n{warning}\ndouble free or corruption (out)");
        let bytes = [text.as_bytes(), b"\xff"].concat();
        let mut passed = Vec::new();
        let found = pass_on(bytes.as_slice(), &mut passed);
        assert_eq!(passed, bytes);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0], warning);
    }
}
