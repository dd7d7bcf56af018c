//! Edits of configuration files: text in, text out, with an exact inverse.
//!
//! Nothing here reads or writes a file. An edit never deletes a byte: it comments out in place and
//! inserts marked lines, so that the inverse needs nothing but the edited text. Each marked place
//! carries a digest; if somebody else changed it since, the inverse refuses ([`EditErrorKind::Drift`])
//! rather than guess. Applying an edit twice is the same as applying it once.

pub mod authorized_keys;
pub mod compose;
mod diff;
mod drift;
mod error;
mod marker;
mod marks;
pub mod nginx;
pub mod redis_conf;

pub use diff::unified_diff;
pub use drift::Drift;
pub use error::{EditError, EditErrorKind, Position};
pub use marker::Marker;

/// What an edit made of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Edit {
    /// The whole text afterwards.
    pub after: String,
    /// Whether it differs from the text before; `false` also when the edit was already in place.
    pub changed: bool,
}

impl Edit {
    /// The text as it was: there is nothing to do.
    pub(crate) fn unchanged(text: &str) -> Self {
        Self {
            after: text.to_owned(),
            changed: false,
        }
    }

    /// Compares the text before with the one after.
    pub(crate) fn between(before: &str, after: String) -> Self {
        let changed = before != after;
        Self { after, changed }
    }
}
