//! Streams to what a machine can reach.

use std::sync::Arc;

use regmig_core::port::PortError;
use tokio::net::{TcpStream, UnixStream};

use crate::command::Command;
use crate::connection::Target;
use crate::error::ConnectError;
use crate::host::Host;
use crate::local::LocalStream;
use crate::spec::{SshSpec, Transport};
use crate::stream::{BoxedStream, Pumped};

/// Where Docker Engine listens.
const DOCKER_SOCKET: &str = "/var/run/docker.sock";

impl Host {
    /// A stream to an address, as the machine sees it.
    ///
    /// # Errors
    ///
    /// `NotSent`: nothing has passed yet.
    pub async fn open_tcp(&self, address: &str, port: u16) -> Result<BoxedStream, PortError> {
        let target = Target::Tcp(address, port);
        match &self.inner.spec.transport {
            Transport::Ssh(spec) => self.forward(spec, &target).await,
            Transport::Local => {
                let stream = tokio::time::timeout(
                    self.inner.access.limits.connect,
                    TcpStream::connect((address, port)),
                )
                .await;
                let stream = self.reached(&target, stream)?;
                stream.set_nodelay(true).map_err(|error| {
                    PortError::not_sent(self.what(&format!("reach {target}")), error)
                })?;
                Ok(Box::new(stream))
            }
        }
    }

    /// A stream to a socket on the machine, opened as the user that logged in: sudo does not apply.
    ///
    /// # Errors
    ///
    /// `NotSent`: nothing has passed yet.
    pub async fn open_unix(&self, path: &str) -> Result<BoxedStream, PortError> {
        let target = Target::Unix(path);
        match &self.inner.spec.transport {
            Transport::Ssh(spec) => self.forward(spec, &target).await,
            Transport::Local => {
                let stream = tokio::time::timeout(
                    self.inner.access.limits.connect,
                    UnixStream::connect(path),
                )
                .await;
                Ok(Box::new(self.reached(&target, stream)?))
            }
        }
    }

    /// Input and output of a command as a stream; its time limit does not apply, it ends with its input.
    ///
    /// A command that fails shows as an error at the end of its output.
    ///
    /// # Errors
    ///
    /// `NotSent` when it was not started.
    pub async fn open_exec(&self, command: &Command) -> Result<BoxedStream, PortError> {
        let sudo = self.inner.spec.sudo;
        let failed = |error: Arc<ConnectError>| PortError::not_sent(self.what(command), error);
        if command.holds_nul() {
            return Err(failed(Arc::new(ConnectError::Nul)));
        }
        let spec = match &self.inner.spec.transport {
            Transport::Local => {
                let stream = LocalStream::start(&command.wrapped(sudo, None), command.to_string());
                return Ok(Box::new(stream.map_err(|error| failed(Arc::new(error)))?));
            }
            Transport::Ssh(spec) => spec,
        };
        let mut first = true;
        loop {
            let connection = self.lane(&self.inner.streams, spec, command).await?;
            match connection.session().await {
                Ok((channel, slot)) => {
                    if let Err(error) = channel.exec(true, command.line(sudo, None)).await {
                        return Err(failed(Arc::new(ConnectError::Gone {
                            reason: error.to_string(),
                        })));
                    }
                    return Ok(Box::new(Pumped::start(
                        connection,
                        channel,
                        Some(slot),
                        Some(command.to_string()),
                    )));
                }
                Err(ConnectError::Gone { .. }) if std::mem::take(&mut first) => {}
                Err(error) => return Err(failed(Arc::new(error))),
            }
        }
    }

    /// A stream to Docker Engine: its socket, or where only root may open that, the Docker CLI's relay.
    ///
    /// # Errors
    ///
    /// `NotSent`: nothing has passed yet.
    pub async fn open_docker(&self) -> Result<BoxedStream, PortError> {
        let relay = Command::new("docker").args(["system", "dial-stdio"]);
        if self.inner.spec.sudo {
            return self.open_exec(&relay).await;
        }
        let error = match self.open_unix(DOCKER_SOCKET).await {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        match connect_error(&error) {
            // The server forwards to no socket.
            Some(ConnectError::Channel { .. }) => self.open_exec(&relay).await,
            Some(ConnectError::Target { .. }) => Err(self.without_docker(error).await),
            _ => Err(error),
        }
    }

    /// Finds out why the socket could not be opened; SSH does not tell.
    async fn without_docker(&self, error: PortError) -> PortError {
        let script = "[ -S \"$1\" ] || { echo missing; exit; }; [ -w \"$1\" ] && echo open || { echo closed; id -un; }";
        let look = Command::shell(script, [DOCKER_SOCKET])
            .called("look at Docker's socket")
            .query();
        let Ok(found) = self.exec(&look).await else {
            return error;
        };
        let found = found.stdout_text().into_owned();
        let mut lines = found.lines();
        let (reason, passes) = match lines.next() {
            Some("missing") => (
                format!(
                    "there is no socket {DOCKER_SOCKET}; install Docker Engine, or start it: systemctl start docker"
                ),
                true,
            ),
            Some("closed") => {
                let user = lines.next().unwrap_or("this user");
                let ways =
                    format!("let regmig use sudo, or type as root: usermod -aG docker {user}");
                (
                    format!("{user} may not open {DOCKER_SOCKET}; {ways}"),
                    false,
                )
            }
            Some("open") => (
                format!("nothing answers at {DOCKER_SOCKET}; look at: systemctl status docker"),
                true,
            ),
            _ => return error,
        };
        PortError::not_sent(
            self.what(&"reach Docker"),
            ConnectError::Docker { reason, passes },
        )
    }

    async fn forward(&self, spec: &SshSpec, target: &Target<'_>) -> Result<BoxedStream, PortError> {
        let doing = format!("reach {target}");
        let mut first = true;
        loop {
            let connection = self.lane(&self.inner.streams, spec, &doing).await?;
            match connection.forward(target).await {
                Ok(channel) => return Ok(Box::new(Pumped::start(connection, channel, None, None))),
                Err(ConnectError::Gone { .. }) if std::mem::take(&mut first) => {}
                Err(error) => return Err(PortError::not_sent(self.what(&doing), error)),
            }
        }
    }

    fn reached<T>(
        &self,
        target: &Target<'_>,
        result: Result<std::io::Result<T>, tokio::time::error::Elapsed>,
    ) -> Result<T, PortError> {
        let reason = match result {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {:?}", self.inner.access.limits.connect),
        };
        let error = ConnectError::Target {
            target: target.to_string(),
            reason,
        };
        Err(PortError::not_sent(
            self.what(&format!("reach {target}")),
            error,
        ))
    }
}

/// What stood in the way of a connection, where that is what an error is.
fn connect_error(error: &PortError) -> Option<&ConnectError> {
    let PortError::NotSent {
        source: Some(source),
        ..
    } = error
    else {
        return None;
    };
    source.downcast_ref()
}
