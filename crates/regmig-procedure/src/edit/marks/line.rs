//! The grammar of marker comments, in one place for writing and reading.

use super::super::Marker;

/// What a marker comment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark<'a> {
    /// The first line of an edited text.
    Head {
        /// How many places were edited.
        places: usize,
    },
    /// The start of something commented out, with the text that follows on the same line.
    Off {
        /// Whether the line break that ends it was inserted.
        cut: bool,
        /// Lines inserted after it.
        lines: usize,
        /// Digits over the place.
        digest: &'a str,
        /// What is commented out on this line, up to and with its line break.
        body: &'a str,
    },
    /// The next line of something commented out.
    More {
        /// What is commented out on this line, up to and with its line break.
        body: &'a str,
    },
    /// Inserted lines that stand for nothing.
    Add {
        /// Whether the line break before the marker was inserted too.
        tail: bool,
        /// Lines inserted after the marker.
        lines: usize,
        /// Digits over the place.
        digest: &'a str,
    },
    /// A piece inserted earlier on the same line.
    Within {
        /// Byte offset in the line.
        start: usize,
        /// Bytes.
        len: usize,
        /// Digits over the piece.
        digest: &'a str,
    },
}

/// The first line of an edited text, without its line break.
pub(super) fn head(marker: &Marker, places: usize) -> String {
    format!(
        "{} head {places}: edited by regmig for the time of a migration; do not change lines that say regmig",
        marker.comment()
    )
}

/// The comment that starts something commented out.
pub(super) fn off(marker: &Marker, cut: bool, lines: usize, digest: &str) -> String {
    format!("{} {} +{lines} {digest}| ", marker.comment(), word(cut))
}

/// What tells the two kinds of commented-out places apart.
pub(super) fn word(cut: bool) -> &'static str {
    if cut { "cut" } else { "off" }
}

/// The comment that continues something commented out.
pub(super) fn more(marker: &Marker) -> String {
    format!("{} more| ", marker.comment())
}

/// The comment line before inserted lines.
pub(super) fn add(marker: &Marker, tail: bool, lines: usize, digest: &str) -> String {
    let word = if tail { "tail" } else { "add" };
    format!("{} {word} +{lines} {digest}", marker.comment())
}

/// The comment that follows a piece inserted within a line, with the blank before it.
pub(super) fn within(marker: &Marker, start: usize, len: usize, digest: &str) -> String {
    format!(" {} in {start}+{len} {digest}", marker.comment())
}

/// Finds a marker comment in a line: the offset at which it starts, and what stands behind `# regmig:ID `.
pub(super) fn find<'a>(line: &'a str, marker: &Marker) -> Option<(usize, &'a str)> {
    let prefix = format!("{} ", marker.comment());
    let at = line.find(&prefix)?;
    Some((at, line.get(at + prefix.len()..)?))
}

/// Reads what stands behind `# regmig:ID `, or `None` when it is none of the forms above.
pub(super) fn parse(rest: &str) -> Option<Mark<'_>> {
    if let Some(body) = rest.strip_prefix("more| ") {
        return Some(Mark::More { body });
    }
    let (word, tail) = rest.split_once(' ')?;
    match word {
        "head" => {
            // What it says to readers may change between versions.
            let places = tail.split(':').next()?.parse().ok()?;
            Some(Mark::Head { places })
        }
        "off" | "cut" => {
            let (counts, body) = tail.split_once("| ")?;
            let (lines, digest) = plus(counts)?;
            Some(Mark::Off {
                cut: word == "cut",
                lines,
                digest,
                body,
            })
        }
        "add" | "tail" => {
            let (lines, digest) = plus(tail.trim_end_matches(['\r', '\n']))?;
            Some(Mark::Add {
                tail: word == "tail",
                lines,
                digest,
            })
        }
        "in" => {
            let (span, digest) = tail.trim_end_matches(['\r', '\n']).split_once(' ')?;
            let (start, len) = span.split_once('+')?;
            Some(Mark::Within {
                start: start.parse().ok()?,
                len: len.parse().ok()?,
                digest,
            })
        }
        _ => None,
    }
}

/// Reads `+N DIGEST`.
fn plus(text: &str) -> Option<(usize, &str)> {
    let (lines, digest) = text.strip_prefix('+')?.split_once(' ')?;
    Some((lines.parse().ok()?, digest))
}
