//! The file format of BIND's keys.

use crate::tsig::TsigKeyError;

/// One `key` statement, unchecked.
pub(crate) struct Statement {
    pub(crate) name: String,
    pub(crate) algorithm: String,
    pub(crate) secret: String,
}

/// A word, a quoted text or one of `{ } ;`, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    text: String,
    line: usize,
}

/// Walks the tokens of a file.
struct Tokens {
    tokens: std::vec::IntoIter<Token>,
    last_line: usize,
}

impl Tokens {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.next()?;
        self.last_line = token.line;
        Some(token)
    }

    /// The next token, which must be this one.
    fn expect(&mut self, expected: &str) -> Result<(), TsigKeyError> {
        match self.next() {
            Some(token) if token.text == expected => Ok(()),
            // Not shown: it may be the secret.
            Some(token) => Err(syntax(token.line, "something else", expected)),
            None => Err(self.ended(expected)),
        }
    }

    /// The next token, which must be a word or a quoted text.
    fn value(&mut self, expected: &str) -> Result<String, TsigKeyError> {
        match self.next() {
            Some(token) if ["{", "}", ";"].contains(&token.text.as_str()) => {
                Err(syntax(token.line, &token.text, expected))
            }
            Some(token) => Ok(token.text),
            None => Err(self.ended(expected)),
        }
    }

    fn ended(&self, expected: &str) -> TsigKeyError {
        syntax(self.last_line, "the end of the file", expected)
    }
}

fn syntax(line: usize, found: &str, expected: &str) -> TsigKeyError {
    TsigKeyError::Syntax {
        line,
        found: found.to_owned(),
        expected: expected.to_owned(),
    }
}

/// Reads all `key` statements of a file.
pub(crate) fn read_file(text: &str) -> Result<Vec<Statement>, TsigKeyError> {
    let mut tokens = Tokens {
        tokens: tokens(text)?.into_iter(),
        last_line: 1,
    };
    let mut keys = Vec::new();
    while let Some(token) = tokens.next() {
        if token.text != "key" {
            return Err(syntax(token.line, "something else", "key \"NAME\" {"));
        }
        let line = token.line;
        let name = tokens.value("the key's name")?;
        tokens.expect("{")?;
        let (mut algorithm, mut secret) = (None, None);
        loop {
            let Some(token) = tokens.next() else {
                return Err(tokens.ended("}"));
            };
            match token.text.as_str() {
                "}" => break,
                "algorithm" => algorithm = Some(tokens.value("an algorithm")?),
                "secret" => secret = Some(tokens.value("a secret")?),
                _ => {
                    return Err(syntax(
                        token.line,
                        "something else",
                        "algorithm, secret or }",
                    ));
                }
            }
            tokens.expect(";")?;
        }
        tokens.expect(";")?;
        let missing = |what: &str| syntax(line, &format!("a key without {what}"), what);
        keys.push(Statement {
            name,
            algorithm: algorithm.ok_or_else(|| missing("algorithm"))?,
            secret: secret.ok_or_else(|| missing("secret"))?,
        });
    }
    Ok(keys)
}

fn tokens(text: &str) -> Result<Vec<Token>, TsigKeyError> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\n' => {
                line += 1;
                1
            }
            _ if first.is_whitespace() => first.len_utf8(),
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => {
                let Some(end) = rest.find("*/") else {
                    return Err(syntax(line, "an open comment", "*/"));
                };
                line += rest
                    .get(..end)
                    .map_or(0, |comment| comment.matches('\n').count());
                end + 2
            }
            '{' | '}' | ';' => {
                tokens.push(Token {
                    text: first.to_string(),
                    line,
                });
                1
            }
            '"' => {
                let quoted = rest
                    .get(1..)
                    .and_then(|after| after.split_once(['"', '\n']));
                let closed = |inner: &&str| {
                    rest.get(inner.len() + 1..)
                        .is_some_and(|end| end.starts_with('"'))
                };
                let Some(inner) = quoted.map(|(inner, _)| inner).filter(closed) else {
                    return Err(syntax(line, "an open quotation mark", "\""));
                };
                tokens.push(Token {
                    text: inner.to_owned(),
                    line,
                });
                inner.len() + 2
            }
            _ => {
                let stops = |c: char| c.is_whitespace() || ['{', '}', ';', '"', '#'].contains(&c);
                let end = rest.find(stops).unwrap_or(rest.len());
                tokens.push(Token {
                    text: rest.get(..end).unwrap_or_default().to_owned(),
                    line,
                });
                end
            }
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(tokens)
}
