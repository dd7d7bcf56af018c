//! What is wrong with a configuration, for an operator to read.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};

use super::snippet::Snippet;

/// Everything that is wrong with one configuration.
///
/// A [`miette::Diagnostic`] whose related diagnostics are the problems, in the
/// order of the file. It contains no secret, whichever way it is printed.
#[derive(Debug, Clone)]
pub struct ConfigReport {
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone)]
pub(super) struct Problem {
    pub(super) what: String,
    pub(super) labels: Vec<(Range<usize>, String)>,
    pub(super) help: String,
    pub(super) snippet: Option<Arc<Snippet>>,
}

impl ConfigReport {
    /// What is wrong where there is no line to point at.
    pub(super) fn of_file(message: String, help: String) -> Self {
        Self {
            message,
            help: Some(help),
            problems: Vec::new(),
        }
    }
}

impl fmt::Display for ConfigReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigReport {}

impl Diagnostic for ConfigReport {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        if self.problems.is_empty() {
            return None;
        }
        Some(Box::new(
            self.problems
                .iter()
                .map(|problem| problem as &dyn Diagnostic),
        ))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.help))
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if self.labels.is_empty() {
            return None;
        }
        Some(Box::new(self.labels.iter().map(|(at, text)| {
            LabeledSpan::new(Some(text.clone()), at.start, at.len())
        })))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.snippet
            .as_deref()
            .map(|snippet| snippet as &dyn SourceCode)
    }
}

/// The printer for diagnostics: paths and commands stay in one piece, to be copied.
///
/// `width` is in columns; without `colour` nothing but text is printed.
pub fn printer(width: usize, colour: bool) -> GraphicalReportHandler {
    let theme = if colour {
        GraphicalTheme::unicode()
    } else {
        GraphicalTheme::unicode_nocolor()
    };
    GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_width(width)
        .with_break_words(false)
        .with_word_separator(textwrap::WordSeparator::AsciiSpace)
        .with_word_splitter(textwrap::WordSplitter::NoHyphenation)
}
