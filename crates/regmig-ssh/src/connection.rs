//! One SSH connection: made, verified, authenticated, and watched for its loss.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use russh::client::{self, Config, DisconnectReason, Handle, Msg};
use russh::keys::{Algorithm, PublicKeyOrCertificate};
use russh::{Channel, Preferred};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::auth::authenticate;
use crate::error::ConnectError;
use crate::known_hosts::HostKeyError;
use crate::known_hosts::KnownHosts;
use crate::spec::{Limits, SshSpec};

/// Bytes that a server may send ahead on one channel.
const WINDOW: u32 = 1 << 20;

/// Commands at once on one connection; sshd's `MaxSessions` is 10 unless it is told otherwise.
const SESSIONS: usize = 8;

/// How long to wait for one of them to end.
const SLOT_WAIT: Duration = Duration::from_secs(60);

/// How long a server may refuse a command that is the only one.
const ALONE_WAIT: Duration = Duration::from_secs(3);

/// How long to wait before a server is asked again for what it refused.
const OPEN_AGAIN: Duration = Duration::from_millis(250);

/// A live connection; it is lost for good once it is lost.
pub(crate) struct Connection {
    handle: Handle<Client>,
    loss: Arc<OnceLock<String>>,
    host_key: String,
    sessions: Arc<Semaphore>,
}

/// What applies to every connection of a host.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) limits: Limits,
    /// The agent's socket, where it is not the one at `SSH_AUTH_SOCK`.
    pub(crate) agent: Option<PathBuf>,
}

/// Where a forwarded stream leads.
pub(crate) enum Target<'a> {
    Tcp(&'a str, u16),
    Unix(&'a str),
}

impl std::fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(host, port) => write!(f, "{host} port {port}"),
            Self::Unix(path) => write!(f, "the socket {path}"),
        }
    }
}

impl Connection {
    /// Connects, verifies the host key and logs in, all within one limit.
    pub(crate) async fn open(spec: &SshSpec, access: &Access) -> Result<Self, ConnectError> {
        let limits = &access.limits;
        let deadline = Instant::now() + limits.connect;
        let late = |during| ConnectError::TimedOut {
            address: spec.address.clone(),
            port: spec.port,
            during,
            limit: limits.connect,
        };
        let known = KnownHosts::read(&spec.known_hosts, &spec.address, spec.port)?;
        let connecting = TcpStream::connect((spec.address.as_str(), spec.port));
        let socket = tokio::time::timeout_at(deadline, connecting)
            .await
            .map_err(|_| late("the TCP handshake"))?
            .and_then(|socket| {
                socket.set_nodelay(true)?;
                // Without this the kernel goes on to deliver, minutes after the connection was given up
                // or this program killed, what it could not send before: a command would land late.
                socket.set_zero_linger()?;
                Ok(socket)
            })
            .map_err(|source| ConnectError::Unreachable {
                address: spec.address.clone(),
                port: spec.port,
                source,
            })?;

        let config = Arc::new(config(&known, limits));
        let (loss, host_key) = (Arc::new(OnceLock::new()), Arc::new(OnceLock::new()));
        let client = Client {
            known,
            loss: Arc::clone(&loss),
            host_key: Arc::clone(&host_key),
        };
        let mut handle =
            tokio::time::timeout_at(deadline, client::connect_stream(config, socket, client))
                .await
                .map_err(|_| late("the key exchange"))?
                .map_err(|error| match error {
                    ClientError::HostKey(error) => ConnectError::HostKey(error),
                    ClientError::Ssh(source) => ConnectError::Protocol {
                        address: spec.address.clone(),
                        port: spec.port,
                        source,
                    },
                })?;
        tokio::time::timeout_at(
            deadline,
            authenticate(&mut handle, spec, access.agent.as_deref()),
        )
        .await
        .map_err(|_| late("the login"))?
        .map_err(|error| match (error, loss.get()) {
            (ConnectError::Gone { reason }, Some(why)) => ConnectError::Gone {
                reason: format!("{reason}: {why}"),
            },
            (error, _) => error,
        })?;
        let host_key = host_key.get().cloned().unwrap_or_default();
        tracing::debug!(address = %spec.address, port = spec.port, user = %spec.user, "connected");
        Ok(Self {
            handle,
            loss,
            host_key,
            sessions: Arc::new(Semaphore::new(SESSIONS)),
        })
    }

    /// Whether it is lost.
    pub(crate) fn is_lost(&self) -> bool {
        self.handle.is_closed()
    }

    /// How it was lost.
    pub(crate) fn loss(&self) -> String {
        self.loss
            .get()
            .cloned()
            .unwrap_or_else(|| "it was closed".into())
    }

    /// The server's key, as it was verified: algorithm and base64.
    pub(crate) fn host_key(&self) -> &str {
        &self.host_key
    }

    /// A channel for one command, and the slot that it takes up while it lives.
    pub(crate) async fn session(
        &self,
    ) -> Result<(Channel<Msg>, OwnedSemaphorePermit), ConnectError> {
        let waiting = Arc::clone(&self.sessions).acquire_owned();
        let Ok(Ok(slot)) = tokio::time::timeout(SLOT_WAIT, waiting).await else {
            return Err(ConnectError::Channel {
                reason: format!("{SESSIONS} commands are running on this connection"),
            });
        };
        let begun = Instant::now();
        loop {
            match self.handle.channel_open_session().await {
                Ok(channel) => return Ok((channel, slot)),
                // The server allows fewer at once than we do, or still counts one that has ended.
                Err(russh::Error::ChannelOpenFailure(reason)) => {
                    let alone = self.sessions.available_permits() + 1 >= SESSIONS;
                    if begun.elapsed() >= if alone { ALONE_WAIT } else { SLOT_WAIT } {
                        return Err(ConnectError::Channel {
                            reason: reason.description().to_owned(),
                        });
                    }
                    tokio::time::sleep(OPEN_AGAIN).await;
                }
                Err(error) => return Err(self.gone(&error)),
            }
        }
    }

    /// A channel that leads on to an address or a socket, as seen from the machine.
    pub(crate) async fn forward(&self, target: &Target<'_>) -> Result<Channel<Msg>, ConnectError> {
        let opened = match target {
            Target::Tcp(host, port) => {
                self.handle
                    .channel_open_direct_tcpip(*host, u32::from(*port), "127.0.0.1", 0)
                    .await
            }
            Target::Unix(path) => self.handle.channel_open_direct_streamlocal(*path).await,
        };
        opened.map_err(|error| match error {
            russh::Error::ChannelOpenFailure(russh::ChannelOpenFailure::ConnectFailed) => {
                ConnectError::Target {
                    target: target.to_string(),
                    reason: "the SSH server could not connect to it".into(),
                }
            }
            russh::Error::ChannelOpenFailure(reason) => ConnectError::Channel {
                reason: format!("{} for {target}", reason.description()),
            },
            error => self.gone(&error),
        })
    }

    fn gone(&self, error: &russh::Error) -> ConnectError {
        ConnectError::Gone {
            reason: self
                .loss
                .get()
                .cloned()
                .unwrap_or_else(|| error.to_string()),
        }
    }
}

fn config(known: &KnownHosts, limits: &Limits) -> Config {
    let silence =
        limits.keepalive_interval * u32::try_from(limits.keepalive_max + 1).unwrap_or(u32::MAX);
    Config {
        window_size: WINDOW,
        keepalive_interval: Some(limits.keepalive_interval),
        keepalive_max: limits.keepalive_max,
        // Keepalives are not sent while a write blocks; a frozen server is then found by this limit alone.
        inactivity_timeout: Some(silence.max(limits.connect) + Duration::from_secs(1)),
        nodelay: true,
        preferred: Preferred {
            key: Cow::Owned(preferred(&known.algorithms())),
            ..Preferred::DEFAULT
        },
        ..Config::default()
    }
}

/// Host key algorithms, those on record first, SHA-1 left out.
fn preferred(on_record: &[Algorithm]) -> Vec<Algorithm> {
    let usable = Preferred::DEFAULT
        .key
        .iter()
        .filter(|a| !matches!(a, Algorithm::Rsa { hash: None }));
    let known = |a: &Algorithm| on_record.iter().any(|r| r == a || (is_rsa(r) && is_rsa(a)));
    let (first, rest): (Vec<_>, Vec<_>) = usable.cloned().partition(known);
    [first, rest].concat()
}

fn is_rsa(algorithm: &Algorithm) -> bool {
    matches!(algorithm, Algorithm::Rsa { .. })
}

/// The library's view of this client.
pub(crate) struct Client {
    known: KnownHosts,
    loss: Arc<OnceLock<String>>,
    host_key: Arc<OnceLock<String>>,
}

/// What may go wrong inside the library's event loop.
#[derive(Debug)]
pub(crate) enum ClientError {
    HostKey(Box<HostKeyError>),
    Ssh(russh::Error),
}

impl From<russh::Error> for ClientError {
    fn from(error: russh::Error) -> Self {
        Self::Ssh(error)
    }
}

impl std::fmt::Display for ClientError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::HostKey(error) => error.fmt(f),
            Self::Ssh(russh::Error::KeepaliveTimeout | russh::Error::InactivityTimeout) => {
                f.write_str("the server gave no sign of life")
            }
            Self::Ssh(russh::Error::IO(error))
                if error.kind() == std::io::ErrorKind::UnexpectedEof =>
            {
                f.write_str("it was closed at the other end")
            }
            Self::Ssh(error) => error.fmt(f),
        }
    }
}

impl client::Handler for Client {
    type Error = ClientError;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> Result<bool, Self::Error> {
        let shown = shown.public_key();
        self.known.check(&shown).map_err(ClientError::HostKey)?;
        let mut plain = shown;
        plain.set_comment("");
        // A later key exchange shows the same key again; the first one stays.
        if let Ok(line) = plain.to_openssh() {
            self.host_key.get_or_init(|| line.trim().to_owned());
        }
        Ok(true)
    }

    async fn disconnected(
        &mut self,
        reason: DisconnectReason<Self::Error>,
    ) -> Result<(), Self::Error> {
        let words = match &reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                format!("the server said: {}", info.message)
            }
            DisconnectReason::Error(error) => error.to_string(),
        };
        tracing::debug!(reason = words, "connection lost");
        self.loss.get_or_init(|| words);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_on_record_come_first_and_sha1_never() {
        let names = |on_record: &[Algorithm]| -> Vec<String> {
            preferred(on_record)
                .iter()
                .map(|a| a.as_str().to_owned())
                .collect()
        };
        let all = names(&[]);
        assert_eq!(all.first().map(String::as_str), Some("ssh-ed25519"));
        assert!(!all.contains(&"ssh-rsa".to_owned()));
        let rsa = names(&[Algorithm::Rsa { hash: None }]);
        assert_eq!(rsa[..2], ["rsa-sha2-512", "rsa-sha2-256"]);
        assert_eq!(rsa.len(), all.len());
    }
}
