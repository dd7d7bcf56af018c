//! Why a machine could not be reached, would not do it, or did not tell.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use regmig_core::port::PortError;

use crate::command::{Output, Status};

/// Most of a command's last words that an error repeats, in bytes.
const WORDS: usize = 2000;

/// Why no usable connection came about; nothing was asked of the machine.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No TCP connection.
    #[error("{address} port {port} cannot be reached; is it the right address, is sshd running, does a firewall stand between?")]
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
    #[error("the SSH server would not open a channel ({reason}); see MaxSessions and the Allow*Forwarding options of its sshd_config")]
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
    #[error("this machine has no host key in /etc/ssh (ssh_host_*_key.pub); is an SSH server installed?")]
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
                let known = error
                    .downcast_ref::<ConnectError>()
                    .or_else(|| error.downcast_ref::<std::sync::Arc<ConnectError>>().map(AsRef::as_ref));
                if let Some(known) = known {
                    return known.passes();
                }
                next = error.source();
            }
            true
        }
    }
}

/// Why a host key is not trusted. Nothing is ever added to the file by this program.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    /// Nothing on record.
    #[error(
        "the host key of {name} is not known: the server shows {found}, and {file} has no entry for it\n\
         compare with what this prints on the machine's own console: {on_console}\n\
         if they agree, type: {add}"
    )]
    Unknown {
        /// As `known_hosts` spells it.
        name: String,
        /// The file that was read.
        file: PathBuf,
        /// Algorithm and fingerprint that the server showed.
        found: String,
        /// Prints the fingerprint where it can be trusted.
        on_console: String,
        /// Adds the key.
        add: String,
    },
    /// Another key on record.
    #[error(
        "THE HOST KEY OF {name} HAS CHANGED: the server shows {found}, but {file} line {line} expects {expected}\n\
         someone may be in between, or the machine was installed anew; compare with what this prints on its console: {on_console}\n\
         if the new key is right, type: {remove} && {add}"
    )]
    Changed {
        /// As `known_hosts` spells it.
        name: String,
        /// The file that was read.
        file: PathBuf,
        /// The first line that matches.
        line: usize,
        /// Algorithm and fingerprint that the server showed.
        found: String,
        /// Algorithms and fingerprints on record.
        expected: String,
        /// Prints the fingerprint where it can be trusted.
        on_console: String,
        /// Removes the entry.
        remove: String,
        /// Adds the key.
        add: String,
    },
    /// The key is marked `@revoked`.
    #[error(
        "the host key of {name} is revoked: the server shows {found}, which {file} line {line} marks @revoked\n\
         whoever holds that key is not to be trusted; give the machine a new host key, do not remove the mark"
    )]
    Revoked {
        /// As `known_hosts` spells it.
        name: String,
        /// The file that was read.
        file: PathBuf,
        /// The line with the mark.
        line: usize,
        /// Algorithm and fingerprint that the server showed.
        found: String,
    },
    /// Only a certificate authority is on record.
    #[error(
        "{file} line {line} trusts {name} through a certificate authority (@cert-authority), which is not supported: \
         add the host key itself; the server shows {found}\n\
         compare with what this prints on the machine's own console: {on_console}\n\
         if they agree, type: {add}"
    )]
    Authority {
        /// As `known_hosts` spells it.
        name: String,
        /// The file that was read.
        file: PathBuf,
        /// The line with the mark.
        line: usize,
        /// Algorithm and fingerprint that the server showed.
        found: String,
        /// Prints the fingerprint where it can be trusted.
        on_console: String,
        /// Adds the key.
        add: String,
    },
    /// The file cannot be read.
    #[error("the file of known hosts {file} cannot be read")]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
}

/// How an answer was lost after the request had left.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// The connection went away.
    #[error("the connection was lost after the request was sent: {reason}; it may still take effect for {landing:?}")]
    Connection {
        /// How it went.
        reason: String,
        /// How long to wait before looking.
        landing: Duration,
    },
    /// The command was ended at its time limit.
    #[error("it was not done after {limit:?} and was ended there: {words}")]
    Ended {
        /// Its time limit.
        limit: Duration,
        /// What it said last.
        words: Words,
    },
    /// Not even the end was reported in time.
    #[error("no end was reported within {waited:?}")]
    Silent {
        /// How long was waited.
        waited: Duration,
    },
    /// The output was longer than what is kept.
    #[error("it succeeded, but said more than the {kept} bytes that are kept")]
    OutputCut {
        /// What was kept.
        kept: usize,
    },
    /// A process of this machine could not be followed.
    #[error("it was started on this machine but could not be followed")]
    Local(#[source] std::io::Error),
}

/// A command that ended with anything but status 0.
#[derive(Debug, thiserror::Error)]
#[error("it ended with {status}: {words}")]
pub struct CommandFailed {
    /// How it ended.
    pub status: Status,
    /// What it said last.
    pub words: Words,
}

impl CommandFailed {
    /// From what a command left behind.
    pub fn of(output: &Output) -> Self {
        Self { status: output.status.clone(), words: Words::of(output) }
    }
}

/// The end of what a command said: of its errors, or else of its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(String);

impl Words {
    /// From what a command left behind.
    pub fn of(output: &Output) -> Self {
        let spoken = if output.stderr.trim_ascii().is_empty() { &output.stdout } else { &output.stderr };
        let spoken = spoken.trim_ascii();
        let from = spoken.len().saturating_sub(WORDS);
        Self(String::from_utf8_lossy(spoken.get(from..).unwrap_or_default()).into_owned())
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "it said nothing" } else { &self.0 })
    }
}

/// The account may not do this as root.
#[derive(Debug, thiserror::Error)]
#[error(
    "{user} may not run commands as root without a password ({words}); allow it with a line in /etc/sudoers.d: \
     {user} ALL=(ALL) NOPASSWD: ALL"
)]
pub struct NoSudo {
    /// Who asked.
    pub user: String,
    /// What sudo said.
    pub words: Words,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn only_what_may_pass_is_worth_retrying() {
        let key = ConnectError::NoIdentity { user: "ops".into() };
        assert!(!worth_retrying(&PortError::not_sent("x", Arc::new(key))));
        let gone = ConnectError::Gone { reason: "reset".into() };
        assert!(worth_retrying(&PortError::not_sent("x", Arc::new(gone))));
        let revoked = HostKeyError::Revoked { name: "h".into(), file: "f".into(), line: 1, found: "k".into() };
        assert!(!worth_retrying(&PortError::not_sent("x", ConnectError::from(Box::new(revoked)))));
        assert!(!worth_retrying(&PortError::refused("x", "no")));
        assert!(worth_retrying(&PortError::unknown("x", "lost")));
    }
}
