//! Keys that sign updates, in the files that BIND's `tsig-keygen` writes.

use std::fmt;

use data_encoding::BASE64;
use hickory_proto::rr::TSigner;
use hickory_proto::rr::rdata::tsig::TsigAlgorithm;

use crate::key_file::{Statement, read_file};
use crate::name;

/// How far the clocks of both sides may differ, seconds; the value that RFC 8945 recommends.
const FUDGE: u16 = 300;

/// A key that signs updates.
#[derive(Clone)]
pub struct TsigKey {
    name: String,
    algorithm: String,
    signer: TSigner,
}

impl fmt::Debug for TsigKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TsigKey")
            .field("name", &self.name)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// Why a key file could not be used. The secret is never repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TsigKeyError {
    /// The text is not what `tsig-keygen` writes.
    #[error(
        "line {line}: found {found}, expected {expected}; a key file is what `tsig-keygen NAME` prints"
    )]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// What stands there.
        found: String,
        /// What should stand there.
        expected: String,
    },
    /// There is no key, or none of that name.
    #[error("no key {} in the file; it has {}", wanted(name.as_deref()), listed(found))]
    Missing {
        /// The name that was looked for.
        name: Option<String>,
        /// The names that are there.
        found: Vec<String>,
    },
    /// There are several keys and none was named.
    #[error("the file has several keys ({}); name one", listed(found))]
    Several {
        /// Their names.
        found: Vec<String>,
    },
    /// The algorithm is not one that is still considered safe.
    #[error(
        "the key {name} is for {algorithm}; use hmac-sha256, hmac-sha384 or hmac-sha512 (`tsig-keygen -a hmac-sha256 {name}`)"
    )]
    Algorithm {
        /// The key.
        name: String,
        /// Its algorithm.
        algorithm: String,
    },
    /// The secret is not Base64.
    #[error("the secret of the key {name} is not Base64")]
    Secret {
        /// The key.
        name: String,
    },
    /// The name of the key is no domain name.
    #[error("the key's name {name:?} is not a domain name")]
    Name {
        /// What stands there.
        name: String,
    },
}

fn wanted(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("{name:?}"))
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

impl TsigKey {
    /// Reads a key file. Without a name, the file must have exactly one key.
    ///
    /// # Errors
    ///
    /// With the line and what was expected there; never with the secret.
    pub fn parse(text: &str, name: Option<&str>) -> Result<Self, TsigKeyError> {
        let keys = read_file(text)?;
        let found: Vec<String> = keys.iter().map(|key| key.name.clone()).collect();
        let same = |a: &str, b: &str| {
            a.trim_end_matches('.')
                .eq_ignore_ascii_case(b.trim_end_matches('.'))
        };
        let mut matching = keys
            .into_iter()
            .filter(|key| name.is_none_or(|wanted| same(wanted, &key.name)));
        match (matching.next(), matching.next()) {
            (Some(key), None) => key.finish(),
            (None, _) => Err(TsigKeyError::Missing {
                name: name.map(str::to_owned),
                found,
            }),
            (Some(_), Some(_)) => Err(TsigKeyError::Several { found }),
        }
    }

    /// The name under which the server knows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn signer(&self) -> &TSigner {
        &self.signer
    }
}

impl Statement {
    fn finish(self) -> Result<TsigKey, TsigKeyError> {
        let Self {
            name,
            algorithm,
            secret,
        } = self;
        let method = match algorithm.to_ascii_lowercase().trim_end_matches('.') {
            "hmac-sha256" => TsigAlgorithm::HmacSha256,
            "hmac-sha384" => TsigAlgorithm::HmacSha384,
            "hmac-sha512" => TsigAlgorithm::HmacSha512,
            _ => return Err(TsigKeyError::Algorithm { name, algorithm }),
        };
        let bytes = match BASE64.decode(secret.as_bytes()) {
            Ok(bytes) if !bytes.is_empty() => bytes,
            _ => return Err(TsigKeyError::Secret { name }),
        };
        let Ok(domain) = name::parse(&name) else {
            return Err(TsigKeyError::Name { name });
        };
        match TSigner::new(bytes, method, domain, FUDGE) {
            Ok(signer) => Ok(TsigKey {
                name,
                algorithm,
                signer,
            }),
            Err(_) => Err(TsigKeyError::Algorithm { name, algorithm }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "key \"Move\" {\n\talgorithm hmac-sha256;\n\tsecret \"c2VjcmV0LWJ5dGVz\";\n};\n";

    fn syntax_line(text: &str) -> usize {
        match TsigKey::parse(text, None) {
            Err(TsigKeyError::Syntax { line, .. }) => line,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_of_tsig_keygen_is_read() {
        let key = TsigKey::parse(FILE, None).unwrap();
        assert_eq!(key.name(), "Move");
        assert_eq!(key.signer().key(), b"secret-bytes");
        assert_eq!(TsigKey::parse(FILE, Some("move.")).unwrap().name(), "Move");
    }

    #[test]
    fn comments_and_missing_quotes_do_not_matter() {
        let text = "# one\n// two\n/* three\n   four */ key move { secret c2VjcmV0LWJ5dGVz; algorithm HMAC-SHA512; };";
        assert_eq!(
            TsigKey::parse(text, None).unwrap().signer().key(),
            b"secret-bytes"
        );
    }

    #[test]
    fn debug_output_and_errors_hold_no_secret() {
        let shown = format!("{:?}", TsigKey::parse(FILE, None).unwrap());
        assert!(
            shown.contains("Move") && !shown.contains("c2Vj") && !shown.contains("secret-bytes"),
            "{shown}"
        );
        for text in [
            FILE.replace("\";\n}", "\"\n}"),
            FILE.replace("secret \"", "algorithm \"")
                .replace("hmac-sha256", "x"),
            FILE.replace("secret \"", "secrets \""),
            FILE.replace("Vz\"", "V!\""),
            FILE.replace("secret \"", "secret ;\""),
        ] {
            let error = TsigKey::parse(&text, None).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("c2Vj"), "{shown}");
        }
    }

    #[test]
    fn errors_point_at_the_line() {
        assert_eq!(syntax_line("zone \"x\" {};"), 1);
        assert_eq!(syntax_line("key \"a\"\n{\nalgorithm hmac-sha256\n}"), 4);
        assert_eq!(syntax_line("key \"a\" {\nsecret \"open;\n};"), 2);
        assert_eq!(syntax_line("\nkey \"a\" { algorithm hmac-sha256; };"), 2);
        assert_eq!(syntax_line("/* open"), 1);
        assert_eq!(syntax_line("key"), 1);
    }

    #[test]
    fn the_wanted_key_is_chosen_and_a_choice_is_demanded() {
        let two = format!("{FILE}{}", FILE.replace("Move", "other"));
        assert_eq!(TsigKey::parse(&two, Some("other")).unwrap().name(), "other");
        assert!(matches!(
            TsigKey::parse(&two, None),
            Err(TsigKeyError::Several { .. })
        ));
        assert!(matches!(
            TsigKey::parse(&two, Some("third")),
            Err(TsigKeyError::Missing { .. })
        ));
        assert!(matches!(
            TsigKey::parse("", None),
            Err(TsigKeyError::Missing { .. })
        ));
    }

    #[test]
    fn weak_algorithms_and_bad_secrets_are_refused() {
        let md5 = FILE.replace("hmac-sha256", "hmac-md5");
        assert!(matches!(
            TsigKey::parse(&md5, None),
            Err(TsigKeyError::Algorithm { .. })
        ));
        let empty = FILE.replace("c2VjcmV0LWJ5dGVz", "");
        assert!(matches!(
            TsigKey::parse(&empty, None),
            Err(TsigKeyError::Secret { .. })
        ));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(key|secret|algorithm|[{};\"#/*\\n a-zé=]){0,40}") {
            let _ = TsigKey::parse(&text, None);
        }
    }
}
