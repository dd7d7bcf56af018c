//! Directives and blocks of one file.

use std::ops::Range;
use std::rc::Rc;

use super::super::error::{Position, quote};
use super::super::{EditError, EditErrorKind};
use super::lexer::{Lexer, TokenKind, unquote};

/// Blocks nested deeper than this are refused; real files stay below ten.
const DEEPEST: usize = 64;

/// A file that was read, and whether it is the one to be edited.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its name in messages.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
    /// Whether edits go into it.
    pub(crate) editable: bool,
}

/// A word of a directive.
#[derive(Debug, Clone)]
pub(crate) struct Word {
    /// Its bytes in the file, with quotes.
    pub(crate) span: Range<usize>,
    /// Its value, without quotes.
    pub(crate) value: String,
}

/// A directive, with its block if it has one.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The file it stands in.
    pub(crate) source: Rc<Source>,
    /// Name and arguments.
    pub(crate) words: Vec<Word>,
    /// From the first word to the `;` or `}`.
    pub(crate) span: Range<usize>,
    /// What stands in its block.
    pub(crate) block: Option<Vec<Node>>,
}

impl Node {
    /// The name of the directive.
    pub(crate) fn name(&self) -> &str {
        self.words.first().map_or("", |word| word.value.as_str())
    }

    /// The value of an argument, counted from zero.
    pub(crate) fn arg(&self, index: usize) -> Option<&str> {
        self.words.get(index + 1).map(|word| word.value.as_str())
    }

    /// The values of all arguments.
    pub(crate) fn args(&self) -> impl Iterator<Item = &str> {
        self.words.iter().skip(1).map(|word| word.value.as_str())
    }

    /// What stands in its block; nothing for a directive without one.
    pub(crate) fn children(&self) -> &[Node] {
        self.block.as_deref().unwrap_or(&[])
    }

    /// The text of the arguments as written.
    pub(crate) fn raw_args(&self) -> Vec<&str> {
        self.words
            .iter()
            .skip(1)
            .filter_map(|word| self.source.text.get(word.span.clone()))
            .collect()
    }

    /// The directive as a message shows it, without its block.
    pub(crate) fn shown(&self) -> String {
        let end = self
            .words
            .last()
            .map_or(self.span.end, |word| word.span.end);
        quote(self.source.text.get(self.span.start..end).unwrap_or(""))
    }

    /// `FILE:LINE`, for a message about another place.
    pub(crate) fn place(&self) -> String {
        format!(
            "{}:{}",
            self.source.name,
            Position::of(&self.source.text, self.span.start).line
        )
    }

    /// An error at this directive.
    pub(crate) fn error(
        &self,
        kind: EditErrorKind,
        found: impl Into<String>,
        expected: impl Into<String>,
        hint: impl Into<String>,
    ) -> EditError {
        EditError::new(kind, found, expected, hint)
            .at(Position::of(&self.source.text, self.span.start))
            .in_file(self.source.name.clone())
    }
}

/// A directive whose end has not been read yet.
struct OpenNode {
    words: Vec<Word>,
    start: usize,
    children: Vec<Node>,
}

/// Reads a file into its directives.
///
/// # Errors
///
/// [`EditErrorKind::Syntax`] where nginx would refuse the file too, [`EditErrorKind::Unsupported`] for
/// `*_by_lua_block`, whose content follows the rules of another language.
pub(crate) fn parse(source: &Rc<Source>) -> Result<Vec<Node>, EditError> {
    Parser {
        source,
        words: Vec::new(),
        open: Vec::new(),
        top: Vec::new(),
    }
    .run()
    .map_err(|error| error.in_file(source.name.clone()))
}

/// What has been read so far: the words of the current directive, and the blocks around it.
struct Parser<'a> {
    source: &'a Rc<Source>,
    words: Vec<Word>,
    open: Vec<OpenNode>,
    top: Vec<Node>,
}

impl Parser<'_> {
    /// Reads to the end.
    fn run(mut self) -> Result<Vec<Node>, EditError> {
        for token in Lexer::new(&self.source.text) {
            let token = token?;
            match token.kind {
                TokenKind::Blank | TokenKind::Comment => {}
                TokenKind::Word => {
                    let raw = self.source.text.get(token.span.clone()).unwrap_or("");
                    self.words.push(Word {
                        value: unquote(raw),
                        span: token.span,
                    });
                }
                TokenKind::Semicolon => self.end_directive(token.span)?,
                TokenKind::Open => self.open_block(token.span)?,
                TokenKind::Close => self.close_block(token.span)?,
            }
        }
        let unfinished = self.words.first().map(|word| word.span.start);
        match unfinished.or_else(|| self.open.last().map(|open| open.start)) {
            None => Ok(self.top),
            Some(start) => Err(self.syntax(
                start,
                "the end of the file within this directive",
                "`;` or `}`",
            )),
        }
    }

    /// `;`
    fn end_directive(&mut self, span: Range<usize>) -> Result<(), EditError> {
        let words = std::mem::take(&mut self.words);
        let Some(first) = words.first() else {
            return Err(self.syntax(span.start, "`;` without a directive", "a directive"));
        };
        let node = Node {
            source: Rc::clone(self.source),
            span: first.span.start..span.end,
            words,
            block: None,
        };
        self.push(node);
        Ok(())
    }

    /// `{`
    fn open_block(&mut self, span: Range<usize>) -> Result<(), EditError> {
        let words = std::mem::take(&mut self.words);
        let Some(first) = words.first() else {
            return Err(self.syntax(span.start, "`{` without a directive", "a directive"));
        };
        if first.value.ends_with("_by_lua_block") {
            return Err(EditError::new(
                EditErrorKind::Unsupported,
                format!("a block of Lua code, `{}`", first.value),
                "directives of nginx only",
                "Move the code to a file (`…_by_lua_file`), so that this file can be edited safely.",
            )
            .at(Position::of(&self.source.text, first.span.start)));
        }
        if self.open.len() == DEEPEST {
            return Err(self.syntax(span.start, "blocks nested deeper than 64", "fewer"));
        }
        self.open.push(OpenNode {
            start: first.span.start,
            words,
            children: Vec::new(),
        });
        Ok(())
    }

    /// `}`
    fn close_block(&mut self, span: Range<usize>) -> Result<(), EditError> {
        if !self.words.is_empty() {
            return Err(self.syntax(span.start, "`}` within a directive", "`;` before it"));
        }
        let Some(open) = self.open.pop() else {
            return Err(self.syntax(span.start, "`}` without a block", "a directive or the end"));
        };
        let node = Node {
            source: Rc::clone(self.source),
            words: open.words,
            span: open.start..span.end,
            block: Some(open.children),
        };
        self.push(node);
        Ok(())
    }

    /// Adds a complete directive to the block around it.
    fn push(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(open) => open.children.push(node),
            None => self.top.push(node),
        }
    }

    /// A syntax error at an offset.
    fn syntax(&self, offset: usize, found: &str, expected: &str) -> EditError {
        let hint = "Correct the file; nginx would not load it either.";
        EditError::new(EditErrorKind::Syntax, found, expected, hint)
            .at(Position::of(&self.source.text, offset))
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{Node, Source, parse};
    use crate::edit::{EditError, EditErrorKind};

    fn read(text: &str) -> Result<Vec<Node>, EditError> {
        parse(&Rc::new(Source {
            name: "x.conf".into(),
            text: text.into(),
            editable: true,
        }))
    }

    #[test]
    fn directives_and_blocks_have_their_spans() {
        let text = "a 'b c'; d { e ; }\n";
        let nodes = read(text).unwrap();
        assert_eq!(nodes.len(), 2);
        assert_eq!(
            (nodes[0].arg(0), &text[nodes[0].span.clone()]),
            (Some("b c"), "a 'b c';")
        );
        assert_eq!(
            (nodes[1].name(), &text[nodes[1].span.clone()]),
            ("d", "d { e ; }")
        );
        assert_eq!(&text[nodes[1].children()[0].span.clone()], "e ;");
    }

    #[test]
    fn what_nginx_refuses_is_refused() {
        for text in [
            ";", "{}", "}", "a }", "a {", "a { b; ", "a", "a { b }", "a \"b\"",
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(
                (error.kind, error.file.as_str()),
                (EditErrorKind::Syntax, "x.conf"),
                "{text}"
            );
        }
        assert!(read(&"a{".repeat(10_000)).is_err());
    }

    #[test]
    fn lua_is_left_alone() {
        let error = read("location / {\n content_by_lua_block { ngx.say(\"}\") }\n}").unwrap_err();
        assert_eq!(
            (error.kind, error.at.unwrap().line),
            (EditErrorKind::Unsupported, 2)
        );
    }
}
