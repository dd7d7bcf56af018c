//! One key in an `authorized_keys` file, and only that one.
//!
//! The mark is the last word of the key's comment field: `regmig:ID:DIGEST`, followed by `:cut` when the
//! file did not end in a newline before. sshd ignores comments, and `grep regmig:` finds every key.

use sha2::{Digest, Sha256};

use super::error::quote;
use super::marks::line_ending;
use super::{Edit, EditError, EditErrorKind, Marker, Position};

/// Appends a key under a marker; one marker stands for one key of a file.
///
/// # Errors
///
/// [`EditErrorKind::Request`] when `entry` is not one line with a key in it, [`EditErrorKind::OtherEdit`]
/// when the marker already stands for another key, [`EditErrorKind::Drift`] when the marked line was changed.
pub fn add(text: &str, entry: &str, marker: &Marker) -> Result<Edit, EditError> {
    let entry = checked(entry)?;
    if let Some(found) = find(text, marker)? {
        if found.entry == entry {
            return Ok(Edit::unchanged(text));
        }
        return Err(EditError::new(
            EditErrorKind::OtherEdit,
            format!("another key under the mark {}", marker.mark()),
            "the key of this migration",
            "Remove the marked line, then add the key again.",
        )
        .at(found.at));
    }
    let eol = line_ending(text);
    let cut = !text.is_empty() && !text.ends_with('\n');
    let lead = if cut { eol } else { "" };
    let line = format!("{entry} {}{eol}", label(entry, marker, cut));
    Ok(Edit::between(text, format!("{text}{lead}{line}")))
}

/// Removes the marked key and keeps every other byte; a file without it comes back unchanged.
///
/// # Errors
///
/// [`EditErrorKind::Drift`] when the marked line was changed, or stands there twice.
pub fn remove(text: &str, marker: &Marker) -> Result<Edit, EditError> {
    let Some(found) = find(text, marker)? else {
        return Ok(Edit::unchanged(text));
    };
    let before = text.get(..found.start).unwrap_or("");
    let after = text.get(found.end..).unwrap_or("");
    // Keys that somebody appended since need the line break in front of them.
    let before = if found.cut && after.is_empty() {
        let crlf = text
            .get(found.start..found.end)
            .is_some_and(|line| line.ends_with("\r\n"));
        before
            .strip_suffix(if crlf { "\r\n" } else { "\n" })
            .unwrap_or(before)
    } else {
        before
    };
    Ok(Edit::between(text, format!("{before}{after}")))
}

/// Whether the file holds a key under this marker, changed or not.
pub fn contains(text: &str, marker: &Marker) -> bool {
    let prefix = format!("{}:", marker.mark());
    text.lines()
        .any(|line| last_word(line).is_some_and(|word| word.starts_with(&prefix)))
}

/// The marked line of a file.
struct Found<'a> {
    start: usize,
    end: usize,
    at: Position,
    entry: &'a str,
    cut: bool,
}

/// Finds the marked line and checks its digits.
fn find<'a>(text: &'a str, marker: &Marker) -> Result<Option<Found<'a>>, EditError> {
    let prefix = format!("{}:", marker.mark());
    let mut found: Option<Found<'a>> = None;
    let mut start = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let end = start + line.len();
        let bare = line.trim_end();
        let at = Position::line(index + 1);
        if let Some(word) = last_word(bare).filter(|word| word.starts_with(&prefix)) {
            let entry = bare
                .strip_suffix(word)
                .and_then(|rest| rest.strip_suffix(' '))
                .unwrap_or("");
            let cut = word == label(entry, marker, true);
            if !cut && word != label(entry, marker, false) {
                return Err(drift(
                    at,
                    format!("a line marked {} that was changed since", marker.mark()),
                ));
            }
            if found.is_some() {
                return Err(drift(at, format!("a second line marked {}", marker.mark())));
            }
            found = Some(Found {
                start,
                end,
                at,
                entry,
                cut,
            });
        }
        start = end;
    }
    Ok(found)
}

/// The last word of a line that is not a comment.
fn last_word(line: &str) -> Option<&str> {
    let line = line.trim();
    if line.starts_with('#') {
        None
    } else {
        line.split_whitespace().next_back()
    }
}

/// The mark of an entry.
fn label(entry: &str, marker: &Marker, cut: bool) -> String {
    let sum = Sha256::digest(entry.as_bytes());
    let digits: String = sum
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!(
        "{}:{digits}{}",
        marker.mark(),
        if cut { ":cut" } else { "" }
    )
}

/// An entry without blanks around it, if it is one line with a key in it.
fn checked(entry: &str) -> Result<&str, EditError> {
    let entry = entry.trim();
    let key = entry.split_whitespace().any(|word| {
        ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"]
            .iter()
            .any(|kind| word.starts_with(kind))
    });
    if !key || entry.starts_with('#') || entry.contains(['\n', '\r', '\0']) {
        return Err(EditError::new(
            EditErrorKind::Request,
            format!("{} for a key", quote(entry)),
            "one line: options, key type, key",
            "This is a fault of regmig: please report it.",
        ));
    }
    Ok(entry)
}

/// A marked line that is not as it was written.
fn drift(at: Position, found: String) -> EditError {
    EditError::new(
        EditErrorKind::Drift,
        found,
        "the line as regmig wrote it, once",
        "Look at who changed it; if the key is of no other use, delete the line by hand.",
    )
    .at(at)
}

#[cfg(test)]
mod tests {
    use super::{add, contains, remove};
    use crate::edit::{EditErrorKind, Marker};

    const KEY: &str = "restrict,command=\"rsync --server\" ssh-ed25519 AAAAC3Nz";

    fn marker() -> Marker {
        Marker::new("lab.rsync").unwrap()
    }

    #[test]
    fn a_key_is_appended_and_removed_byte_for_byte() {
        for text in [
            "",
            "ssh-rsa AAAA me@x\n",
            "ssh-rsa AAAA me@x",
            "# c\r\nssh-rsa AAAA\r\n",
            "# c\r\nx",
            "\n\n",
            " ",
        ] {
            let added = add(text, KEY, &marker()).unwrap();
            assert!(
                added.changed && contains(&added.after, &marker()),
                "{text:?}"
            );
            assert!(added.after.starts_with(text));
            let removed = remove(&added.after, &marker()).unwrap();
            assert_eq!(removed.after, text);
        }
    }

    #[test]
    fn adding_twice_is_adding_once() {
        let once = add("", KEY, &marker()).unwrap();
        let twice = add(&once.after, KEY, &marker()).unwrap();
        assert_eq!((twice.after, twice.changed), (once.after, false));
    }

    #[test]
    fn two_markers_do_not_touch_each_other() {
        let other = Marker::new("lab").unwrap();
        let both = add(
            &add("a", KEY, &marker()).unwrap().after,
            "ssh-ed25519 BBBB",
            &other,
        )
        .unwrap();
        let left = remove(&both.after, &other).unwrap();
        assert!(contains(&left.after, &marker()) && !contains(&left.after, &other));
        assert_eq!(remove(&left.after, &marker()).unwrap().after, "a");
    }

    #[test]
    fn keys_appended_later_by_others_stay_on_their_own_line() {
        let mut text = add("ssh-rsa AAAA me", KEY, &marker()).unwrap().after;
        text.push_str("ssh-rsa CCCC them\n");
        assert_eq!(
            remove(&text, &marker()).unwrap().after,
            "ssh-rsa AAAA me\nssh-rsa CCCC them\n"
        );
    }

    #[test]
    fn a_changed_line_is_drift_and_another_key_is_said() {
        let text = add("", KEY, &marker()).unwrap().after;
        let changed = text.replace("restrict,", "");
        assert_eq!(
            remove(&changed, &marker()).unwrap_err().kind,
            EditErrorKind::Drift
        );
        let twice = format!("{text}{text}");
        assert_eq!(
            remove(&twice, &marker()).unwrap_err().kind,
            EditErrorKind::Drift
        );
        let other = add(&text, "ssh-ed25519 BBBB", &marker()).unwrap_err();
        assert_eq!(other.kind, EditErrorKind::OtherEdit);
    }

    #[test]
    fn what_is_no_key_line_is_refused() {
        for bad in [
            "",
            "# ssh-ed25519 AAAA",
            "hello",
            "ssh-ed25519 AAAA\nssh-rsa BBBB",
        ] {
            assert_eq!(
                add("", bad, &marker()).unwrap_err().kind,
                EditErrorKind::Request,
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_commented_out_mark_is_nothing() {
        let text = format!("#{}", add("", KEY, &marker()).unwrap().after);
        assert!(!contains(&text, &marker()));
        assert!(!remove(&text, &marker()).unwrap().changed);
    }
}
