//! Words of a line as Redis splits them.

use std::iter::Peekable;
use std::str::Chars;

/// Splits a line into words, or gives `None` for unbalanced quotes.
///
/// Within double quotes `\n \r \t \b \a \xHH` and any other escaped character are understood, within
/// single quotes only `\'`. A closing quote must be followed by a blank or the end.
pub(super) fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.next_if(|c| blank(*c)).is_some() {}
        if chars.peek().is_none() {
            return Some(words);
        }
        words.push(word(&mut chars)?);
    }
}

/// Reads one word; the iterator stands at its first character.
fn word(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut word = String::new();
    while let Some(c) = chars.next_if(|c| !blank(*c)) {
        match c {
            '"' => return quoted(chars, word),
            '\'' => return single_quoted(chars, word),
            _ => word.push(c),
        }
    }
    Some(word)
}

/// Reads up to the closing double quote.
fn quoted(chars: &mut Peekable<Chars<'_>>, mut word: String) -> Option<String> {
    loop {
        match chars.next()? {
            '"' => return closed(chars, word),
            '\\' => match chars.next()? {
                'n' => word.push('\n'),
                'r' => word.push('\r'),
                't' => word.push('\t'),
                'b' => word.push('\u{8}'),
                'a' => word.push('\u{7}'),
                'x' => word.push(hexadecimal(chars)),
                other => word.push(other),
            },
            other => word.push(other),
        }
    }
}

/// Reads `HH` of `\xHH`; an `x` that no two digits follow is just an `x`.
fn hexadecimal(chars: &mut Peekable<Chars<'_>>) -> char {
    let mut ahead = chars.clone();
    let digits = ahead
        .next()
        .and_then(|c| c.to_digit(16))
        .zip(ahead.next().and_then(|c| c.to_digit(16)));
    let Some(value) = digits.and_then(|(high, low)| char::from_u32(high * 16 + low)) else {
        return 'x';
    };
    *chars = ahead;
    value
}

/// Reads up to the closing single quote.
fn single_quoted(chars: &mut Peekable<Chars<'_>>, mut word: String) -> Option<String> {
    loop {
        match chars.next()? {
            '\'' => return closed(chars, word),
            '\\' if chars.next_if_eq(&'\'').is_some() => word.push('\''),
            other => word.push(other),
        }
    }
}

/// Accepts a word whose closing quote was just read.
fn closed(chars: &mut Peekable<Chars<'_>>, word: String) -> Option<String> {
    match chars.peek() {
        Some(next) if !blank(*next) => None,
        _ => Some(word),
    }
}

/// What separates words.
fn blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{b}' | '\u{c}' | '\0')
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn words_are_split_as_redis_does() {
        let cases: [(&str, &[&str]); 8] = [
            ("save 900 1", &["save", "900", "1"]),
            ("appendfilename \"a b.aof\"", &["appendfilename", "a b.aof"]),
            ("x \"a\\\"b\\x41\\n\"", &["x", "a\"bA\n"]),
            ("x 'it\\'s \\n'", &["x", "it's \\n"]),
            ("x \"\"", &["x", ""]),
            ("x a\"b c\"", &["x", "ab c"]),
            ("x \"\\xzz\"", &["x", "xzz"]),
            ("  ", &[]),
        ];
        for (line, words) in cases {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
    }

    #[test]
    fn unbalanced_quotes_are_refused() {
        for line in ["x \"a", "x 'a", "x \"a\"b", "x 'a'b", "x \"a\\"] {
            assert_eq!(split(line), None, "{line}");
        }
    }
}
