//! The TLS handshake, and its failures in words that an operator can act upon.

use std::io;

use rustls::CertificateError;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::fingerprint::Fingerprint;
use crate::trust::{PinMismatch, TlsTrust};

/// TLS towards one server: whom to trust, and the name it has to prove.
#[derive(Debug, Clone, Copy)]
pub struct Tls<'a> {
    /// How the server proves who it is.
    pub trust: &'a TlsTrust,
    /// The name that is sent (SNI) and expected in the certificate; it need not be the address
    /// connected to.
    pub server_name: &'a str,
}

/// Why a TLS connection was not made, or not trusted.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The server name is not one.
    #[error("{name:?} is not a host name or address that a certificate can carry")]
    BadName {
        /// The name as given.
        name: String,
    },
    /// The certificate was issued by somebody else.
    #[error(
        "the certificate presented for {name:?} was not issued by the given CA; is it the right CA file?"
    )]
    UnknownIssuer {
        /// The expected name.
        name: String,
    },
    /// The certificate belongs to another name.
    #[error(
        "the certificate is not for {name:?} but for [{}]; does the server know that name?",
        .presented.join(", ")
    )]
    WrongName {
        /// The expected name.
        name: String,
        /// The names in the certificate.
        presented: Vec<String>,
    },
    /// The certificate is past its end or before its beginning.
    #[error(
        "the certificate presented for {name:?} is {}; check it, and this machine's clock",
        if *.expired { "expired" } else { "not valid yet" }
    )]
    OutOfDate {
        /// The expected name.
        name: String,
        /// Whether it is past its end.
        expired: bool,
    },
    /// The certificate is not the pinned one.
    #[error("the certificate's SHA-256 fingerprint is {found}, expected the pinned {pinned}")]
    NotThePinned {
        /// What the server presented.
        found: Fingerprint,
        /// What was expected.
        pinned: Fingerprint,
    },
    /// Anything else: the connection was lost, or the server does not speak TLS.
    #[error("the TLS handshake with {name:?} failed")]
    Handshake {
        /// The expected name.
        name: String,
        /// What was found.
        #[source]
        source: io::Error,
    },
    /// The server showed no certificate at all.
    #[error("the server {name:?} presented no certificate")]
    NoCertificate {
        /// The expected name.
        name: String,
    },
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up")]
    Setup(#[source] crate::trust::TrustError),
}

impl TlsError {
    /// Whether the server's certificate is to blame, which asking again does not change.
    pub fn is_about_the_certificate(&self) -> bool {
        matches!(
            self,
            Self::UnknownIssuer { .. }
                | Self::WrongName { .. }
                | Self::OutOfDate { .. }
                | Self::NotThePinned { .. }
                | Self::NoCertificate { .. }
        )
    }
}

/// Makes the handshake; gives the stream and the fingerprint of the server's certificate.
pub(crate) async fn handshake<S>(
    stream: S,
    tls: Tls<'_>,
) -> Result<(TlsStream<S>, Fingerprint), TlsError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from(tls.server_name.to_owned()).map_err(|_| TlsError::BadName {
        name: tls.server_name.to_owned(),
    })?;
    let stream = TlsConnector::from(tls.trust.config())
        .connect(name, stream)
        .await
        .map_err(|error| explain(tls.server_name, error))?;
    let peer = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(|chain| chain.first())
        .map(|certificate| Fingerprint::of(certificate))
        .ok_or_else(|| TlsError::NoCertificate {
            name: tls.server_name.to_owned(),
        })?;
    Ok((stream, peer))
}

fn explain(name: &str, error: io::Error) -> TlsError {
    let name = name.to_owned();
    let below = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::InvalidCertificate(why)) = below else {
        return TlsError::Handshake {
            name,
            source: error,
        };
    };
    match why {
        // A CA made anew under the same name shows as a bad signature.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            TlsError::UnknownIssuer { name }
        }
        CertificateError::NotValidForName => TlsError::WrongName {
            name,
            presented: Vec::new(),
        },
        CertificateError::NotValidForNameContext { presented, .. } => TlsError::WrongName {
            name,
            presented: presented.clone(),
        },
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            TlsError::OutOfDate {
                name,
                expired: true,
            }
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            TlsError::OutOfDate {
                name,
                expired: false,
            }
        }
        CertificateError::Other(other) => match other.0.downcast_ref::<PinMismatch>() {
            Some(PinMismatch { found, pinned }) => TlsError::NotThePinned {
                found: *found,
                pinned: *pinned,
            },
            None => TlsError::Handshake {
                name,
                source: error,
            },
        },
        _ => TlsError::Handshake {
            name,
            source: error,
        },
    }
}
