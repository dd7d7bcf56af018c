//! Writing marked places.

use std::ops::Range;

use super::super::Marker;
use super::digest::digest;
use super::{indent_of, line, line_ending, line_start};

/// Where something is changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// These bytes are commented out in place.
    Off(Range<usize>),
    /// Lines are inserted at this offset, which starts a line.
    At(usize),
    /// Lines are appended.
    End,
    /// The only line of the region is inserted here, within a line.
    Within(usize),
}

/// One place to change, with the lines to insert there (with their indentation, without line breaks).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Region {
    /// Where.
    pub(crate) place: Place,
    /// What is inserted.
    pub(crate) lines: Vec<String>,
}

impl Region {
    /// The offset that orders regions.
    fn start(&self) -> usize {
        match &self.place {
            Place::Off(range) => range.start,
            Place::At(at) | Place::Within(at) => *at,
            Place::End => usize::MAX,
        }
    }
}

/// Applies regions, which must not overlap, and says so in a first line. No regions: no change.
///
/// Offsets that are not in the text are taken as its end; the callers' own check of the inverse finds them.
pub(crate) fn apply(text: &str, regions: &[Region], marker: &Marker) -> String {
    if regions.is_empty() {
        return text.to_owned();
    }
    let mut ordered: Vec<&Region> = regions.iter().collect();
    ordered.sort_by_key(|region| region.start());
    let mut writer = Writer {
        text,
        marker,
        eol: line_ending(text),
        out: String::new(),
        done: 0,
    };
    writer.head(regions.len());
    for region in ordered {
        writer.region(region);
    }
    writer.copy_to(text.len());
    writer.out
}

/// The text being written, and how far the original has been copied.
struct Writer<'a> {
    text: &'a str,
    marker: &'a Marker,
    eol: &'static str,
    out: String,
    done: usize,
}

impl Writer<'_> {
    /// Writes the first line, behind a byte order mark if there is one.
    fn head(&mut self, places: usize) {
        if self.text.starts_with('\u{feff}') {
            self.copy_to('\u{feff}'.len_utf8());
        }
        self.out.push_str(&line::head(self.marker, places));
        self.out.push_str(self.eol);
    }

    /// Copies the original up to an offset.
    fn copy_to(&mut self, end: usize) {
        if let Some(piece) = self.text.get(self.done..end) {
            self.out.push_str(piece);
            self.done = end;
        }
    }

    /// Writes one region.
    fn region(&mut self, region: &Region) {
        match &region.place {
            Place::Off(range) => self.off(range, &region.lines),
            Place::At(at) => {
                self.copy_to(*at);
                self.add(false, &region.lines);
            }
            Place::End => {
                self.copy_to(self.text.len());
                let tail = !self.text.is_empty() && !self.text.ends_with('\n');
                if tail {
                    self.out.push_str(self.eol);
                }
                self.add(tail, &region.lines);
            }
            Place::Within(at) => self.within(*at, &region.lines.concat()),
        }
    }

    /// Comments out a range in place and inserts lines behind it.
    fn off(&mut self, range: &Range<usize>, lines: &[String]) {
        self.copy_to(range.start);
        let end_of_line = self.end_of_line(range.end);
        let rest = self.text.get(range.end..end_of_line).unwrap_or("");
        let rest = rest.trim_start_matches([' ', '\t', '\r']);
        let harmless = rest.is_empty() || rest.starts_with('#');
        let last_line = end_of_line == self.text.len();
        let cut = !harmless || (last_line && !lines.is_empty());
        let body_end = if cut { range.end } else { end_of_line };
        let body = self.text.get(range.start..body_end).unwrap_or("");
        let inserted = self.joined(lines);
        let digits = digest(&[line::word(cut), body, &inserted]);
        self.out
            .push_str(&line::off(self.marker, cut, lines.len(), &digits));
        self.out
            .push_str(&body.replace('\n', &format!("\n{}", line::more(self.marker))));
        self.done = body_end;
        if cut {
            self.out.push_str(self.eol);
        } else {
            self.copy_to((body_end + 1).min(self.text.len()));
        }
        self.out.push_str(&inserted);
    }

    /// Inserts lines behind a marker line of their own.
    fn add(&mut self, tail: bool, lines: &[String]) {
        let inserted = self.joined(lines);
        let digits = digest(&[&inserted]);
        let indent = lines.first().map_or("", |first| indent_of(first, 0));
        self.out.push_str(indent);
        self.out
            .push_str(&line::add(self.marker, tail, lines.len(), &digits));
        self.out.push_str(self.eol);
        self.out.push_str(&inserted);
    }

    /// Inserts a piece within a line, and says so at the end of that line.
    fn within(&mut self, at: usize, piece: &str) {
        self.copy_to(at);
        let start = at - line_start(self.text, at).min(at);
        self.out.push_str(piece);
        let mut end = self.end_of_line(at);
        if self
            .text
            .get(..end)
            .is_some_and(|before| before.ends_with('\r'))
            && end < self.text.len()
        {
            end -= 1;
        }
        self.copy_to(end);
        self.out.push_str(&line::within(
            self.marker,
            start,
            piece.len(),
            &digest(&[piece]),
        ));
    }

    /// The offset of the line break at or behind an offset, or the end of the text.
    fn end_of_line(&self, offset: usize) -> usize {
        self.text
            .get(offset..)
            .and_then(|rest| rest.find('\n'))
            .map_or(self.text.len(), |at| offset + at)
    }

    /// Inserted lines with their line breaks.
    fn joined(&self, lines: &[String]) -> String {
        lines
            .iter()
            .map(|text| format!("{text}{}", self.eol))
            .collect()
    }
}
