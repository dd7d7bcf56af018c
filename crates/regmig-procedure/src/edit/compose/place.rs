//! Where a port goes in the text of a compose file.

use yaml_edit::{Mapping, Sequence, TextPosition, YamlNode};

use super::super::error::quote;
use super::super::marks::{Place, Region, line_start};
use super::super::{EditError, EditErrorKind, Position};
use super::document::{Document, scalar};
use super::port::Port;

/// Finds the place for one more port of a service.
///
/// Before the first port if there are any, else before the first key of the service: both start a line
/// in every layout, while the end of a list may be followed by comments that belong elsewhere.
pub(super) fn of(document: &Document, service: &str, wanted: &Port) -> Result<Region, EditError> {
    let placer = Placer {
        document,
        service,
        item: format!("\"{}\"", wanted.text),
    };
    let services = Document::get(&document.root, "services");
    let services = services.as_ref().and_then(YamlNode::as_mapping);
    let node = services.and_then(|services| Document::get(services, service));
    match &node {
        Some(YamlNode::Mapping(mapping)) => placer.in_service(mapping),
        Some(other) => {
            Err(placer.refuse(other.byte_range(), "a service that is not written out here"))
        }
        None => Err(placer.refuse(
            document.root.byte_range(),
            "a service that is merged in from elsewhere",
        )),
    }
}

/// What is to be placed.
struct Placer<'a> {
    document: &'a Document,
    service: &'a str,
    item: String,
}

impl Placer<'_> {
    /// Within the mapping of the service.
    fn in_service(&self, mapping: &Mapping) -> Result<Region, EditError> {
        let mut ports = None;
        let mut merges = false;
        for entry in mapping.entries() {
            let Some(key) = entry.key_node() else {
                continue;
            };
            match scalar(&key).as_deref() {
                Some("ports") => ports = Some((key, entry.value_node())),
                Some("<<") => merges = true,
                _ => {}
            }
        }
        match ports {
            Some((_, Some(YamlNode::Sequence(list)))) => self.in_list(&list),
            Some((key, value))
                if value
                    .as_ref()
                    .is_none_or(|value| self.shown(value).is_empty()) =>
            {
                self.below_key(&key, mapping)
            }
            Some((key, _)) => Err(self.refuse(
                key.byte_range(),
                "`ports` that are not a list written out here",
            )),
            None if merges => Err(self.refuse(
                mapping.byte_range(),
                "a merge key, which ports of its own could hide",
            )),
            None if mapping.is_flow_style() => {
                let item = format!("ports: [{}]", self.item);
                let last = mapping
                    .entries()
                    .filter_map(|entry| entry.value_node().or(entry.key_node()))
                    .last();
                self.in_brackets(mapping.byte_range(), '}', last.as_ref(), &item)
            }
            None => self.before_first_key(mapping),
        }
    }

    /// A new block of ports in front of the first key.
    fn before_first_key(&self, mapping: &Mapping) -> Result<Region, EditError> {
        let key = mapping.entries().find_map(|entry| entry.key_node());
        let start = key.map_or(0, |key| key.byte_range().start as usize);
        let at = line_start(&self.document.text, start);
        let indent = self.document.text.get(at..start).unwrap_or("x");
        if indent.is_empty() || !indent.bytes().all(|byte| byte == b' ') {
            return Err(self.refuse(
                mapping.byte_range(),
                "a service whose first key does not start its line",
            ));
        }
        let lines = vec![
            format!("{indent}ports:"),
            format!("{indent}  - {}", self.item),
        ];
        Ok(Region {
            place: Place::At(at),
            lines,
        })
    }

    /// In front of the first member of a list.
    fn in_list(&self, list: &Sequence) -> Result<Region, EditError> {
        let first = list.values().next();
        if list.is_flow_style() {
            return self.in_brackets(
                list.byte_range(),
                ']',
                list.values().last().as_ref(),
                &self.item,
            );
        }
        let start = first.map_or(0, |first| first.byte_range().start as usize);
        let at = line_start(&self.document.text, start);
        let lead = self.document.text.get(at..start).unwrap_or("");
        let dash = lead.trim_start_matches(' ');
        if !dash.starts_with("- ")
            || !dash
                .trim_start_matches('-')
                .bytes()
                .all(|byte| byte == b' ')
        {
            return Err(self.refuse(
                list.byte_range(),
                "a first port that does not stand behind `- ` on its line",
            ));
        }
        Ok(Region {
            place: Place::At(at),
            lines: vec![format!("{lead}{}", self.item)],
        })
    }

    /// Below a `ports:` that has no value.
    fn below_key(&self, key: &YamlNode, mapping: &Mapping) -> Result<Region, EditError> {
        let text = &self.document.text;
        let start = key.byte_range().start as usize;
        let indent = text.get(line_start(text, start)..start).unwrap_or("x");
        if mapping.is_flow_style() || !indent.bytes().all(|byte| byte == b' ') {
            return Err(self.refuse(key.byte_range(), "`ports` without a value"));
        }
        let next = text
            .get(start..)
            .and_then(|rest| rest.find('\n'))
            .map(|at| start + at + 1);
        let place = next.map_or(Place::End, Place::At);
        Ok(Region {
            place,
            lines: vec![format!("{indent}  - {}", self.item)],
        })
    }

    /// Before the closing bracket of a list or mapping in one line.
    fn in_brackets(
        &self,
        range: TextPosition,
        close: char,
        last: Option<&YamlNode>,
        item: &str,
    ) -> Result<Region, EditError> {
        let whole = self.document.slice(&range);
        let trimmed = whole.trim_end();
        let at = range.start as usize + trimmed.len().saturating_sub(1);
        if !trimmed.ends_with(close) {
            return Err(self.refuse(range, "brackets whose end was not found"));
        }
        let Some(last) = last else {
            return Ok(Region {
                place: Place::Within(at),
                lines: vec![item.to_owned()],
            });
        };
        let behind = self
            .document
            .text
            .get(last.byte_range().end as usize..at)
            .unwrap_or("");
        let comma = behind.lines().any(|line| {
            line.split('#')
                .next()
                .is_some_and(|code| code.contains(','))
        });
        let lead = if comma { " " } else { ", " };
        Ok(Region {
            place: Place::Within(at),
            lines: vec![format!("{lead}{item}")],
        })
    }

    /// A value as written, without blanks and comments around it.
    fn shown(&self, node: &YamlNode) -> String {
        self.document.slice(&node.byte_range()).trim().to_owned()
    }

    /// A layout that is not understood.
    fn refuse(&self, range: TextPosition, found: &str) -> EditError {
        EditError::new(
            EditErrorKind::Unsupported,
            format!("{found}, in service {}", quote(self.service)),
            "a service with keys on lines of their own, and `ports` as a list",
            format!("Add {} to its ports by hand.", self.item),
        )
        .at(Position::of(&self.document.text, range.start as usize))
    }
}
