//! Why the judge cannot judge.

use std::path::PathBuf;

use regmig_http::TrustError;

/// What keeps a run, an audit or a report from being made.
#[derive(Debug, thiserror::Error)]
pub enum TrafficError {
    /// A file cannot be read or written.
    #[error("cannot {action} {what} {}", .path.display())]
    File {
        /// `read`, `write`, `open`.
        action: &'static str,
        /// What the file is for.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A line of a file is not what was written there.
    #[error(
        "line {line} of {} is damaged: expected one JSON object as regmig-traffic writes it; the \
         verdict would be wrong, so none is given",
        .path.display()
    )]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Which line, counted from 1.
        line: usize,
        /// What the parser said.
        #[source]
        source: serde_json::Error,
    },
    /// A value cannot be written as JSON.
    #[error("{what} cannot be written as JSON")]
    Json {
        /// What was to be written.
        what: &'static str,
        /// What the serializer said.
        #[source]
        source: serde_json::Error,
    },
    /// There is nothing to judge.
    #[error(
        "{} holds no acknowledged write: there is nothing to judge; did the run reach the register?",
        .path.display()
    )]
    NothingAcknowledged {
        /// Which log.
        path: PathBuf,
    },
    /// There is no run in the log.
    #[error("{} holds no run: expected the log of `regmig-traffic run`", .path.display())]
    NoRun {
        /// Which log.
        path: PathBuf,
    },
    /// The prefix does not make user names.
    #[error(
        "the prefix {prefix:?} does not make valid user names: expected 3 to 15 of a-z, 0-9 and \
         hyphen, beginning with a letter"
    )]
    BadPrefix {
        /// The prefix as given.
        prefix: String,
    },
    /// No core was named.
    #[error("no core host is given: expected at least one --core")]
    NoCore,
    /// The first user of the run exists before the run.
    #[error(
        "the user {user} already exists on {target}: a lost write of this run could not be told \
         from a kept one of an earlier run; choose another --prefix"
    )]
    PrefixInUse {
        /// The user that was found.
        user: String,
        /// Where.
        target: std::net::SocketAddr,
    },
    /// The CA file or fingerprint cannot be used.
    #[error("TLS cannot be verified with what was given")]
    Trust(#[from] TrustError),
    /// The signals that end a run cannot be caught.
    #[error("signals cannot be caught")]
    Signals(#[source] std::io::Error),
    /// A figure on the command line makes no sense.
    #[error("{0}")]
    Usage(String),
}

impl TrafficError {
    /// This error and everything beneath it, outermost first.
    pub fn chain(&self) -> String {
        chain(self)
    }
}

/// An error and everything beneath it in one line, outermost first.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(below) = next {
        text.push_str(": ");
        text.push_str(&below.to_string());
        next = below.source();
    }
    text
}
