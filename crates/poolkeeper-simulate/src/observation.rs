//! What was seen of a program, as plain data.

use crate::machine::Machine;
use serde::{Deserialize, Serialize, Serializer};
use std::path::{Path, PathBuf};

/// What was seen of a program under a pretended machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// The machine that it was shown.
    pub machine: Machine,
    /// The command and its arguments.
    pub command: Vec<String>,
    /// How it ended.
    pub end: End,
    /// Whether any program of the run could be shown the machine: one that is
    /// linked statically can't, nor one that has more rights than its user.
    pub is_shown: bool,
    /// Whether every thread was counted; a remark says which were not.
    pub is_complete: bool,
    /// Processes that started threads.
    pub processes: Vec<Process>,
    /// What could not be pretended, or not be judged, a sentence each.
    pub remarks: Vec<String>,
    /// Lines on standard error by which a runtime warned, or said why it died.
    pub messages: Vec<String>,
    /// Libraries with a known pool's name that a process had loaded.
    #[serde(serialize_with = "lossy_all")]
    pub libraries: Vec<PathBuf>,
    /// Every file whose code a process had loaded: what those libraries need is
    /// among them.
    #[serde(serialize_with = "lossy_all")]
    pub loaded: Vec<PathBuf>,
}

impl Observation {
    /// The same with every path in plain text, for a helper that is to read it:
    /// JSON has no room for a path that is not UTF-8.
    #[must_use]
    pub fn escaped(mut self) -> Self {
        self.each_path(escape);
        self
    }

    /// What was [`Observation::escaped`], as it was before.
    #[must_use]
    pub fn unescaped(mut self) -> Self {
        self.each_path(unescape);
        self
    }

    fn each_path(&mut self, change: fn(&Path) -> PathBuf) {
        let starters = self.processes.iter_mut().flat_map(|one| &mut one.starters);
        let paths = starters.map(|starter| &mut starter.path);
        let paths = paths.chain(&mut self.libraries).chain(&mut self.loaded);
        paths.for_each(|path| *path = change(path));
    }
}

/// `%` and two hexadecimal digits for each byte that is no plain character.
pub(crate) fn escape(path: &Path) -> PathBuf {
    let mut text = String::new();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'%' | 0x80.. => text += &format!("%{byte:02x}"),
            plain => text.push(char::from(*plain)),
        }
    }
    PathBuf::from(text)
}

pub(crate) fn unescape(path: &Path) -> PathBuf {
    let text = path.to_string_lossy();
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).map(|digits| u8::from_str_radix(digits, 16));
        let rest = match digits {
            Some(Ok(byte)) => {
                bytes.push(byte);
                &part[2..]
            }
            _ => {
                bytes.push(b'%');
                part
            }
        };
        bytes.extend(rest.as_bytes());
    }
    path_of(bytes)
}

#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    let name: std::ffi::OsString = std::os::unix::ffi::OsStringExt::from_vec(bytes);
    name.into()
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}

/// A path as text, in which bytes that are not UTF-8 become U+FFFD.
fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

fn lossy_all<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "how")]
pub enum End {
    /// By itself.
    Exited {
        /// Its exit code.
        code: i32,
    },
    /// By a signal.
    Killed {
        /// The signal's number.
        signal: i32,
        /// Its name: `"SIGSEGV"`.
        name: String,
    },
}

impl End {
    /// The exit code for a shell: the program's, or 128 and the signal's number.
    pub fn code(&self) -> i32 {
        match self {
            End::Exited { code } => *code,
            End::Killed { signal, .. } => 128 + signal,
        }
    }
}

/// One process of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The most threads that it had started and that lived at the same time,
    /// without its main thread.
    pub peak_threads: u32,
    /// Threads that the system refused to start.
    pub refused_threads: u32,
    /// What started them.
    pub starters: Vec<Starter>,
    /// The most memory that it had in use, in bytes, as far as was seen.
    pub peak_resident: Option<u64>,
    /// The most address space that it had reserved, in bytes, as far as was seen.
    pub peak_reserved: Option<u64>,
}

/// Threads that one library of a process started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Starter {
    /// The library, or the program itself.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// The most of its threads at the same time.
    pub peak: u32,
    /// All threads that it started.
    pub made: u32,
    /// Whether it is an OpenBLAS with threads of its own.
    pub is_openblas: bool,
    /// The largest thread count of an OpenBLAS while these threads were the
    /// most; `None` if there was no other OpenBLAS with threads of its own.
    pub openblas_threads: Option<u32>,
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_any_bytes_goes_through_text() {
        let paths: [&[u8]; 5] = [
            b"/a b/c.so",
            b"/50%/c.so",
            b"/donn\xe9es/\xff",
            b"/%e9",
            "/é".as_bytes(),
        ];
        for bytes in paths {
            let path = path_of(bytes.to_vec());
            let text = escape(&path);
            assert!(text.to_str().is_some_and(str::is_ascii), "{text:?}");
            assert_eq!(unescape(&text), path);
        }
        assert_eq!(unescape(Path::new("%zz%")), Path::new("%zz%"));
    }
}
