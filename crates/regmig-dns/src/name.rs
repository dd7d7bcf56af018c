//! Domain names.

use hickory_proto::rr::Name;

use crate::fault::Fault;

/// Reads a name, with or without its final dot.
pub(crate) fn parse(name: &str) -> Result<Name, Fault> {
    let bad = |words: String| Fault::BadName {
        name: name.to_owned(),
        words,
    };
    if name.is_empty() {
        return Err(bad("it is empty; the root is `.`".to_owned()));
    }
    let mut parsed = Name::from_ascii(name).map_err(|error| bad(error.to_string()))?;
    parsed.set_fqdn(true);
    Ok(parsed.to_lowercase())
}

/// The one way in which this crate writes a name: lower case, with its final dot.
pub(crate) fn text(name: &Name) -> String {
    let mut name = name.to_lowercase();
    name.set_fqdn(true);
    name.to_ascii()
}

/// A name in the one way in which this crate writes it: lower case, with its final dot.
///
/// # Errors
///
/// [`Fault::BadName`] for what cannot be a name.
pub fn canonical(name: &str) -> Result<String, Fault> {
    parse(name).map(|name| text(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_in_one_way() {
        assert_eq!(canonical("Ann.Example.ORG").unwrap(), "ann.example.org.");
        assert_eq!(canonical("example.org.").unwrap(), "example.org.");
        assert_eq!(canonical(".").unwrap(), ".");
        assert_eq!(canonical("_tcp.a-b.example").unwrap(), "_tcp.a-b.example.");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", "a..b", &"x".repeat(64), &"abc.".repeat(80)] {
            assert!(
                matches!(canonical(name), Err(Fault::BadName { .. })),
                "{name}"
            );
        }
    }
}
