//! Which servers are believed.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::fingerprint::Fingerprint;

/// How a server proves who it is.
///
/// There is no built-in set of public roots. For a publicly trusted certificate give the
/// system's bundle to [`TlsTrust::from_ca_pem`], for instance `/etc/ssl/certs/ca-certificates.crt` on Debian.
#[derive(Clone)]
pub struct TlsTrust {
    config: Arc<ClientConfig>,
    what: String,
}

/// Why a trust cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The bytes are not PEM.
    #[error("the CA file is not valid PEM")]
    NotPem(#[source] rustls_pki_types::pem::Error),
    /// There is no certificate among the bytes.
    #[error(
        "the CA file holds no usable certificate ({found} found): expected at least one \
         `-----BEGIN CERTIFICATE-----` section"
    )]
    NoCertificate {
        /// How many sections were found, none of them usable.
        found: usize,
    },
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up")]
    Setup(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl TlsTrust {
    /// Trusts servers whose certificate was issued by one of the CA certificates in a PEM file,
    /// is valid now, and names the server.
    ///
    /// Certificates of a bundle that cannot be parsed are passed over as long as one can be.
    pub fn from_ca_pem(pem: &[u8]) -> Result<Self, TrustError> {
        let certificates = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(TrustError::NotPem)?;
        let found = certificates.len();
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            return Err(TrustError::NoCertificate { found });
        }
        let provider = Arc::new(ring::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                .build()
                .map_err(|error| TrustError::Setup(Box::new(error)))?;
        Self::with(provider, verifier, format!("{added} CA certificate(s)"))
    }

    /// Trusts the one server that holds the key of the certificate with this fingerprint.
    ///
    /// Name, issuer and validity period are not looked at: the certificate itself is the proof.
    pub fn pinned(pin: Fingerprint) -> Result<Self, TrustError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(ByFingerprint {
            pin: Some(pin),
            provider: provider.clone(),
        });
        Self::with(provider, verifier, format!("the certificate {pin}"))
    }

    /// Accepts whoever answers. Only for asking a server which certificate it has.
    pub(crate) fn anyone() -> Result<Self, TrustError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(ByFingerprint {
            pin: None,
            provider: provider.clone(),
        });
        Self::with(provider, verifier, "anyone".to_owned())
    }

    fn with(
        provider: Arc<CryptoProvider>,
        verifier: Arc<dyn ServerCertVerifier>,
        what: String,
    ) -> Result<Self, TrustError> {
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TrustError::Setup(Box::new(error)))?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        // A resumed session would not show the certificate again.
        config.resumption = Resumption::disabled();
        Ok(Self {
            config: Arc::new(config),
            what,
        })
    }

    /// The configuration for a handshake.
    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }
}

impl fmt::Debug for TlsTrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsTrust({})", self.what)
    }
}

/// The certificate is another one than the pinned one; travels inside the TLS library's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the certificate's SHA-256 fingerprint is {found}, expected {pinned}")]
pub(crate) struct PinMismatch {
    pub(crate) found: Fingerprint,
    pub(crate) pinned: Fingerprint,
}

/// Compares the certificate with a pin, and checks that the server holds its key.
#[derive(Debug)]
struct ByFingerprint {
    pin: Option<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ByFingerprint {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let found = Fingerprint::of(end_entity);
        match self.pin {
            Some(pinned) if pinned != found => Err(rustls::Error::InvalidCertificate(
                CertificateError::Other(OtherError(Arc::new(PinMismatch { found, pinned }))),
            )),
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused() {
        for bytes in [&b""[..], b"hello"] {
            let error = TlsTrust::from_ca_pem(bytes).unwrap_err().to_string();
            assert!(error.contains("no usable certificate (0 found)"), "{error}");
        }
        let nonsense = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let error = TlsTrust::from_ca_pem(nonsense).unwrap_err().to_string();
        assert!(error.contains("no usable certificate (1 found)"), "{error}");
        let torn = b"-----BEGIN CERTIFICATE-----\nAAAA\n";
        let error = TlsTrust::from_ca_pem(torn).unwrap_err().to_string();
        assert!(error.contains("not valid PEM"), "{error}");
    }
}
