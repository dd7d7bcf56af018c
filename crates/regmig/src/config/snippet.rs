//! The lines of the configuration that an error message may show.
//!
//! Messages quote the lines they point at and no others, since the line next to
//! one may hold a password that someone wrote there by mistake; and what stands
//! behind a key that regmig does not know is shown as asterisks.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::schema;

/// A configuration's text, fit to be shown line by line.
pub(super) struct Snippet {
    name: String,
    text: String,
}

impl Snippet {
    /// Prepares a text, hiding `hidden` and whatever else may be a secret.
    pub(super) fn new(name: String, text: &str, hidden: &[Range<usize>]) -> Self {
        let mut secret: Vec<Range<usize>> = unknown_values(text);
        secret.extend(hidden.iter().cloned());
        Self {
            name,
            text: mask(text, &secret),
        }
    }
}

/// Without the text, which is for quoting the line at fault and not for logs.
impl fmt::Debug for Snippet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snippet")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl SourceCode for Snippet {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        _lines_before: usize,
        _lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let end = span
            .offset()
            .saturating_add(span.len())
            .min(self.text.len());
        let before = self
            .text
            .get(..span.offset())
            .ok_or(MietteError::OutOfBounds)?;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        // An empty span, and one that ends with its line, still belongs to the line it starts on.
        let last = end.saturating_sub(1).max(span.offset());
        let rest = self.text.get(last..).unwrap_or_default();
        let stop = rest
            .find('\n')
            .map_or(self.text.len(), |newline| last + newline);
        let shown = self
            .text
            .get(start..stop.max(start))
            .ok_or(MietteError::OutOfBounds)?;
        let line = before.matches('\n').count();
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            shown.as_bytes(),
            (start, shown.len()).into(),
            line,
            // Told to the reader; the text itself begins with its line.
            before.get(start..).unwrap_or_default().chars().count(),
            shown.matches('\n').count(),
        )))
    }
}

/// Replaces every character within `hidden` by asterisks, and every control character by `?`.
///
/// Offsets and line breaks stay where they are.
fn mask(text: &str, hidden: &[Range<usize>]) -> String {
    let mut shown = String::with_capacity(text.len());
    for (offset, character) in text.char_indices() {
        let stand_in = match character {
            '\n' => None,
            _ if hidden.iter().any(|range| range.contains(&offset)) => Some("*"),
            '\t' => None,
            _ if character.is_control() => Some("?"),
            _ => None,
        };
        match stand_in {
            Some(sign) => shown.extend(std::iter::repeat_n(sign, character.len_utf8())),
            None => shown.push(character),
        }
    }
    shown
}

/// Finds by line what stands behind keys that regmig does not know.
///
/// The parser cannot be asked: the text may be anything. Where a value does not
/// evidently end on its line, everything to the end of the text is hidden.
fn unknown_values(text: &str) -> Vec<Range<usize>> {
    let known: BTreeSet<&str> = schema::keys()
        .map(|key| key.name)
        .chain(schema::SECTIONS.iter().copied())
        .collect();
    let mut hidden = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let trimmed = line.trim();
        let (key, value) = trimmed.split_once('=').unwrap_or((trimmed, ""));
        let name = key.rsplit('.').next().unwrap_or(key);
        let name = name.trim().trim_matches(['"', '\'']);
        let assigned = trimmed.contains('=') && !trimmed.starts_with('[');
        let strange = match quoted(value.trim()) {
            // A plain value of a key that is known: only a comment after it can speak of a secret.
            Some((_, rest)) if assigned && known.contains(name) => sounds_secret(rest),
            _ => (assigned && is_bare(name) && !known.contains(name)) || sounds_secret(trimmed),
        };
        if strange && !trimmed.starts_with('#') {
            let from = line.find('=').map_or(start, |equals| start + equals + 1);
            if ends_here(value.trim()) {
                hidden.push(from..end);
            } else {
                hidden.push(from..text.len());
                break;
            }
        }
        start = end;
    }
    hidden
}

fn is_bare(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// Whether a text speaks of a secret other than by the keys that say where one is found.
pub(super) fn sounds_secret(text: &str) -> bool {
    let text = text
        .to_lowercase()
        .replace("password_file", "")
        .replace("password_env", "");
    const WORDS: &[&str] = &[
        "passw",
        "passphrase",
        "requirepass",
        "masterauth",
        "pwd",
        "secret",
        "token",
        "credential",
    ];
    WORDS.iter().any(|word| text.contains(word))
}

/// Parts a value that begins with a string of one line from what follows it.
fn quoted(value: &str) -> Option<(&str, &str)> {
    if value.starts_with("\"\"\"") || value.starts_with("'''") {
        return None;
    }
    let quote = value
        .chars()
        .next()
        .filter(|first| ['"', '\''].contains(first))?;
    value.get(1..)?.split_once(quote)
}

/// Whether a value evidently ends on its line: a quoted string, or a word.
fn ends_here(value: &str) -> bool {
    quoted(value).is_some() || !(value.is_empty() || value.contains(['[', '{', '"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let snippet = Snippet::new("regmig.toml".into(), text, &[]);
        assert_eq!(snippet.text.len(), text.len());
        snippet.text
    }

    #[test]
    fn known_keys_stay_legible() {
        let text = "[redis]\nport = 6379 # usual\npassword_file = \"password\"\n[[nameservers.after]]\nname = \"a\"\n";
        assert_eq!(shown(text), text);
    }

    #[test]
    fn values_of_unknown_keys_are_hidden() {
        assert_eq!(
            shown("pasword = \"x\"\nport = 1\n"),
            "pasword =****\nport = 1\n"
        );
        assert_eq!(
            shown("redis = { password = \"x\" }\nport = 1"),
            "redis =*******************\n********"
        );
        assert_eq!(
            shown("password = \"\"\"\nhunter2\n\"\"\""),
            "password =****\n*******\n***"
        );
        assert_eq!(
            shown("password = \"never closed\nport = 1"),
            "password =**************\n********"
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(shown("port = \u{1b}[31m"), "port = ?[31m");
        assert_eq!(shown("port = \u{9b}1"), "port = ??1");
    }

    #[test]
    fn only_the_lines_of_the_span_are_read() {
        let snippet = Snippet::new("f".into(), "one\ntwo\nthree", &[]);
        let read = |offset, length| {
            let span = SourceSpan::from((offset, length));
            snippet.read_span(&span, 3, 3).map(|found| {
                (
                    String::from_utf8_lossy(found.data()).into_owned(),
                    found.line(),
                )
            })
        };
        assert_eq!(read(5, 1).unwrap(), ("two".into(), 1));
        assert_eq!(read(4, 4).unwrap(), ("two".into(), 1));
        assert_eq!(read(2, 3).unwrap(), ("one\ntwo".into(), 0));
        assert_eq!(read(13, 0).unwrap(), ("three".into(), 2));
        assert!(read(14, 0).is_err());
    }
}
