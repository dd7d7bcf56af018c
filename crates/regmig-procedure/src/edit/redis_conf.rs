//! Directives of `redis.conf`.
//!
//! Redis reads the file line by line; a `#` starts a comment only at the start of a line, names do not
//! depend on case, the last of two equal directives wins, and `slave…` names are aliases of `replica…`.

mod words;

use super::error::quote;
use super::marks::{Place, Region, edit_once, refuse_other_marks, undo as undo_marks};
use super::{Edit, EditError, EditErrorKind, Marker, Position};

/// A directive in force, as read from the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The line, counted from one.
    pub line: usize,
    /// The name as written.
    pub name: String,
    /// Its arguments, unquoted.
    pub args: Vec<String>,
}

/// Sets directives: active lines of the same name are commented out in place, the new ones appended.
///
/// Appended, so that they also win over anything that an `include` above them says.
///
/// # Errors
///
/// [`EditErrorKind::Request`] for a name or value that cannot stand in the file, [`EditErrorKind::Syntax`]
/// when a line has unbalanced quotes, [`EditErrorKind::OtherEdit`] when another migration's marks or other
/// values under this marker are in the file, [`EditErrorKind::Drift`] when marked lines were changed.
pub fn set(text: &str, settings: &[(&str, &str)], marker: &Marker) -> Result<Edit, EditError> {
    let mut lines = Vec::with_capacity(settings.len());
    for (name, value) in settings {
        lines.push(checked(name, value)?);
    }
    let names: Vec<String> = settings.iter().map(|(name, _)| canonical(name)).collect();
    refuse_other_marks(text, marker)?;
    edit_once(text, marker, |text| {
        let mut regions = Vec::new();
        for found in active(text)? {
            if names.contains(&canonical(&found.setting.name)) {
                regions.push(Region {
                    place: Place::Off(found.start..found.end),
                    lines: Vec::new(),
                });
            }
        }
        if !lines.is_empty() {
            regions.push(Region {
                place: Place::End,
                lines: lines.clone(),
            });
        }
        Ok(regions)
    })
}

/// The exact inverse of [`set`]; a file without this mark comes back unchanged.
///
/// # Errors
///
/// [`EditErrorKind::Drift`] when marked lines were changed by somebody else.
pub fn undo(text: &str, marker: &Marker) -> Result<Edit, EditError> {
    undo_marks(text, marker)
}

/// The directive that is in force by this file: the last one of that name or of its alias.
///
/// # Errors
///
/// [`EditErrorKind::Syntax`] when a line has unbalanced quotes.
pub fn get(text: &str, directive: &str) -> Result<Option<Setting>, EditError> {
    let wanted = canonical(directive);
    let mut found = active(text)?.into_iter().map(|found| found.setting);
    Ok(found.rfind(|setting| canonical(&setting.name) == wanted))
}

/// The `include` directives: files that may say something else than this one.
///
/// # Errors
///
/// [`EditErrorKind::Syntax`] when a line has unbalanced quotes.
pub fn includes(text: &str) -> Result<Vec<Setting>, EditError> {
    let found = active(text)?.into_iter().map(|found| found.setting);
    Ok(found
        .filter(|setting| canonical(&setting.name) == "include")
        .collect())
}

/// A directive with the bytes of its line, without the line break.
struct Found {
    setting: Setting,
    start: usize,
    end: usize,
}

/// All directives in force.
fn active(text: &str) -> Result<Vec<Found>, EditError> {
    let mut found = Vec::new();
    let mut start = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let end = start + line.strip_suffix('\n').unwrap_or(line).len();
        let bare = line.trim_matches([' ', '\t', '\r', '\n']);
        if !bare.is_empty() && !bare.starts_with('#') {
            let Some(words) = words::split(bare) else {
                return Err(EditError::new(
                    EditErrorKind::Syntax,
                    format!("unbalanced quotes in {}", quote(bare)),
                    "every quoted word closed and followed by a blank",
                    "Correct the line; Redis would refuse to start with it.",
                )
                .at(Position::line(index + 1)));
            };
            let mut words = words.into_iter();
            if let Some(name) = words.next() {
                let setting = Setting {
                    line: index + 1,
                    name,
                    args: words.collect(),
                };
                found.push(Found {
                    setting,
                    start,
                    end,
                });
            }
        }
        start += line.len();
    }
    Ok(found)
}

/// The name that a directive and its alias share.
fn canonical(name: &str) -> String {
    name.to_ascii_lowercase().replacen("slave", "replica", 1)
}

/// The line of a directive, if Redis would read it as meant.
fn checked(name: &str, value: &str) -> Result<String, EditError> {
    let line = format!("{name} {value}");
    let plain_name = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let words = if line.contains(['\n', '\r', '\0']) {
        None
    } else {
        words::split(line.trim())
    };
    match words {
        Some(words) if plain_name && words.len() > 1 => Ok(line.trim_end().to_owned()),
        _ => Err(EditError::new(
            EditErrorKind::Request,
            format!("{} to be set", quote(&line)),
            "a directive and at least one value, on one line, with balanced quotes",
            "Correct the value in regmig.toml.",
        )),
    }
}

#[cfg(test)]
mod tests;
