//! Why a text could not be edited, as an operator can act on it.

use std::fmt;

/// A place in a text, both numbers counted from one; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column within the line.
    pub column: u32,
}

impl Position {
    /// The position of a byte offset; an offset past the end is the end.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count();
        let column = before.rsplit('\n').next().unwrap_or("").chars().count();
        Self {
            line: small(line + 1),
            column: small(column + 1),
        }
    }

    /// The start of a line counted from one.
    pub(crate) fn line(line: usize) -> Self {
        Self {
            line: small(line),
            column: 1,
        }
    }
}

/// Line numbers beyond four thousand million are all the same to a reader.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// What sort of obstacle an [`EditError`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EditErrorKind {
    /// What was asked for makes no sense whatever the text says.
    Request,
    /// The text does not parse.
    Syntax,
    /// Something that the edit is about is not in the text.
    Missing,
    /// The place is taken by something else, such as a port by another mapping.
    Taken,
    /// The text says something that this edit does not understand well enough to change safely.
    Unsupported,
    /// A marked place was changed by somebody else since it was edited.
    Drift,
    /// The text already carries an edit, and not this one.
    OtherEdit,
    /// The edit checked its own result and found it wrong; the text is untouched.
    SelfCheck,
}

/// Why a text could not be edited: where, what was found, what was expected, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditError {
    /// What sort of obstacle.
    pub kind: EditErrorKind,
    /// The file, as the caller calls it; empty until [`EditError::in_file`].
    pub file: String,
    /// Where in the file, if at one place.
    pub at: Option<Position>,
    /// What was found.
    pub found: String,
    /// What was expected instead.
    pub expected: String,
    /// What the operator can do about it.
    pub hint: String,
}

impl EditError {
    /// An error at no particular place.
    pub(crate) fn new(
        kind: EditErrorKind,
        found: impl Into<String>,
        expected: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            file: String::new(),
            at: None,
            found: found.into(),
            expected: expected.into(),
            hint: hint.into(),
        }
    }

    /// The same error at a place.
    pub(crate) fn at(mut self, position: Position) -> Self {
        self.at = Some(position);
        self
    }

    /// The same error, naming its file unless it already does.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        if self.file.is_empty() {
            self.file = file.into();
        }
        self
    }
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.as_str(), self.at) {
            ("", None) => {}
            ("", Some(at)) => write!(f, "line {}, column {}: ", at.line, at.column)?,
            (file, None) => write!(f, "{file}: ")?,
            (file, Some(at)) => write!(f, "{file}:{}:{}: ", at.line, at.column)?,
        }
        write!(
            f,
            "found {}; expected {}. {}",
            self.found, self.expected, self.hint
        )
    }
}

impl std::error::Error for EditError {}

/// Shows a piece of somebody's text in a message: one line, quoted, not too long.
pub(crate) fn quote(text: &str) -> String {
    const LONGEST: usize = 80;
    let flat: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if flat.chars().count() <= LONGEST {
        return format!("`{flat}`");
    }
    let start: String = flat.chars().take(LONGEST).collect();
    format!("`{start}…`")
}

#[cfg(test)]
mod tests {
    use super::{EditError, EditErrorKind, Position, quote};

    #[test]
    fn positions_count_from_one_and_in_characters() {
        let text = "a\né b\n";
        assert_eq!(Position::of(text, 0), Position { line: 1, column: 1 });
        assert_eq!(Position::of(text, 4), Position { line: 2, column: 2 });
        assert_eq!(Position::of(text, 99), Position { line: 3, column: 1 });
    }

    #[test]
    fn a_message_names_place_found_expected_and_what_to_do() {
        let error = EditError::new(EditErrorKind::Missing, "no x", "an x", "Add an x.")
            .at(Position::line(3))
            .in_file("site.conf")
            .in_file("other.conf");
        assert_eq!(
            error.to_string(),
            "site.conf:3:1: found no x; expected an x. Add an x."
        );
    }

    #[test]
    fn quotes_are_one_short_line() {
        assert_eq!(quote("a\n   b"), "`a b`");
        assert_eq!(quote(&"x".repeat(200)).chars().count(), 83);
    }
}
