//! Marked places in a text: written by [`apply`], taken out again by [`undo()`].
//!
//! Every format edited here has `#` comments that end with the line. A marked place is
//!
//! ```text
//!   # regmig:ID off +2 1f2e3d4c| what was there         commented out in place; two lines follow
//!   # regmig:ID more| what was there, next line         its continuation, if it had several lines
//!   inserted line
//!   inserted line
//! ```
//!
//! `cut` in the place of `off` says that the line break after it was inserted as well, which is how
//! a directive in the middle of a line is commented out without swallowing what stands behind it.
//! `add` inserts lines and comments out nothing; `tail` is `add` at the end of a text without a final
//! newline; `in` is a piece inserted within a line. The number after `+` counts what was inserted, and
//! eight hexadecimal digits of SHA-256 cover the place, so that a change by somebody else is noticed.
//! The first line of an edited text (`head`) counts the places: a place that vanished is noticed too.

mod digest;
mod line;
mod region;
mod undo;

pub(crate) use region::{Place, Region, apply};
pub(crate) use undo::undo;

use super::marker::any_mark;
use super::{Edit, EditError, EditErrorKind, Marker, Position};

/// Applies an edit unless it is in place already, and proves that its inverse is exact.
///
/// `places` says what to change in a text that carries no mark of this migration; it is asked again for
/// the restored text when the edit seems to be in place, so that "already done" means "done exactly so".
pub(crate) fn edit_once(
    text: &str,
    marker: &Marker,
    places: impl Fn(&str) -> Result<Vec<Region>, EditError>,
) -> Result<Edit, EditError> {
    let undone = undo(text, marker)?;
    if undone.changed {
        let again = apply(&undone.after, &places(&undone.after)?, marker);
        if again == text {
            return Ok(Edit::unchanged(text));
        }
        return Err(EditError::new(
            EditErrorKind::OtherEdit,
            format!(
                "an edit marked {} that says something else than what is wanted now",
                marker.mark()
            ),
            "no edit, or exactly this one",
            "Undo the edit in place first, then apply this one.",
        ));
    }
    let regions = places(text)?;
    if regions.is_empty() {
        return Ok(Edit::unchanged(text));
    }
    let after = apply(text, &regions, marker);
    match undo(&after, marker) {
        Ok(back) if back.after == text => Ok(Edit::between(text, after)),
        _ => Err(EditError::new(
            EditErrorKind::SelfCheck,
            "an edit whose inverse does not give back the text byte for byte",
            "an exact inverse",
            "Nothing was changed. Edit this file by hand, and report the file as a fault of regmig.",
        )),
    }
}

/// Refuses a text that carries marks of another migration.
///
/// Two edits of the same directives on top of each other could not be undone in any order.
pub(crate) fn refuse_other_marks(text: &str, marker: &Marker) -> Result<(), EditError> {
    let ours = marker.mark();
    let mut from = 0;
    while let Some((at, mark)) = text.get(from..).and_then(any_mark) {
        if mark != ours {
            return Err(EditError::new(
                EditErrorKind::OtherEdit,
                format!("a mark of another migration, `{mark}`"),
                format!("no mark, or `{ours}`"),
                "Finalize or roll back that migration first, or take its marked lines out by hand.",
            )
            .at(Position::of(text, from + at)));
        }
        from += at + mark.len();
    }
    Ok(())
}

/// The line ending of a text: that of its first line.
pub(crate) fn line_ending(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text.get(..at).is_some_and(|line| line.ends_with('\r')) => "\r\n",
        _ => "\n",
    }
}

/// The leading blanks of the line that holds an offset.
pub(crate) fn indent_of(text: &str, offset: usize) -> &str {
    let start = line_start(text, offset);
    let line = text.get(start..).unwrap_or("");
    let end = line
        .find(|c| !matches!(c, ' ' | '\t'))
        .unwrap_or(line.len());
    line.get(..end).unwrap_or("")
}

/// The offset at which the line that holds an offset starts.
pub(crate) fn line_start(text: &str, offset: usize) -> usize {
    text.get(..offset)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests;
