//! Compose files: what they say, and one more published port.
//!
//! The lossless parser `yaml-edit` says where things are; what is inserted are whole lines (or, within
//! `{…}` and `[…]`, a piece of a line), so that comments and layout stay as they are.

mod document;
mod facts;
mod place;
mod port;

pub use facts::{ComposeFacts, Network, Service, Volume};
pub use port::Port;

use super::error::quote;
use super::marks::{Region, edit_once, undo as undo_marks};
use super::{Edit, EditError, EditErrorKind, Marker, Position};
use document::Document;

/// Publishes a port of a service, such as `127.0.0.1:6379:6379`; no change if that port is published there already.
///
/// # Errors
///
/// - [`EditErrorKind::Request`]: `mapping` is not `IP:HOST:CONTAINER[/PROTOCOL]`.
/// - [`EditErrorKind::Syntax`]: the text is not YAML, or not a compose file.
/// - [`EditErrorKind::Missing`]: no such service.
/// - [`EditErrorKind::Taken`]: a service has another port at that address.
/// - [`EditErrorKind::Unsupported`]: the service is written in a way that this edit does not understand.
/// - [`EditErrorKind::OtherEdit`] and [`EditErrorKind::Drift`]: marks in the file that do not fit.
pub fn publish(
    text: &str,
    service: &str,
    mapping: &str,
    marker: &Marker,
) -> Result<Edit, EditError> {
    let wanted = Port::wanted(mapping)?;
    let edit = edit_once(text, marker, |text| regions(text, service, &wanted))?;
    if edit.changed {
        confirm(text, &edit.after, service, mapping)?;
    }
    Ok(edit)
}

/// The exact inverse of [`publish`]; a file without this mark comes back unchanged.
///
/// # Errors
///
/// [`EditErrorKind::Drift`] when marked lines were changed by somebody else.
pub fn unpublish(text: &str, marker: &Marker) -> Result<Edit, EditError> {
    undo_marks(text, marker)
}

/// Reads what a compose file says about its services and networks; variables stay text.
///
/// Anchors and merge keys are resolved; `extends`, further `-f` files and `.env` are not looked at.
///
/// # Errors
///
/// [`EditErrorKind::Syntax`] when the text is not YAML, or not a compose file.
pub fn read(text: &str) -> Result<ComposeFacts, EditError> {
    facts::read(&Document::parse(text)?)
}

/// What to insert, and where; nothing when the port is published already.
fn regions(text: &str, service: &str, wanted: &Port) -> Result<Vec<Region>, EditError> {
    let document = Document::parse(text)?;
    let facts = facts::read(&document)?;
    let Some(found) = facts.service(service) else {
        let known: Vec<&str> = facts
            .services
            .iter()
            .map(|service| service.name.as_str())
            .collect();
        return Err(EditError::new(
            EditErrorKind::Missing,
            format!(
                "no service {} (there are: {})",
                quote(service),
                known.join(", ")
            ),
            "a service of that name",
            "Correct the service names under [stack] in regmig.toml.",
        ));
    };
    if found.ports.iter().any(|port| port.serves(wanted)) {
        return Ok(Vec::new());
    }
    for other in &facts.services {
        let Some(port) = other.ports.iter().find(|port| port.collides(wanted)) else {
            continue;
        };
        let line = text
            .lines()
            .position(|line| line.contains(port.text.as_str()));
        let error = EditError::new(
            EditErrorKind::Taken,
            format!(
                "service {} with port {}",
                quote(&other.name),
                quote(&port.text)
            ),
            format!("nothing else at {}", quote(&wanted.text)),
            "Choose another port as `publish` under [redis] in regmig.toml, or change that mapping.",
        );
        return Err(match line {
            Some(index) => error.at(Position::line(index + 1)),
            None => error,
        });
    }
    if found
        .network_mode
        .as_deref()
        .is_some_and(|mode| mode.starts_with("host"))
    {
        return Err(EditError::new(
            EditErrorKind::Unsupported,
            format!("`network_mode: host` of service {}", quote(service)),
            "a network of its own, from which ports can be published",
            "Redis can be reached on the machine's own address: name that one as `publish` under [redis] in regmig.toml.",
        ));
    }
    place::of(&document, service, wanted).map(|region| vec![region])
}

/// Reads the edited text again: it must say the same and one thing more.
fn confirm(before: &str, after: &str, service: &str, mapping: &str) -> Result<(), EditError> {
    let ports = format!("/services/{service}/ports");
    let mut expected = Document::parse(before)?.leaves();
    // `ports:` without a value is one no longer.
    expected.retain(|(path, value)| *path != ports || !value.is_empty());
    expected.push((format!("{ports}/-"), mapping.to_owned()));
    expected.sort();
    let mut found = Document::parse(after)
        .map(|document| document.leaves())
        .unwrap_or_default();
    found.sort();
    if found == expected {
        return alone(&read(before)?, &read(after)?, service);
    }
    Err(EditError::new(
        EditErrorKind::SelfCheck,
        "an edited file that says something else than the file before and one port more",
        format!(
            "only {} in addition, under `ports` of {}",
            quote(mapping),
            quote(service)
        ),
        "Nothing was changed. Publish the port by hand, and report the file as a fault of regmig.",
    ))
}

/// Refuses an edit that another service takes part in, by an anchor and a merge key.
fn alone(before: &ComposeFacts, after: &ComposeFacts, service: &str) -> Result<(), EditError> {
    let others = before.services.iter().filter(|other| other.name != service);
    let Some(other) = others
        .into_iter()
        .find(|other| after.service(&other.name) != Some(*other))
    else {
        return Ok(());
    };
    Err(EditError::new(
        EditErrorKind::Unsupported,
        format!(
            "service {}, which merges in what service {} says",
            quote(&other.name),
            quote(service)
        ),
        "a service whose ports are its own",
        "Give both their common keys through an `x-…` mapping at the top, or publish the port by hand.",
    ))
}

#[cfg(test)]
mod tests;
