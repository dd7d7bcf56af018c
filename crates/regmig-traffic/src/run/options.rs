//! What a run is to do.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::register::Register;
use crate::user::Users;

/// How writes are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Load {
    /// At a fixed rate whatever the server does, so that a slow server shows as a gap.
    Open {
        /// Writes per second.
        per_second: f64,
    },
    /// By clients that wait for each answer before they go on.
    Closed {
        /// How many clients.
        writers: usize,
        /// How long each waits between an answer and its next request.
        think: Duration,
    },
}

/// The questions to the platform's DNS server.
#[derive(Debug, Clone, PartialEq)]
pub struct DnsOptions {
    /// The server asked; another one is asked once the parent names another.
    pub server: SocketAddr,
    /// Questions per second.
    pub per_second: f64,
}

/// Everything that a run needs to know.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Where requests go at first.
    pub target: SocketAddr,
    /// The register behind it, and what one request to it may take.
    pub register: Register,
    /// The secret of the `Authorization` header.
    pub key: String,
    /// The users.
    pub users: Users,
    /// The platform's domain: users are asked for as `USER.DOMAIN`.
    pub domain: String,
    /// How writes are sent.
    pub load: Load,
    /// Reads of acknowledged users per second; 0 for none.
    pub reads_per_second: f64,
    /// Questions to the DNS server; none without.
    pub dns: Option<DnsOptions>,
    /// The parent's name server to follow; none keeps to the first target.
    pub follow: Option<SocketAddr>,
    /// The log, appended to.
    pub log: PathBuf,
    /// How many requests of each kind may be unanswered before further ones are skipped.
    pub in_flight: usize,
}
