//! Reading one section of the file: every value with the place it stands at.
//!
//! Nothing stops at the first error. A reader that finds something wrong
//! notes it and answers [`Found::Wrong`], so that whoever needs the value can go on
//! without it and without reporting the same thing twice.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::notes::{Flaw, Notes, PLACEHOLDER, Placeholder};
use super::schema;
use super::shown::{kind_of, shown};

/// A value, and where it stands unless it is a default.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) at: Option<Range<usize>>,
}

/// What was found under a key.
#[derive(Debug)]
pub(super) enum Found<T> {
    /// The key is not there.
    Absent,
    /// Something is there that cannot be used, and it has been reported.
    Wrong,
    /// A good value.
    Here(At<T>),
}

/// One section of the file.
#[derive(Debug, Clone)]
pub(super) struct Section<'d> {
    /// Its name in messages and in the file.
    pub(super) name: String,
    /// Its name in the schema.
    kind: &'static str,
    /// Where its heading stands.
    pub(super) at: Option<Range<usize>>,
    table: Option<&'d DeTable<'d>>,
    notes: &'d Notes,
}

impl<'d> Section<'d> {
    /// Opens a section; one that is not there reads as empty.
    pub(super) fn open(document: &'d DeTable<'d>, kind: &'static str, notes: &'d Notes) -> Self {
        let entry = document.iter().find(|(key, _)| key.get_ref() == kind);
        Self {
            name: kind.to_owned(),
            kind,
            at: entry.map(|(key, _)| key.span()),
            table: entry.and_then(|(_, value)| value.get_ref().as_table()),
            notes,
        }
    }

    /// The same for a table that stands in a list.
    pub(super) fn entry(
        &self,
        name: String,
        kind: &'static str,
        value: &'d Spanned<DeValue<'d>>,
    ) -> Self {
        let table = value.get_ref().as_table();
        Self {
            name,
            kind,
            at: Some(value.span()),
            table,
            notes: self.notes,
        }
    }

    /// The notes that this section's problems go to.
    pub(super) fn notes(&self) -> &'d Notes {
        self.notes
    }

    /// Whether the file has this section.
    pub(super) fn exists(&self) -> bool {
        self.at.is_some()
    }

    fn value(&self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        self.table?
            .iter()
            .find(|(name, _)| name.get_ref() == key)
            .map(|(_, value)| value)
    }

    /// Where a key's value stands.
    pub(super) fn place(&self, key: &str) -> Option<Range<usize>> {
        self.value(key).map(Spanned::span)
    }

    /// Notes that a key's value has a flaw, at a place.
    ///
    /// `key` may carry an index, as in `parents[1]`.
    pub(super) fn flawed(&self, key: &str, at: Option<Range<usize>>, shown: &str, flaw: Flaw) {
        let expected = schema::expected(self.kind, bare(key));
        let found = if flaw.private {
            "not shown".to_owned()
        } else {
            format!("found {shown}")
        };
        if let (true, Some(at)) = (flaw.private, &at) {
            self.notes.hide(at.clone());
        }
        let help = match flaw.advice.as_str() {
            "" => format!("expected {expected}"),
            advice => format!("expected {expected}; {advice}"),
        };
        let labels = at.map(|at| (at, found)).into_iter().collect();
        self.notes
            .add(format!("`{}.{key}` {}", self.name, flaw.what), labels, help);
    }

    fn mistyped(&self, key: &str, value: &Spanned<DeValue<'d>>, wanted: &str) {
        let flaw = Flaw::new(format!("is {}, not {wanted}", kind_of(value.get_ref())), "");
        self.flawed(key, Some(value.span()), &shown(value.get_ref()), flaw);
    }

    /// Notes a placeholder, if the value has one.
    fn placeholder(&self, key: &str, value: &Spanned<DeValue<'d>>) -> bool {
        let Some((_, rest)) = value
            .get_ref()
            .as_str()
            .and_then(|s| s.split_once(PLACEHOLDER))
        else {
            return false;
        };
        let word: String = rest
            .chars()
            .take_while(|c| c.is_ascii_uppercase() || *c == '_')
            .collect();
        self.notes.placeholders.borrow_mut().push(Placeholder {
            word: format!("{PLACEHOLDER}{word}"),
            key: format!("{}.{key}", self.name),
            at: value.span(),
            expected: schema::expected(self.kind, bare(key)),
        });
        true
    }

    fn parse_one<T>(
        &self,
        key: &str,
        value: &Spanned<DeValue<'d>>,
        parse: impl Fn(&str) -> Result<T, Flaw>,
    ) -> Option<At<T>> {
        if self.placeholder(key, value) {
            return None;
        }
        let Some(text) = value.get_ref().as_str() else {
            self.mistyped(key, value, "a string in quotes");
            return None;
        };
        match parse(text) {
            Ok(good) => Some(At {
                value: good,
                at: Some(value.span()),
            }),
            Err(flaw) => {
                self.flawed(key, Some(value.span()), &shown(value.get_ref()), flaw);
                None
            }
        }
    }

    /// Reads a string and what it means.
    pub(super) fn text<T>(&self, key: &str, parse: impl Fn(&str) -> Result<T, Flaw>) -> Found<T> {
        let Some(value) = self.value(key) else {
            return Found::Absent;
        };
        self.parse_one(key, value, parse)
            .map_or(Found::Wrong, Found::Here)
    }

    /// Reads a list of strings and what each means; wrong as a whole where one is wrong.
    pub(super) fn texts<T>(
        &self,
        key: &str,
        parse: impl Fn(&str) -> Result<T, Flaw>,
    ) -> Found<Vec<At<T>>> {
        let Some(value) = self.value(key) else {
            return Found::Absent;
        };
        let Some(list) = value.get_ref().as_array() else {
            if !self.placeholder(key, value) {
                self.mistyped(key, value, "a list in brackets");
            }
            return Found::Wrong;
        };
        // Every entry is read before one that is wrong makes the whole wrong, so that all are reported.
        let read: Vec<_> = list
            .iter()
            .enumerate()
            .map(|(index, one)| self.parse_one(&format!("{key}[{index}]"), one, &parse))
            .collect();
        match read.into_iter().collect() {
            Some(good) => Found::Here(At {
                value: good,
                at: Some(value.span()),
            }),
            None => Found::Wrong,
        }
    }

    /// Reads a list of tables.
    pub(super) fn tables(&self, key: &str, kind: &'static str) -> Found<Vec<Self>> {
        let Some(value) = self.value(key) else {
            return Found::Absent;
        };
        let Some(list) = value.get_ref().as_array() else {
            self.mistyped(key, value, "a list in brackets");
            return Found::Wrong;
        };
        let mut good = Vec::new();
        let mut wrong = false;
        for (index, one) in list.iter().enumerate() {
            if one.get_ref().is_table() {
                good.push(self.entry(format!("{}.{key}[{index}]", self.name), kind, one));
            } else {
                self.mistyped(&format!("{key}[{index}]"), one, "a table in braces");
                wrong = true;
            }
        }
        if wrong {
            Found::Wrong
        } else {
            Found::Here(At {
                value: good,
                at: Some(value.span()),
            })
        }
    }

    /// Reads a whole number within limits.
    pub(super) fn number<T: TryFrom<u64>>(&self, key: &str, least: u64, most: u64) -> Found<T> {
        let Some(value) = self.value(key) else {
            return Found::Absent;
        };
        if self.placeholder(key, value) {
            return Found::Wrong;
        }
        let Some(integer) = value.get_ref().as_integer() else {
            self.mistyped(key, value, "a whole number");
            return Found::Wrong;
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number
            .filter(|n| (least..=most).contains(n))
            .and_then(|n| T::try_from(n).ok());
        match number {
            Some(number) => Found::Here(At {
                value: number,
                at: Some(value.span()),
            }),
            None => {
                let flaw = Flaw::new("is out of range", "");
                self.flawed(key, Some(value.span()), &shown(value.get_ref()), flaw);
                Found::Wrong
            }
        }
    }

    /// Reads a TCP port.
    pub(super) fn port(&self, key: &str) -> Found<u16> {
        self.number(key, 1, u16::MAX.into())
    }

    /// Reads true or false.
    pub(super) fn flag(&self, key: &str) -> Found<bool> {
        let Some(value) = self.value(key) else {
            return Found::Absent;
        };
        if let Some(flag) = value.get_ref().as_bool() {
            return Found::Here(At {
                value: flag,
                at: Some(value.span()),
            });
        }
        if !self.placeholder(key, value) {
            self.mistyped(key, value, "true or false without quotes");
        }
        Found::Wrong
    }

    /// Insists on a key that has no default.
    pub(super) fn need<T>(&self, key: &str, found: Found<T>) -> Option<At<T>> {
        match found {
            Found::Here(value) => Some(value),
            Found::Wrong => None,
            // Reported already, as misspelt.
            Found::Absent if self.notes.is_meant(&self.name, key) => None,
            Found::Absent => {
                let labels = self.at.clone().map(|at| (at, format!("without `{key}`")));
                let expected = schema::expected(self.kind, key);
                self.notes.add(
                    format!("`{}.{key}` is missing", self.name),
                    labels.into_iter().collect(),
                    format!("expected {expected}; add it as `{key} = …`"),
                );
                None
            }
        }
    }
}

impl<T> Found<T> {
    /// Takes a default where the key is absent; nothing where it is wrong.
    pub(super) fn or(self, default: T) -> Option<At<T>> {
        match self {
            Self::Here(value) => Some(value),
            Self::Wrong => None,
            Self::Absent => Some(At {
                value: default,
                at: None,
            }),
        }
    }

    /// The same for a default that may not exist.
    pub(super) fn or_maybe(self, default: Option<T>) -> Self {
        match (self, default) {
            (Self::Absent, Some(value)) => Self::Here(At { value, at: None }),
            (found, _) => found,
        }
    }

    /// The value of a key that one may leave out; nothing where it is wrong.
    pub(super) fn optional(self) -> Option<Option<At<T>>> {
        match self {
            Self::Here(value) => Some(Some(value)),
            Self::Wrong => None,
            Self::Absent => Some(None),
        }
    }
}

/// A key without the index of a list's entry.
fn bare(key: &str) -> &str {
    key.split_once('[').map_or(key, |(name, _)| name)
}
