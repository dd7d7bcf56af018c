//! Looks into the PEM file that nginx and regmig are to trust.

use rustls_pki_types::pem::{PemObject as _, SectionKind};

use super::notes::Flaw;

/// Insists on at least one certificate and no private key; tells how many certificates there are.
///
/// A private key would be copied to source, where nobody expects one.
pub(super) fn certificates(content: &[u8]) -> Result<usize, Flaw> {
    let text = std::str::from_utf8(content).map_err(|_| {
        let advice = "this may be DER; convert it: openssl x509 -inform der -in FILE -out FILE.pem";
        Flaw::new("is not a PEM file", advice)
    })?;
    if text.contains("PRIVATE KEY-----") {
        let advice = "leave only the BEGIN CERTIFICATE parts in it; the file is copied to source";
        return Err(Flaw::new("names a file with a private key in it", advice));
    }
    let mut count = 0;
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(content) {
        let (kind, der) = section.map_err(|_| {
            let advice = "a part of it has no END line, or is not base64; copy it again";
            Flaw::new("names a damaged PEM file", advice)
        })?;
        if kind == SectionKind::Certificate {
            if !is_der_sequence(&der) {
                let advice = "a part of it is marked as a certificate and is none; copy it again";
                return Err(Flaw::new("names a damaged PEM file", advice));
            }
            count += 1;
        }
    }
    if count == 0 {
        let advice = "it has no BEGIN CERTIFICATE line that regmig can read";
        return Err(Flaw::new("names a file without a certificate", advice));
    }
    Ok(count)
}

/// Whether bytes are one DER sequence of just their length, as every certificate is.
fn is_der_sequence(der: &[u8]) -> bool {
    let Some((0x30, rest)) = der.split_first() else {
        return false;
    };
    let Some((first, rest)) = rest.split_first() else {
        return false;
    };
    let (length, body) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let Some((digits, body)) = rest.split_at_checked(usize::from(first & 0x7f)) else {
                return false;
            };
            (
                digits
                    .iter()
                    .fold(0, |sum, digit| (sum << 8) | usize::from(*digit)),
                body,
            )
        }
        _ => return false,
    };
    length > 0 && length == body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    // A DER sequence that holds one number: the least that passes for a certificate.
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";

    #[test]
    fn certificates_are_counted() {
        assert_eq!(certificates(CERTIFICATE.as_bytes()).ok(), Some(1));
        let chain = format!("a comment\n{CERTIFICATE}{CERTIFICATE}");
        assert_eq!(certificates(chain.as_bytes()).ok(), Some(2));
    }

    #[test]
    fn whatever_is_no_certificate_is_refused() {
        let key = CERTIFICATE.replace("CERTIFICATE", "ENCRYPTED PRIVATE KEY");
        let cases = [
            (String::new(), "without a certificate"),
            (key.clone(), "private key"),
            (format!("{CERTIFICATE}{key}"), "private key"),
            (CERTIFICATE.replace("MAMC", "M*MC"), "damaged"),
            (CERTIFICATE.replace("MAMCAQE=", "MAMCAQ=="), "damaged"),
            (CERTIFICATE.replace("MAMCAQE=", "AAMCAQE="), "damaged"),
            (CERTIFICATE.replace("-----END", "---"), "damaged"),
            (
                CERTIFICATE.replace("CERTIFICATE", "PUBLIC KEY"),
                "without a certificate",
            ),
        ];
        for (content, expected) in cases {
            let flaw = certificates(content.as_bytes()).unwrap_err();
            assert!(flaw.what.contains(expected), "{content}: {}", flaw.what);
        }
        assert!(certificates(&[0x30, 0x82, 0xff]).is_err());
    }
}
