//! The exit codes.

/// Everything worked.
pub const EXIT_OK: i32 = 0;
/// Something that was asked for could not be imported, loaded or run.
pub const EXIT_FAILED: i32 = 1;
/// The command line is wrong.
pub const EXIT_USAGE: i32 = 2;

/// With `doctor --strict`: there is an error or a warning. With `record --strict`: the
/// verdict found what slowed the program down.
pub const EXIT_FINDINGS: i32 = 3;

/// The command of `run` can't be executed.
pub const EXIT_NOT_EXECUTABLE: i32 = 126;
/// There is no command of that name for `run`.
pub const EXIT_NOT_FOUND: i32 = 127;
