//! What is written into the log of a run, one JSON object a line.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// What a client did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Registered a user.
    Write,
    /// Asked the register for a user.
    Read,
    /// Asked the DNS server for a user.
    Dns,
    /// Asked the parent's name server where the platform is.
    Follow,
}

/// One line of the log; all times are in milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A run begins.
    Start {
        /// When.
        at_ms: u64,
        /// Where its requests go at first.
        target: SocketAddr,
        /// The name that is asked for there.
        host: String,
        /// The prefix of its user names.
        prefix: String,
        /// The number of its first user.
        first: u64,
    },
    /// A write was acknowledged: from here on it must never be lost.
    Ack {
        /// When the acknowledgement had been read.
        at_ms: u64,
        /// The user.
        user: String,
        /// The core it was registered with.
        core: String,
        /// The address that acknowledged.
        target: SocketAddr,
        /// How long it took, in ms, from the moment the request was due.
        ms: f64,
    },
    /// A read or a DNS question was answered as it should be.
    Ok {
        /// When.
        at_ms: u64,
        /// Which of the two.
        op: Operation,
        /// The user asked for.
        user: String,
        /// The address that answered.
        target: SocketAddr,
        /// How long it took, in ms, from the moment the request was due.
        ms: f64,
    },
    /// A request failed. A failed write may nevertheless have taken place.
    Fail {
        /// When.
        at_ms: u64,
        /// What was tried.
        op: Operation,
        /// The kind of failure, for counting.
        kind: String,
        /// The user it was about; empty when about none.
        user: String,
        /// The address asked.
        target: SocketAddr,
        /// How long it took, in ms, from the moment the request was due.
        ms: f64,
        /// The failure in words.
        detail: String,
    },
    /// A request was due and not sent, since too many were unanswered.
    Skipped {
        /// When.
        at_ms: u64,
        /// What was due.
        op: Operation,
    },
    /// Requests go to another address from here on, as the DNS says.
    Target {
        /// When.
        at_ms: u64,
        /// The address of the register.
        target: SocketAddr,
        /// The name server that gave it.
        name_server: SocketAddr,
    },
    /// The run ends: nothing more is due. Answers to what was sent may follow.
    End {
        /// When.
        at_ms: u64,
        /// Why.
        reason: String,
    },
}

impl Event {
    /// When it happened.
    pub fn at_ms(&self) -> u64 {
        match self {
            Self::Start { at_ms, .. }
            | Self::Ack { at_ms, .. }
            | Self::Ok { at_ms, .. }
            | Self::Fail { at_ms, .. }
            | Self::Skipped { at_ms, .. }
            | Self::Target { at_ms, .. }
            | Self::End { at_ms, .. } => *at_ms,
        }
    }

    /// The user it is about, if any.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Ack { user, .. } | Self::Ok { user, .. } | Self::Fail { user, .. } => Some(user)
                .filter(|name| !name.is_empty())
                .map(String::as_str),
            _ => None,
        }
    }
}
