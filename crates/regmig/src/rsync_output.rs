//! What rsync prints with `--info=progress2` and `--stats`.

/// One line of rsync's output.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// How far it has come.
    Progress {
        /// Bytes of the files that are done.
        bytes: u64,
        /// How much of all that is.
        percent: u8,
        /// Rate and time left, in rsync's own words.
        words: &'a str,
    },
    /// Bytes that had to be moved, told at the end.
    Moved(u64),
    /// Bytes of all files, told at the end.
    Total(u64),
    /// Anything else.
    Other,
}

impl<'a> Line<'a> {
    /// Reads one line, without its end. Every text is one.
    pub fn parse(line: &'a str) -> Self {
        let digits = |text: &str| {
            let number: String = text.chars().filter(char::is_ascii_digit).collect();
            number.parse().unwrap_or_default()
        };
        if let Some(rest) = line.strip_prefix("Literal data: ") {
            return Self::Moved(digits(rest));
        }
        if let Some(rest) = line.strip_prefix("Total file size: ") {
            return Self::Total(digits(rest));
        }
        let mut words = line.split_whitespace();
        if let (Some(bytes), Some(percent)) = (words.next(), words.next())
            && let (Ok(bytes), Some(Ok(percent))) = (
                bytes.replace(',', "").parse(),
                percent.strip_suffix('%').map(str::parse),
            )
        {
            let words = line.split_once('%').map_or("", |(_, rest)| rest.trim());
            return Self::Progress {
                bytes,
                percent,
                words,
            };
        }
        Self::Other
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    #[test]
    fn progress_and_statistics_are_understood() {
        assert_eq!(
            Line::parse("     9961472  45%   12.34MB/s    0:00:01 (xfr#1, to-chk=0/3)"),
            Line::Progress {
                bytes: 9_961_472,
                percent: 45,
                words: "12.34MB/s    0:00:01 (xfr#1, to-chk=0/3)"
            }
        );
        assert_eq!(Line::parse("Literal data: 4,211 bytes"), Line::Moved(4211));
        assert_eq!(
            Line::parse("Total file size: 9961472 bytes"),
            Line::Total(9_961_472)
        );
        assert_eq!(Line::parse("speedup is 1.00"), Line::Other);
        assert_eq!(Line::parse(""), Line::Other);
    }
}
