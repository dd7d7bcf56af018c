//! The name that marks every line of one migration.

use super::{EditError, EditErrorKind};

/// The name under which an edit marks what it inserts, such as the identity of the migration.
///
/// It appears in files as `regmig:NAME`. Letters, digits, `.`, `_` and `-` only, at most 64: it has
/// to be unmistakable in a comment, in the comment field of a key, and in a pattern for `grep`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Marker {
    /// The part after `regmig:`.
    id: String,
}

impl Marker {
    /// What every marker of this program starts with, whatever its name.
    pub(crate) const STEM: &'static str = "regmig:";

    /// Takes a name for a marker.
    ///
    /// # Errors
    ///
    /// [`EditErrorKind::Request`] when the name is empty, longer than 64 bytes, or holds other characters.
    pub fn new(id: impl Into<String>) -> Result<Self, EditError> {
        let id = id.into();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        if id.is_empty() || id.len() > 64 || !id.bytes().all(plain) {
            return Err(EditError::new(
                EditErrorKind::Request,
                format!("the marker {id:?}"),
                "1 to 64 letters, digits, dots, dashes or underscores",
                "Choose another name for the migration.",
            ));
        }
        Ok(Self { id })
    }

    /// The name alone.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The mark as it appears in a file: `regmig:NAME`.
    pub fn mark(&self) -> String {
        format!("{}{}", Self::STEM, self.id)
    }

    /// The mark as a comment, without the space that starts the rest of a marker line.
    pub(crate) fn comment(&self) -> String {
        format!("# {}", self.mark())
    }
}

/// Finds the first mark of this program in a text, whoever's migration it belongs to.
pub(crate) fn any_mark(text: &str) -> Option<(usize, &str)> {
    let at = text.find(Marker::STEM)?;
    let rest = text.get(at..)?;
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':')))
        .unwrap_or(rest.len());
    Some((at, rest.get(..end).unwrap_or(rest)))
}

#[cfg(test)]
mod tests {
    use super::{Marker, any_mark};

    #[test]
    fn only_plain_names_are_taken() {
        assert_eq!(
            Marker::new("lab-2026.1_a").unwrap().mark(),
            "regmig:lab-2026.1_a"
        );
        for bad in ["", "a b", "a|b", "é", "a\nb", &"x".repeat(65)] {
            assert!(Marker::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn any_mark_is_found_whole() {
        assert_eq!(any_mark("x # regmig:abc-1 off"), Some((4, "regmig:abc-1")));
        assert_eq!(any_mark("regmig: nothing"), Some((0, "regmig:")));
        assert_eq!(any_mark("plain"), None);
    }
}
