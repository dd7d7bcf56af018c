//! Why a request has no answer.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::tls::TlsError;

/// The error behind an [`HttpError`], as found below it.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// How far a request had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The connection was being opened.
    Connect,
    /// The connection stood and the TLS handshake was not over.
    Handshake,
    /// Nothing of the request had been written.
    Send,
    /// At least a part of the request had been written and the answer was not complete.
    Answer,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "while connecting",
            Self::Handshake => "during the TLS handshake",
            Self::Send => "before the request was sent",
            Self::Answer => "while waiting for the answer",
        })
    }
}

/// Why a request has no answer, by what that means for whoever sent it.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The request cannot be written as HTTP: a line break in a header, say. Nothing was sent.
    #[error("the request for {path:?} at host {host:?} cannot be written as HTTP")]
    Invalid {
        /// The host as given.
        host: String,
        /// The path as given.
        path: String,
        /// What is wrong with it.
        #[source]
        source: Cause,
    },
    /// No connection could be opened.
    #[error("cannot connect to {address}")]
    Connect {
        /// The address that was tried.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The TLS handshake failed or the server is not the expected one. Nothing was sent.
    #[error("no trusted TLS connection")]
    Tls(#[source] TlsError),
    /// The connection was lost before anything of the request was written.
    #[error("the connection was lost before the request was sent")]
    NotSent {
        /// How it was lost.
        #[source]
        source: Cause,
    },
    /// The request was sent, at least in part, and then the connection was lost: it may
    /// have taken place on the server.
    #[error(
        "the request was sent, but the connection was lost before the answer was complete{}",
        status_seen(.status)
    )]
    NoAnswer {
        /// The status of the answer, where at least its head arrived.
        status: Option<u16>,
        /// How it was lost.
        #[source]
        source: Cause,
    },
    /// The server's answer is not HTTP.
    #[error("the answer is not valid HTTP/1.1")]
    Malformed {
        /// What is wrong with it.
        #[source]
        source: Cause,
    },
    /// The body of the answer is longer than the limit.
    #[error("the body of the answer (status {status}) is longer than the limit of {limit} bytes")]
    TooLarge {
        /// The status of the answer.
        status: u16,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The time limit ran out.
    #[error("the time limit of {} ms ran out {stage}", .limit.as_millis())]
    TimeLimit {
        /// How far the request had come.
        stage: Stage,
        /// The limit that ran out.
        limit: Duration,
    },
}

fn status_seen(status: &Option<u16>) -> String {
    status
        .map(|code| format!(" (its status was {code})"))
        .unwrap_or_default()
}

impl HttpError {
    /// Whether the server may have received the request.
    ///
    /// `false`: it has not, and the request can be sent again. `true`: it may have taken
    /// place, or may yet; look before it is repeated.
    pub fn sent(&self) -> bool {
        match self {
            Self::Invalid { .. } | Self::Connect { .. } | Self::Tls(_) | Self::NotSent { .. } => {
                false
            }
            Self::NoAnswer { .. } | Self::Malformed { .. } | Self::TooLarge { .. } => true,
            Self::TimeLimit { stage, .. } => *stage == Stage::Answer,
        }
    }

    /// A short name of the kind of failure, for counting: `connect`, `tls`, `timeout`, …
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "invalid",
            Self::Connect { .. } => "connect",
            Self::Tls(_) => "tls",
            Self::NotSent { .. } => "not-sent",
            Self::NoAnswer { .. } => "no-answer",
            Self::Malformed { .. } => "malformed",
            Self::TooLarge { .. } => "too-large",
            Self::TimeLimit { .. } => "timeout",
        }
    }
}
