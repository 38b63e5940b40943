//! How text looks where Python prints it.

use pyo3::prelude::*;

/// For what `print` shows now: as wide as its terminal, and never coloured, since
/// a `repr` may go anywhere.
pub(crate) fn look(py: Python<'_>) -> poolkeeper_cli::Look {
    poolkeeper_cli::Look {
        is_coloured: false,
        ..poolkeeper_cli::Look::of_stream(is_terminal(py, "stdout"))
    }
}

/// Whether `sys.stdout` or `sys.stderr` is a terminal now.
pub(crate) fn is_terminal(py: Python<'_>, name: &str) -> bool {
    let stream = py.import("sys").and_then(|sys| sys.getattr(name));
    let answer = stream.and_then(|stream| stream.call_method0("isatty")?.extract());
    answer.unwrap_or(false)
}

/// "1 thread", "4 threads".
pub(crate) fn counted(count: impl Into<u64>, thing: &str) -> String {
    let count = count.into();
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}
