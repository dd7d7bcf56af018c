//! A machine: the one entry to everything in this crate.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use regmig_core::port::PortError;

use crate::command::{Command, KILL_AFTER, LANDING_MARGIN};
use crate::connection::{Access, Connection};
use crate::error::ConnectError;
use crate::exec::{self, Collector, Failure, Sink, Streamer};
use crate::lane::Lane;
use crate::local;
use crate::outcome::{Lost, NoSudo, Words};
use crate::output::{Output, Source, Status};
use crate::spec::{HostSpec, Limits, SshSpec, Transport};

/// Beyond its limit and that of `timeout`, a command's end may take this long to be reported.
const REPORT_MARGIN: Duration = Duration::from_secs(3);

/// A machine, reached by SSH or on the spot.
///
/// Nothing is connected before it is needed, and whatever was lost is connected anew with the next call.
/// Clones share their connections.
#[derive(Clone)]
pub struct Host {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) spec: HostSpec,
    pub(crate) access: Access,
    control: Lane,
    pub(crate) streams: Lane,
    bulk: Lane,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("spec", &self.inner.spec)
            .finish_non_exhaustive()
    }
}

impl Host {
    /// A machine that has not been contacted.
    pub fn new(spec: HostSpec, limits: Limits) -> Self {
        Self::made(
            spec,
            Access {
                limits,
                agent: None,
            },
        )
    }

    /// The same with the agent at this socket in place of the one at `SSH_AUTH_SOCK`; connections are its own.
    #[must_use]
    pub fn with_agent(&self, socket: impl Into<PathBuf>) -> Self {
        let mut access = self.inner.access.clone();
        access.agent = Some(socket.into());
        Self::made(self.inner.spec.clone(), access)
    }

    fn made(spec: HostSpec, access: Access) -> Self {
        let (control, streams, bulk) = (Lane::default(), Lane::default(), Lane::default());
        Self {
            inner: Arc::new(Inner {
                spec,
                access,
                control,
                streams,
                bulk,
            }),
        }
    }

    /// What messages call the machine.
    pub fn label(&self) -> &str {
        &self.inner.spec.label
    }

    /// The limits that apply where a command names none.
    pub fn limits(&self) -> &Limits {
        &self.inner.access.limits
    }

    /// Whether this program runs on that machine.
    pub fn is_local(&self) -> bool {
        matches!(self.inner.spec.transport, Transport::Local)
    }

    /// How long after it was asked for a command may still take effect.
    pub fn lands_within(&self, command: &Command) -> Duration {
        command.lands_within(self.inner.access.limits.command)
    }

    /// Proves that the machine can be reached, is the right one, lets us in and lets us act as root.
    ///
    /// # Errors
    ///
    /// `NotSent` with a [`ConnectError`] beneath, or `Refused` with a [`NoSudo`] beneath.
    pub async fn connect(&self) -> Result<(), PortError> {
        let output = self
            .exec(&Command::new("true").called("log in").query())
            .await?;
        output.success_or_refused(self.what(&"log in")).map(|_| ())
    }

    /// The machine's own host key as `ALGORITHM BASE64`, for another machine's `known_hosts`.
    ///
    /// Over SSH it is the key that was verified; on the spot it is read from `/etc/ssh`.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), and `Refused` where there is no host key.
    pub async fn host_key(&self) -> Result<String, PortError> {
        if let Transport::Ssh(spec) = &self.inner.spec.transport {
            let connection = self
                .lane(&self.inner.control, spec, &"read the host key")
                .await?;
            return Ok(connection.host_key().to_owned());
        }
        let script = "cd /etc/ssh && cat ssh_host_ed25519_key.pub ssh_host_ecdsa_key.pub ssh_host_rsa_key.pub 2>/dev/null";
        let command = Command::shell(script, [""; 0])
            .called("read the host key")
            .query();
        let output = self.exec(&command).await?;
        let text = output.stdout_text();
        let mut words = text
            .lines()
            .next()
            .unwrap_or_default()
            .split_ascii_whitespace();
        match (words.next(), words.next()) {
            (Some(algorithm), Some(key)) => Ok(format!("{algorithm} {key}")),
            _ => Err(PortError::refused(
                self.what(&"read the host key"),
                ConnectError::NoHostKey,
            )),
        }
    }

    /// Runs a command and returns how it ended, whatever that was.
    ///
    /// # Errors
    ///
    /// `NotSent` when it was not started; `Refused` when sudo or the server would not have it;
    /// `OutcomeUnknown` when its answer was lost or its time limit ended it. See the
    /// crate's documentation for how long it may still land.
    pub async fn exec(&self, command: &Command) -> Result<Output, PortError> {
        let mut first = true;
        loop {
            let begun = Instant::now();
            let mut kept = Collector {
                limit: command.kept_output(),
                ..Collector::default()
            };
            match self.run(&self.inner.control, command, &mut kept).await {
                Ok(status) => {
                    let output = Output {
                        status,
                        stdout: kept.stdout,
                        stderr: kept.stderr,
                        cut: kept.cut,
                        elapsed: begun.elapsed(),
                    };
                    return self.judged(command, output);
                }
                Err(failure)
                    if std::mem::take(&mut first) && asks_again(&failure, command.is_query()) =>
                {
                    tracing::debug!(host = self.label(), %command, "asking once more");
                }
                Err(failure) => return Err(self.error(command, failure)),
            }
        }
    }

    /// Runs a command and hands on each line of its output as it comes; `\r` ends a line too.
    ///
    /// The output that is returned holds only the end of both streams, 64 to 128 KiB of each.
    ///
    /// # Errors
    ///
    /// As [`exec`](Self::exec).
    pub async fn exec_streaming(
        &self,
        command: &Command,
        on_line: impl FnMut(Source, &str) + Send,
    ) -> Result<Output, PortError> {
        let mut sink = Streamer::new(on_line);
        let begun = Instant::now();
        let mut first = true;
        let status = loop {
            match self.run(&self.inner.bulk, command, &mut sink).await {
                Ok(status) => break status,
                Err(failure) if std::mem::take(&mut first) && asks_again(&failure, false) => {}
                Err(failure) => return Err(self.error(command, failure)),
            }
        };
        sink.finish();
        let output = Output {
            status,
            stdout: sink.stdout,
            stderr: sink.stderr,
            cut: false,
            elapsed: begun.elapsed(),
        };
        self.judged(command, output)
    }

    /// What was to be done, and where.
    pub(crate) fn what(&self, doing: &dyn std::fmt::Display) -> String {
        format!("{}: {doing}", self.label())
    }

    pub(crate) async fn lane(
        &self,
        lane: &Lane,
        spec: &SshSpec,
        doing: &(dyn std::fmt::Display + Sync),
    ) -> Result<Arc<Connection>, PortError> {
        let connected = lane.connection(spec, &self.inner.access).await;
        connected.map_err(|error| PortError::not_sent(self.what(doing), error))
    }

    async fn run(
        &self,
        lane: &Lane,
        command: &Command,
        sink: &mut dyn Sink,
    ) -> Result<Status, Failure> {
        if command.holds_nul() {
            return Err(ConnectError::Nul.into());
        }
        let begun = Instant::now();
        let limit = command.limit(self.inner.access.limits.command);
        let patience = limit + KILL_AFTER + LANDING_MARGIN + REPORT_MARGIN;
        let sudo = self.inner.spec.sudo;
        let result = match &self.inner.spec.transport {
            Transport::Ssh(spec) => {
                let connection = lane
                    .connection(spec, &self.inner.access)
                    .await
                    .map_err(Failure::NotSent)?;
                exec::run(
                    &connection,
                    command.line(sudo, Some(limit)),
                    command.input(),
                    sink,
                    patience,
                )
                .await
            }
            Transport::Local => {
                local::run(
                    &command.wrapped(sudo, Some(limit)),
                    command.input(),
                    sink,
                    patience,
                )
                .await
            }
        };
        tracing::debug!(host = self.label(), %command, ?result, elapsed = ?begun.elapsed(), "command");
        result
    }

    /// Tells a command's own end from that by sudo and by the time limit.
    fn judged(&self, command: &Command, output: Output) -> Result<Output, PortError> {
        let limit = command.limit(self.inner.access.limits.command);
        if output.elapsed >= limit && by_timeout(&output.status) {
            let lost = Lost::Ended {
                limit,
                words: Words::of(&output),
            };
            let what = self.what(command);
            return Err(if command.is_query() {
                PortError::not_sent(what, lost)
            } else {
                PortError::unknown(what, lost)
            });
        }
        if command.uses_sudo(self.inner.spec.sudo) && output.stdout.is_empty() {
            let said = output.stderr_text();
            let refused = output.status == Status::Code(1) && said.starts_with("sudo: ");
            let missing = output.status == Status::Code(127) && said.contains("sudo");
            if refused || missing {
                let user = match &self.inner.spec.transport {
                    Transport::Ssh(spec) => spec.user.clone(),
                    Transport::Local => "this user".to_owned(),
                };
                let words = Words::of(&output);
                return Err(PortError::refused(
                    self.what(command),
                    NoSudo { user, words },
                ));
            }
        }
        Ok(output)
    }

    fn error(&self, command: &Command, failure: Failure) -> PortError {
        let what = self.what(command);
        let lost = match failure {
            Failure::NotSent(error) => return PortError::not_sent(what, error),
            Failure::Refused => {
                return PortError::refused(
                    what,
                    "the SSH server does not run commands for this user or key",
                );
            }
            Failure::Lost(reason) => Lost::Connection {
                reason,
                landing: self.lands_within(command),
            },
            Failure::Silent(waited) => Lost::Silent { waited },
            Failure::Local(error) => Lost::Local(error),
        };
        if command.is_query() {
            PortError::not_sent(what, lost)
        } else {
            PortError::unknown(what, lost)
        }
    }
}

/// Whether `timeout` ends like that after the time limit.
///
/// 124 is its own status. When it has to send SIGKILL, that reaches its whole group and itself too, of which a
/// shell or sudo in between makes 128 and the signal.
fn by_timeout(status: &Status) -> bool {
    match status {
        Status::Code(code) => matches!(code, 124 | 137),
        Status::Signal(name) => name == "KILL",
    }
}

/// Whether a failure is one of the connection, and asking once more does no harm.
fn asks_again(failure: &Failure, query: bool) -> bool {
    match failure {
        Failure::NotSent(error) => matches!(**error, ConnectError::Gone { .. }),
        Failure::Lost(_) => query,
        _ => false,
    }
}
