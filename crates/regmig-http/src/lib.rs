//! HTTP/1.1 requests over any byte stream, in the clear or over verified TLS.
//!
//! The stream may be a TCP connection or a channel of an SSH connection; one request is
//! sent on it and the server is asked to close it. A [`KeptConnection`] is for many. What matters to whoever calls is whether a
//! request that failed may still have taken place on the server: [`HttpError::sent`] tells.
//!
//! Redirects are not followed and nothing is asked twice: both are the caller's decision.

mod error;
mod exchange;
mod fingerprint;
mod kept;
mod limits;
mod message;
mod progress;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;
mod trust;

pub use error::{Cause, HttpError, Stage};
pub use exchange::{peer_fingerprint, request};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use kept::KeptConnection;
pub use limits::Limits;
pub use message::{Method, Request, Response};
pub use tcp::{peer_fingerprint_over_tcp, request_over_tcp};
pub use tls::{Tls, TlsError};
pub use trust::{TlsTrust, TrustError};
