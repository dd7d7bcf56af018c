//! What an operator says of a machine: how to reach it, as whom, and how long to wait.

use std::path::PathBuf;
use std::time::Duration;

/// One machine and the way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSpec {
    /// What messages call it: `source`, `dest`.
    pub label: String,
    /// The way to it.
    pub transport: Transport,
    /// Whether commands run through `sudo -n`: true when the user is not root.
    pub sudo: bool,
}

/// The way to a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// Over the network.
    Ssh(SshSpec),
    /// The machine on which this program runs.
    Local,
}

/// A machine behind an SSH server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshSpec {
    /// Name or address; it is looked up under this spelling in `known_hosts`.
    pub address: String,
    /// Port of the SSH server.
    pub port: u16,
    /// Whom to log in as.
    pub user: String,
    /// An unencrypted private key, or one whose unlocked twin the agent holds.
    pub identity: Option<PathBuf>,
    /// Whether keys of the agent at `SSH_AUTH_SOCK` may be used.
    pub use_agent: bool,
    /// The file of host keys that are trusted; nothing is ever added to it.
    pub known_hosts: PathBuf,
}

/// How long to wait, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For TCP, key exchange and authentication together.
    pub connect: Duration,
    /// A server silent for this long is asked for a sign of life.
    pub keepalive_interval: Duration,
    /// After this many unanswered questions the connection counts as lost.
    pub keepalive_max: usize,
    /// Time limit of a command that names none.
    pub command: Duration,
}

impl Default for Limits {
    /// 10 s to connect, loss found within 12 s (3 s x (3 + 1)), 30 s for a command.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            keepalive_interval: Duration::from_secs(3),
            keepalive_max: 3,
            command: Duration::from_secs(30),
        }
    }
}
