//! Taking marked places out again.

use super::super::{Edit, EditError, EditErrorKind, Marker, Position};
use super::digest::digest;
use super::line::{self, Mark};

/// Gives back the text as it was before [`super::apply`], byte for byte where it was edited.
///
/// Text that carries no mark of this migration comes back unchanged. Changes outside of the marked
/// places are somebody else's and stay.
///
/// # Errors
///
/// [`EditErrorKind::Drift`] when a marked place is not as it was written.
pub(crate) fn undo(text: &str, marker: &Marker) -> Result<Edit, EditError> {
    let reader = Reader {
        lines: text.split_inclusive('\n').collect(),
        next: 0,
        marker,
        out: String::new(),
    };
    Ok(Edit::between(text, reader.run()?))
}

/// The lines not yet read, and the restored text so far.
struct Reader<'a> {
    lines: Vec<&'a str>,
    next: usize,
    marker: &'a Marker,
    out: String,
}

impl<'a> Reader<'a> {
    /// Reads all lines.
    fn run(mut self) -> Result<String, EditError> {
        let mut promised = None;
        let mut places = 0usize;
        while let Some(line) = self.take() {
            let Some((at, rest)) = line::find(line, self.marker) else {
                if line.trim_end().ends_with(&self.marker.comment()) {
                    return Err(self.drift("a marked line that no edit accounts for"));
                }
                self.out.push_str(line);
                continue;
            };
            let before = line.get(..at).unwrap_or("");
            let Some(mark) = line::parse(rest) else {
                return Err(self.drift("a marker line that regmig did not write so"));
            };
            if let Mark::Head { places } = mark {
                if promised.is_some() || !before.trim_start_matches('\u{feff}').is_empty() {
                    return Err(self.drift("the first line of an edited file a second time"));
                }
                self.out.push_str(before);
                promised = Some(places);
                continue;
            }
            places += 1;
            self.place(before, &mark)?;
        }
        match promised {
            None if places == 0 => Ok(self.out),
            Some(promised) if promised == places => Ok(self.out),
            promised => Err(self.drift_in_file(promised.unwrap_or(0), places)),
        }
    }

    /// Restores one place; `before` is what stands in front of its marker.
    fn place(&mut self, before: &str, mark: &Mark<'a>) -> Result<(), EditError> {
        match *mark {
            Mark::Off {
                cut,
                lines,
                digest,
                body,
            } => {
                self.out.push_str(before);
                self.off(cut, lines, digest, body)
            }
            Mark::Add {
                tail,
                lines,
                digest,
            } => {
                if !before.trim_matches([' ', '\t']).is_empty() {
                    return Err(self.drift("something in front of a marker that starts its line"));
                }
                self.add(tail, lines, digest)
            }
            Mark::Within { start, len, digest } => self.within(before, start, len, digest),
            Mark::More { .. } | Mark::Head { .. } => {
                Err(self.drift("the continuation of a commented-out directive whose start is gone"))
            }
        }
    }

    /// Restores something commented out, and drops the lines inserted behind it.
    fn off(&mut self, cut: bool, lines: usize, digits: &str, first: &str) -> Result<(), EditError> {
        let mut body = first.to_owned();
        while let Some(next) = self.lines.get(self.next).copied() {
            let Some((0, rest)) = line::find(next, self.marker) else {
                break;
            };
            let Some(Mark::More { body: more }) = line::parse(rest) else {
                break;
            };
            body.push_str(more);
            self.next += 1;
        }
        let inserted = self.inserted(lines)?;
        let whole = body.strip_suffix('\n').unwrap_or(&body);
        // The line break may be one that was inserted, here (`cut`) or by a `tail` that follows.
        let candidates = [Some(whole), whole.strip_suffix('\r')];
        let Some(kept) = candidates
            .into_iter()
            .flatten()
            .find(|kept| digest(&[line::word(cut), kept, &inserted]) == digits)
        else {
            return Err(
                self.drift("a commented-out directive, or the lines behind it, changed since")
            );
        };
        let kept = if cut { kept } else { &body };
        self.out.push_str(kept);
        Ok(())
    }

    /// Drops inserted lines.
    fn add(&mut self, tail: bool, lines: usize, digits: &str) -> Result<(), EditError> {
        let crlf = self
            .lines
            .get(self.next.wrapping_sub(1))
            .is_some_and(|line| line.ends_with("\r\n"));
        let inserted = self.inserted(lines)?;
        if digest(&[&inserted]) != digits {
            return Err(self.drift("inserted lines that were changed since"));
        }
        // Lines that somebody appended since need the line break: taking it out would join two lines.
        if tail && self.next == self.lines.len() {
            let eol = if crlf { "\r\n" } else { "\n" };
            let Some(kept) = self.out.strip_suffix(eol).map(str::len) else {
                return Err(self.drift("no line break in front of a marker that had one"));
            };
            self.out.truncate(kept);
        }
        Ok(())
    }

    /// Drops a piece within a line.
    fn within(
        &mut self,
        before: &str,
        start: usize,
        len: usize,
        digits: &str,
    ) -> Result<(), EditError> {
        let line = self
            .lines
            .get(self.next.wrapping_sub(1))
            .copied()
            .unwrap_or("");
        let ending = ["\r\n", "\n"]
            .into_iter()
            .find(|eol| line.ends_with(eol))
            .unwrap_or("");
        let pieces = before.strip_suffix(' ').and_then(|before| {
            let end = start.checked_add(len)?;
            Some((
                before.get(..start)?,
                before.get(start..end)?,
                before.get(end..)?,
            ))
        });
        match pieces {
            Some((left, piece, right)) if digest(&[piece]) == digits => {
                self.out.extend([left, right, ending]);
                Ok(())
            }
            _ => Err(self.drift("a line that was changed since a piece was inserted in it")),
        }
    }

    /// Takes the inserted lines of a place.
    fn inserted(&mut self, lines: usize) -> Result<String, EditError> {
        let end = self.next.saturating_add(lines);
        let Some(taken) = self.lines.get(self.next..end) else {
            return Err(self.drift("fewer lines behind a marker than were inserted there"));
        };
        let inserted = taken.concat();
        self.next = end;
        Ok(inserted)
    }

    /// The next line.
    fn take(&mut self) -> Option<&'a str> {
        let line = self.lines.get(self.next).copied();
        self.next += usize::from(line.is_some());
        line
    }

    /// A marked place that is not as it was written, at the line read last.
    fn drift(&self, found: &str) -> EditError {
        EditError::new(
            EditErrorKind::Drift,
            found,
            format!("the lines marked {} as regmig wrote them", self.marker.mark()),
            "Somebody else changed this file: compare it with the copy kept in the journal, and restore the lines.",
        )
        .at(Position::line(self.next))
    }

    /// A file whose places are not as many as its first line says.
    fn drift_in_file(&self, promised: usize, places: usize) -> EditError {
        let mut error = self.drift("");
        error.at = None;
        error.found = format!("{places} places marked {}", self.marker.mark());
        error.expected = format!("{promised} places, as the first line of the file says");
        error
    }
}
