//! What is found wrong while a file is read.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::report::Problem;

/// What is wrong with a value of the right type, and what to do about it.
#[derive(Debug)]
pub(super) struct Flaw {
    /// Completes the sentence that begins with the key.
    pub(super) what: String,
    /// Advice beyond what the schema says is expected.
    pub(super) advice: String,
    /// Whether the value itself must not be shown.
    pub(super) private: bool,
}

impl Flaw {
    /// A flaw whose value may be shown.
    pub(super) fn new(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            advice: advice.into(),
            private: false,
        }
    }

    /// A flaw whose value must not be shown.
    pub(super) fn private(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            advice: advice.into(),
            private: true,
        }
    }
}

/// A placeholder of the template that is still there.
#[derive(Debug)]
pub(super) struct Placeholder {
    /// The placeholder itself.
    pub(super) word: String,
    /// The key it is the value of, with its section.
    pub(super) key: String,
    /// Where it stands.
    pub(super) at: Range<usize>,
    /// What is expected in its place.
    pub(super) expected: &'static str,
}

/// Everything found wrong so far.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) problems: RefCell<Vec<Problem>>,
    /// Places whose text must not be shown.
    pub(super) hidden: RefCell<Vec<Range<usize>>>,
    /// Keys and sections that stand there misspelt: section, key.
    pub(super) meant: RefCell<Vec<(String, String)>>,
    /// Placeholders of the template that are still there.
    pub(super) placeholders: RefCell<Vec<Placeholder>>,
}

impl Notes {
    /// Notes a problem that points at any number of places.
    pub(super) fn add(
        &self,
        what: impl Into<String>,
        labels: Vec<(Range<usize>, String)>,
        help: impl Into<String>,
    ) {
        let problem = Problem {
            what: what.into(),
            labels,
            help: help.into(),
            snippet: None,
        };
        self.problems.borrow_mut().push(problem);
    }

    /// Hides a place from every message.
    pub(super) fn hide(&self, at: Range<usize>) {
        self.hidden.borrow_mut().push(at);
    }

    /// Hides whatever a value holds; headings and keys stay legible.
    pub(super) fn hide_value(&self, value: &Spanned<DeValue<'_>>) {
        match value.get_ref() {
            DeValue::Table(table) => table.values().for_each(|inner| self.hide_value(inner)),
            DeValue::Array(list) => list.iter().for_each(|inner| self.hide_value(inner)),
            _ => self.hide(value.span()),
        }
    }

    /// Whether something misspelt was probably meant to be this key, or this section.
    pub(super) fn is_meant(&self, section: &str, key: &str) -> bool {
        self.meant
            .borrow()
            .iter()
            .any(|(s, k)| s == section && k == key)
    }
}

/// The beginning of every placeholder in the template.
pub(super) const PLACEHOLDER: &str = "FILL_IN_";
