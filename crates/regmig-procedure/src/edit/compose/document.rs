//! A parsed compose file.

use yaml_edit::validator::{Rule, Severity, Validator};
use yaml_edit::{AnchorRegistry, Mapping, TextPosition, YamlFile, YamlNode};

use super::super::error::quote;
use super::super::{EditError, EditErrorKind, Position};

/// The text of a compose file and its tree.
pub(super) struct Document {
    /// The text.
    pub(super) text: String,
    /// The mapping at the top.
    pub(super) root: Mapping,
    /// Anchors by name.
    pub(super) anchors: AnchorRegistry,
}

impl Document {
    /// Parses a text; exactly one document with a mapping at the top.
    pub(super) fn parse(text: &str) -> Result<Self, EditError> {
        let parsed = YamlFile::parse(text);
        if let Some(error) = parsed.positioned_errors().first() {
            return Err(syntax(text, error.range.start as usize, &error.message));
        }
        let file = parsed.tree();
        let mut documents = file.documents();
        let Some(document) = documents.next() else {
            return Err(syntax(text, 0, "nothing but blanks and comments"));
        };
        if documents.next().is_some() {
            return Err(syntax(text, 0, "more than one document"));
        }
        let violations = Validator::new().validate(&document);
        let violation = violations
            .iter()
            .find(|found| found.severity == Severity::Error && !lenient(found.rule));
        if let Some(violation) = violation {
            let start = violation
                .text_range
                .as_ref()
                .map_or(0, |range| range.start as usize);
            return Err(syntax(text, start, &violation.message));
        }
        let Some(root) = document.as_mapping() else {
            return Err(syntax(text, 0, "no mapping at the top"));
        };
        let anchors = AnchorRegistry::from_document(&document);
        Ok(Self {
            text: text.to_owned(),
            root,
            anchors,
        })
    }

    /// The text of a range.
    pub(super) fn slice(&self, range: &TextPosition) -> &str {
        self.text
            .get(range.start as usize..range.end as usize)
            .unwrap_or("")
    }

    /// Where a node starts.
    pub(super) fn position(&self, node: &YamlNode) -> Position {
        Position::of(&self.text, node.byte_range().start as usize)
    }

    /// A value by key, without looking through merge keys.
    pub(super) fn get(mapping: &Mapping, key: &str) -> Option<YamlNode> {
        mapping.entries().find_map(|entry| {
            let found = entry.key_node()?;
            if scalar(&found)? == key {
                entry.value_node()
            } else {
                None
            }
        })
    }

    /// Every scalar with the keys that lead to it; members of sequences are all called `-`.
    pub(super) fn leaves(&self) -> Vec<(String, String)> {
        let mut leaves = Vec::new();
        for entry in self.root.entries() {
            entry_leaves(&entry, "", &mut leaves);
        }
        leaves
    }
}

/// Rules of YAML 1.2 that no reader of compose files enforces: the indentation of lines within brackets
/// and quotes, and what YAML 1.1 read otherwise.
fn lenient(rule: Rule) -> bool {
    matches!(rule, Rule::InvalidIndentation | Rule::LegacyYaml11)
}

/// The scalars of an entry.
fn entry_leaves(entry: &yaml_edit::MappingEntry, path: &str, leaves: &mut Vec<(String, String)>) {
    let key = entry.key_node().map(|key| shown(&key)).unwrap_or_default();
    let path = format!("{path}/{key}");
    match entry.value_node() {
        Some(value) => node_leaves(&value, &path, leaves),
        None => leaves.push((path, String::new())),
    }
}

/// The scalars of a node.
fn node_leaves(node: &YamlNode, path: &str, leaves: &mut Vec<(String, String)>) {
    match node {
        YamlNode::Mapping(mapping) => {
            for entry in mapping.entries() {
                entry_leaves(&entry, path, leaves);
            }
        }
        YamlNode::Sequence(sequence) => {
            for value in sequence.values() {
                node_leaves(&value, &format!("{path}/-"), leaves);
            }
        }
        YamlNode::Scalar(_) | YamlNode::Alias(_) | YamlNode::TaggedNode(_) => {
            leaves.push((path.to_owned(), shown(node)));
        }
    }
}

/// The value of a scalar, or the text of anything else.
fn shown(node: &YamlNode) -> String {
    scalar(node).unwrap_or_else(|| node.to_string())
}

/// The value of a scalar, unquoted.
pub(super) fn scalar(node: &YamlNode) -> Option<String> {
    node.as_scalar().map(yaml_edit::Scalar::as_string)
}

/// An error of the parser, at its place.
fn syntax(text: &str, offset: usize, message: &str) -> EditError {
    EditError::new(
        EditErrorKind::Syntax,
        format!("what is not a compose file: {}", quote(message)),
        "one YAML document with `services:` at the top",
        "Correct the file; `docker-compose config` shows whether it is read as meant.",
    )
    .at(Position::of(text, offset))
}
