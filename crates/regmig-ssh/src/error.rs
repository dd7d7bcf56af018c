//! Why a machine could not be reached.

use std::path::PathBuf;
use std::time::Duration;

use regmig_core::port::PortError;

use crate::known_hosts::HostKeyError;

/// Why no usable connection came about; nothing was asked of the machine.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No TCP connection.
    #[error(
        "{address} port {port} cannot be reached; is it the right address, is sshd running, does a firewall stand between?"
    )]
    Unreachable {
        /// As configured.
        address: String,
        /// As configured.
        port: u16,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// Something took too long.
    #[error("{address} port {port} did not finish {during} within {limit:?}")]
    TimedOut {
        /// As configured.
        address: String,
        /// As configured.
        port: u16,
        /// Which part.
        during: &'static str,
        /// What was granted.
        limit: Duration,
    },
    /// The SSH protocol failed before there was a session.
    #[error("{address} port {port} accepted the connection but no SSH session came about")]
    Protocol {
        /// As configured.
        address: String,
        /// As configured.
        port: u16,
        /// What went wrong.
        #[source]
        source: russh::Error,
    },
    /// The host key is not the one on record.
    #[error(transparent)]
    HostKey(#[from] Box<HostKeyError>),
    /// The private key cannot be used.
    #[error("the identity file {path} cannot be used: {reason}")]
    Identity {
        /// Which file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// The agent cannot be used.
    #[error("the SSH agent cannot be used: {reason}")]
    Agent {
        /// Why, and what to do.
        reason: String,
    },
    /// Neither a key nor an agent was configured.
    #[error("no way to log in as {user} is configured; name an identity file, or allow the agent")]
    NoIdentity {
        /// Whom to log in as.
        user: String,
    },
    /// The server accepts none of the keys.
    #[error(
        "{address} port {port} lets nobody in as {user} with {offered}; either there is no such user, or the key is not in \
         that user's authorized_keys (the server accepts: {accepted}); try: ssh -v -p {port} {user}@{address} true"
    )]
    KeyRefused {
        /// As configured.
        address: String,
        /// As configured.
        port: u16,
        /// Whom to log in as.
        user: String,
        /// The keys that were offered, with fingerprints.
        offered: String,
        /// Methods that the server would go on with.
        accepted: String,
    },
    /// The server would not open another channel.
    #[error(
        "the SSH server would not open a channel ({reason}); see MaxSessions and the Allow*Forwarding options of its sshd_config"
    )]
    Channel {
        /// The server's words.
        reason: String,
    },
    /// The far end of a forwarded connection could not be reached.
    #[error("{target} cannot be reached from that machine ({reason})")]
    Target {
        /// Address or socket.
        target: String,
        /// The server's words.
        reason: String,
    },
    /// Docker Engine cannot be asked.
    #[error("Docker Engine cannot be asked: {reason}")]
    Docker {
        /// Why, and what to do.
        reason: String,
        /// Whether it may be there a moment later.
        passes: bool,
    },
    /// The connection was lost before the request could leave.
    #[error("the connection was lost before the request could be sent: {reason}")]
    Gone {
        /// How it was lost.
        reason: String,
    },
    /// The request cannot be expressed.
    #[error("the command line holds a NUL byte")]
    Nul,
    /// A program could not be started on this machine.
    #[error("{program} could not be started on this machine")]
    Start {
        /// Which program.
        program: String,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// The host key files of this machine could not be found.
    #[error(
        "this machine has no host key in /etc/ssh (ssh_host_*_key.pub); is an SSH server installed?"
    )]
    NoHostKey,
}

impl ConnectError {
    /// Whether time alone may cure it.
    fn passes(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Protocol { .. }
            | Self::Channel { .. }
            | Self::Target { .. }
            | Self::Gone { .. } => true,
            Self::Docker { passes, .. } => *passes,
            Self::HostKey(_)
            | Self::Identity { .. }
            | Self::Agent { .. }
            | Self::NoIdentity { .. }
            | Self::KeyRefused { .. }
            | Self::Nul
            | Self::Start { .. }
            | Self::NoHostKey => false,
        }
    }
}

/// Whether asking again may help.
///
/// False for what only an operator can repair: a host key that is not on record, a refused
/// key, an unusable identity, missing rights. True for whatever may pass with time.
pub fn worth_retrying(error: &PortError) -> bool {
    match error {
        PortError::Refused { .. } => false,
        PortError::OutcomeUnknown { .. } => true,
        PortError::NotSent { source, .. } => {
            let mut next: Option<&(dyn std::error::Error + 'static)> = match source {
                Some(cause) => Some(cause.as_ref()),
                None => None,
            };
            while let Some(error) = next {
                let known = error.downcast_ref::<ConnectError>().or_else(|| {
                    error
                        .downcast_ref::<std::sync::Arc<ConnectError>>()
                        .map(AsRef::as_ref)
                });
                if let Some(known) = known {
                    return known.passes();
                }
                next = error.source();
            }
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn only_what_may_pass_is_worth_retrying() {
        let key = ConnectError::NoIdentity { user: "ops".into() };
        assert!(!worth_retrying(&PortError::not_sent("x", Arc::new(key))));
        let gone = ConnectError::Gone {
            reason: "reset".into(),
        };
        assert!(worth_retrying(&PortError::not_sent("x", Arc::new(gone))));
        let revoked = HostKeyError::Revoked {
            name: "h".into(),
            file: "f".into(),
            line: 1,
            found: "k".into(),
        };
        assert!(!worth_retrying(&PortError::not_sent(
            "x",
            ConnectError::from(Box::new(revoked))
        )));
        let beneath = PortError::not_sent(
            "docker",
            PortError::not_sent("x", Arc::new(ConnectError::Nul)),
        );
        assert!(!worth_retrying(&beneath));
        assert!(!worth_retrying(&PortError::refused("x", "no")));
        assert!(worth_retrying(&PortError::unknown("x", "lost")));
    }
}
