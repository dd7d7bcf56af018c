//! The one place where xtask writes progress for people.

use std::fmt::Display;
use std::io::Write;

/// Writes one line of progress to standard error.
///
/// Standard output stays free for what a command is asked for. A closed standard
/// error is no reason to end, so a failed write is ignored.
pub fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Writes one line of a command's result to standard output.
///
/// A closed pipe (`| head`) is ignored for the same reason as in [`say`].
pub fn print(line: impl Display) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
