//! SHA-256 fingerprints of certificates.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// The SHA-256 digest of a certificate in DER form.
///
/// `openssl x509 -noout -fingerprint -sha256` prints the same value, and its whole line can be parsed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate in DER form.
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// A text that is not a SHA-256 fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a SHA-256 fingerprint: expected 64 hexadecimal digits, with or without \
     colons, as `openssl x509 -noout -fingerprint -sha256 -in FILE` prints them"
)]
pub struct FingerprintError {
    text: String,
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || FingerprintError {
            text: text.to_owned(),
        };
        let value = text
            .rsplit_once('=')
            .map_or(text, |(_, value)| value)
            .trim();
        let digits = value
            .chars()
            .filter(|c| *c != ':')
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<Vec<u8>>>()
            .ok_or_else(wrong)?;
        let bytes: Vec<u8> = digits
            .chunks_exact(2)
            .filter_map(|pair| match pair {
                [high, low] => Some(high << 4 | low),
                _ => None,
            })
            .collect();
        if digits.len() != 64 {
            return Err(wrong());
        }
        bytes.try_into().map(Self).map_err(|_| wrong())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_openssl_is_read() {
        let known = Fingerprint::of(b"abc");
        let text = known.to_string();
        assert!(
            text.starts_with("BA:78:16:BF:"),
            "the published SHA-256 of abc: {text}"
        );
        for spelling in [
            text.clone(),
            text.replace(':', "").to_lowercase(),
            format!("sha256 Fingerprint={text}\n"),
        ] {
            assert_eq!(spelling.parse::<Fingerprint>(), Ok(known), "{spelling}");
        }
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        let long = "00".repeat(33);
        for text in ["", "abc", "SHA1:00", &long[1..], &long, &"é".repeat(64)] {
            let error = text.parse::<Fingerprint>().unwrap_err().to_string();
            assert!(error.contains("64 hexadecimal digits"), "{error}");
        }
    }
}
