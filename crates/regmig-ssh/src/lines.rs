//! Bytes to lines, as they arrive.

/// A longer line is handed on in pieces of this many bytes.
const LONGEST: usize = 8192;

/// Cuts a byte stream at `\n`, `\r` and `\r\n`.
///
/// Progress meters such as rsync's rewrite one line with `\r`; each rewriting is a line here.
#[derive(Debug, Default)]
pub(crate) struct LineSplitter {
    rest: Vec<u8>,
    after_return: bool,
}

impl LineSplitter {
    /// Takes the next bytes and hands on each line that they complete.
    pub(crate) fn feed(&mut self, bytes: &[u8], on_line: &mut dyn FnMut(&str)) {
        for &byte in bytes {
            let follows_return = std::mem::take(&mut self.after_return);
            match byte {
                b'\n' if follows_return => {}
                b'\n' | b'\r' => {
                    self.after_return = byte == b'\r';
                    self.hand_on(on_line);
                }
                _ => {
                    self.rest.push(byte);
                    if self.rest.len() >= LONGEST {
                        self.hand_on(on_line);
                    }
                }
            }
        }
    }

    /// Hands on what has come without an end of line.
    pub(crate) fn finish(&mut self, on_line: &mut dyn FnMut(&str)) {
        if !self.rest.is_empty() {
            self.hand_on(on_line);
        }
    }

    fn hand_on(&mut self, on_line: &mut dyn FnMut(&str)) {
        on_line(&String::from_utf8_lossy(&self.rest));
        self.rest.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::LineSplitter;

    fn lines(chunks: &[&str]) -> Vec<String> {
        let mut splitter = LineSplitter::default();
        let mut seen = Vec::new();
        for chunk in chunks {
            splitter.feed(chunk.as_bytes(), &mut |line| seen.push(line.to_owned()));
        }
        splitter.finish(&mut |line| seen.push(line.to_owned()));
        seen
    }

    #[test]
    fn every_kind_of_line_end_counts_once() {
        assert_eq!(lines(&["a\nb\r\nc\rd"]), ["a", "b", "c", "d"]);
        assert_eq!(lines(&["a\r", "\nb"]), ["a", "b"]);
        assert_eq!(lines(&["a\n\nb\n"]), ["a", "", "b"]);
        assert_eq!(lines(&["a\r\r\n"]), ["a", ""]);
    }

    #[test]
    fn a_line_may_come_in_pieces() {
        assert_eq!(lines(&["one ", "li", "ne\ntwo"]), ["one line", "two"]);
    }

    #[test]
    fn an_endless_line_is_handed_on_in_pieces() {
        let long = "x".repeat(super::LONGEST * 2 + 5);
        let seen = lines(&[&long]);
        assert_eq!(
            seen.iter().map(String::len).collect::<Vec<_>>(),
            [super::LONGEST, super::LONGEST, 5]
        );
    }
}
