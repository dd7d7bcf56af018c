//! Tokens of an nginx configuration, by nginx's own rules.
//!
//! The rules are those of nginx's reader, including the surprising ones: a quote counts only at the
//! start of a word, a `#` only between words, `}` only between directives, `${` does not open a block,
//! and a closing quote must be followed by a blank, `;`, `{` or `)`. Every byte belongs to one token, so
//! that the text can be put together again.

use std::ops::Range;

use super::super::error::{Position, quote};
use super::super::{EditError, EditErrorKind};

/// Bytes of a word or a comment from which on it is refused.
///
/// nginx reads into a buffer of 4096 bytes, which has to hold the word and up to two bytes behind it.
const TOO_LONG: usize = 4094;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// Blanks, tabs and line breaks.
    Blank,
    /// From `#` to the end of the line, without the line break.
    Comment,
    /// A word, with its quotes.
    Word,
    /// `;`
    Semicolon,
    /// `{`
    Open,
    /// `}`
    Close,
}

/// A token and the bytes it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: TokenKind,
    /// Where it is in the text.
    pub(crate) span: Range<usize>,
}

/// Reads tokens one at a time; ends after the first error.
pub(crate) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// A quoted word has just ended.
    after_quote: bool,
    failed: bool,
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning of a text.
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            after_quote: false,
            failed: false,
        }
    }

    /// The byte at an offset from the current one.
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// The number of bytes from the current one that a condition holds for.
    fn run(&self, holds: impl Fn(u8) -> bool) -> usize {
        self.text
            .bytes()
            .skip(self.at)
            .take_while(|byte| holds(*byte))
            .count()
    }

    /// A token of the next `len` bytes.
    fn token(&mut self, kind: TokenKind, len: usize) -> Token {
        let start = self.at;
        self.at += len;
        Token {
            kind,
            span: start..self.at,
        }
    }

    /// The next token, of which the first byte is given.
    fn read(&mut self, first: u8) -> Result<Token, EditError> {
        if std::mem::take(&mut self.after_quote)
            && !blank(first)
            && !matches!(first, b';' | b'{' | b')')
        {
            let next = self
                .text
                .get(self.at..)
                .and_then(|rest| rest.chars().next())
                .unwrap_or(' ');
            return Err(self.error(
                self.at,
                format!("`{next}` right behind a closing quote"),
                "a blank, `;` or `{`",
                "Separate the two words; nginx would not load the file either.",
            ));
        }
        match first {
            byte if blank(byte) => {
                let len = self.run(blank);
                Ok(self.token(TokenKind::Blank, len))
            }
            b'#' => {
                let len = self.run(|byte| byte != b'\n');
                self.bounded(len)?;
                Ok(self.token(TokenKind::Comment, len))
            }
            b';' => Ok(self.token(TokenKind::Semicolon, 1)),
            b'{' => Ok(self.token(TokenKind::Open, 1)),
            b'}' => Ok(self.token(TokenKind::Close, 1)),
            b'"' | b'\'' => self.quoted(first),
            _ => self.plain(),
        }
    }

    /// A quoted word; a backslash protects the byte behind it.
    fn quoted(&mut self, mark: u8) -> Result<Token, EditError> {
        let mut len = 1;
        loop {
            match self.peek(len) {
                None => {
                    let start = self.text.get(self.at..).unwrap_or("");
                    return Err(self.error(
                        self.at,
                        format!("a quoted word that is never closed: {}", quote(start)),
                        format!("a closing {}", char::from(mark)),
                        "Close the quote; nginx would not load the file either.",
                    ));
                }
                Some(b'\\') => len += 2,
                Some(byte) if byte == mark => break,
                Some(_) => len += 1,
            }
        }
        self.bounded(len + 1)?;
        self.after_quote = true;
        Ok(self.token(TokenKind::Word, len + 1))
    }

    /// An unquoted word, up to a blank, `;` or a `{` that does not follow `$`.
    fn plain(&mut self) -> Result<Token, EditError> {
        let mut len = 0;
        let mut variable = false;
        while let Some(byte) = self.peek(len) {
            match byte {
                b'\\' => {
                    if self.peek(len + 1).is_none() {
                        break;
                    }
                    variable = false;
                    len += 2;
                }
                b'{' if variable => len += 1,
                byte if blank(byte) || matches!(byte, b';' | b'{') => {
                    self.bounded(len)?;
                    return Ok(self.token(TokenKind::Word, len));
                }
                byte => {
                    variable = byte == b'$';
                    len += 1;
                }
            }
        }
        let start = self.text.get(self.at..).unwrap_or("");
        Err(self.error(
            self.at,
            format!("the end of the file in the middle of {}", quote(start)),
            "`;` or a block",
            "Complete the directive; nginx would not load the file either.",
        ))
    }

    /// Refuses a word or comment that fills nginx's buffer.
    fn bounded(&self, len: usize) -> Result<(), EditError> {
        if len < TOO_LONG {
            return Ok(());
        }
        Err(self.error(
            self.at,
            format!("a word or comment of {len} bytes"),
            format!("less than {TOO_LONG}, about all that nginx can read"),
            "Split it, or shorten it if it is about to be commented out.",
        ))
    }

    /// A syntax error at an offset.
    fn error(
        &self,
        offset: usize,
        found: String,
        expected: impl Into<String>,
        hint: &str,
    ) -> EditError {
        EditError::new(EditErrorKind::Syntax, found, expected, hint)
            .at(Position::of(self.text, offset))
    }
}

impl Iterator for Lexer<'_> {
    type Item = Result<Token, EditError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let first = self.peek(0)?;
        let read = self.read(first);
        self.failed = read.is_err();
        Some(read)
    }
}

/// What nginx takes for a blank.
fn blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The value of a word as nginx passes it on: without its quotes, with escapes resolved.
pub(crate) fn unquote(raw: &str) -> String {
    let inner = ['"', '\'']
        .into_iter()
        .find_map(|mark| {
            raw.strip_prefix(mark)
                .and_then(|rest| rest.strip_suffix(mark))
        })
        .unwrap_or(raw);
    let mut value = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            value.push(c);
            continue;
        }
        match chars.next() {
            Some(next @ ('"' | '\'' | '\\')) => value.push(next),
            Some('t') => value.push('\t'),
            Some('r') => value.push('\r'),
            Some('n') => value.push('\n'),
            Some(next) => value.extend(['\\', next]),
            None => value.push('\\'),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Lexer, Token, TokenKind, unquote};

    fn lex(text: &str) -> Result<Vec<Token>, String> {
        Lexer::new(text)
            .map(|token| token.map_err(|error| error.to_string()))
            .collect()
    }

    fn words(text: &str) -> Vec<&str> {
        let tokens = lex(text).unwrap();
        let words = tokens.iter().filter(|token| token.kind == TokenKind::Word);
        words.map(|token| &text[token.span.clone()]).collect()
    }

    #[test]
    fn the_surprising_rules_are_nginx_s() {
        assert_eq!(words("a b\"c d'e;"), ["a", "b\"c", "d'e"]);
        assert_eq!(words("a b#c; # d\n"), ["a", "b#c"]);
        assert_eq!(words("a b}c;"), ["a", "b}c"]);
        assert_eq!(words("a ${b}c${{d;"), ["a", "${b}c${{d"]);
        assert_eq!(
            words("a \"b;{#\\\"}\" 'c\nd';"),
            ["a", "\"b;{#\\\"}\"", "'c\nd'"]
        );
        assert_eq!(
            words("if ($a = \"b\") {}"),
            ["if", "($a", "=", "\"b\"", ")"]
        );
        assert_eq!(words("a b\\;c\\ d;"), ["a", "b\\;c\\ d"]);
        assert_eq!(words("a b{}"), ["a", "b"]);
    }

    #[test]
    fn what_nginx_refuses_is_refused_at_its_place() {
        for (text, place) in [
            ("a \"b\"c;", "line 1, column 6"),
            ("a;\n \"b", "line 2, column 2"),
            ("a\nb", "line 2, column 1"),
            ("a 'b'\"c\";", "line 1, column 6"),
            ("a\\", "line 1, column 1"),
        ] {
            assert!(lex(text).unwrap_err().starts_with(place), "{text}");
        }
    }

    #[test]
    fn values_lose_quotes_and_escapes() {
        assert_eq!(unquote("\"a\\\"b\""), "a\"b");
        assert_eq!(unquote("'a\\n\\d'"), "a\n\\d");
        assert_eq!(unquote("a\"b"), "a\"b");
        assert_eq!(unquote("\""), "\"");
    }

    proptest! {
        #[test]
        fn tokens_put_together_are_the_text(text in "([ab ;{}#$'\"\\\\)é]|\n|\r\n|\t){0,60}") {
            if let Ok(tokens) = lex(&text) {
                let whole: String = tokens.iter().map(|token| &text[token.span.clone()]).collect();
                prop_assert_eq!(whole, text);
            }
        }

        #[test]
        fn nothing_panics(text in any::<String>()) {
            let _ = lex(&text);
            let _ = unquote(&text);
        }
    }
}
