//! Commands inside containers.

use std::time::Duration;

use bollard::exec::StartExecResults;
use bollard::models::ExecConfig;
use bytes::Bytes;
use futures::StreamExt;
use regmig_core::port::PortError;
use tokio::io::AsyncWriteExt;

use crate::docker::Docker;
use crate::error::{DockerError, Failure, Kind, status};
use crate::logs::{LogSource, parts};

/// Most of either output stream that is kept: 8 MiB.
const OUTPUT_LIMIT: usize = 8 << 20;

/// How long Docker may take to know the status after the output has ended.
const STATUS_WAIT: Duration = Duration::from_secs(5);

/// How a command inside a container is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOptions {
    /// What it reads; nothing at first.
    pub stdin: Bytes,
    /// As whom, where not as the container's own user.
    pub user: Option<String>,
    /// Variables of its environment, each `NAME=VALUE`.
    pub env: Vec<String>,
    /// How long to wait. Docker cannot end it: a command that has to end takes `timeout` along.
    pub time_limit: Duration,
    /// Whether it changes nothing, so that a lost answer is no unknown outcome.
    pub query: bool,
}

impl Default for ExecOptions {
    /// No input, 30 s, and it may change something.
    fn default() -> Self {
        Self {
            stdin: Bytes::new(),
            user: None,
            env: Vec::new(),
            time_limit: Duration::from_secs(30),
            query: false,
        }
    }
}

/// What a command inside a container left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecResult {
    /// With which status it ended.
    pub status: i64,
    /// Standard output, up to 8 MiB.
    pub stdout: String,
    /// Standard error, up to 8 MiB.
    pub stderr: String,
    /// Whether there was more.
    pub cut: bool,
}

impl Docker {
    /// Runs a command inside a running container for up to 30 s.
    ///
    /// # Errors
    ///
    /// As [`exec_with`](Self::exec_with).
    pub async fn exec<W: Into<String>>(
        &self,
        container: &str,
        argv: impl IntoIterator<Item = W>,
    ) -> Result<ExecResult, PortError> {
        self.exec_with(container, argv, &ExecOptions::default())
            .await
    }

    /// Runs a command inside a running container and waits for its end.
    ///
    /// # Errors
    ///
    /// `NotSent` when it was not started; `Refused` where the container does not run;
    /// `OutcomeUnknown` when its end was not seen. A status other than 0 is no error.
    pub async fn exec_with<W: Into<String>>(
        &self,
        container: &str,
        argv: impl IntoIterator<Item = W>,
        options: &ExecOptions,
    ) -> Result<ExecResult, PortError> {
        let argv: Vec<String> = argv.into_iter().map(Into::into).collect();
        let program = argv.first().map_or("nothing", String::as_str);
        let doing = format!("run {program} in {container}");
        self.named(&doing, container)?;
        let config = ExecConfig {
            attach_stdin: Some(!options.stdin.is_empty()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(argv.clone()),
            env: Some(options.env.clone()),
            user: options.user.clone(),
            ..ExecConfig::default()
        };
        // What is only prepared changes nothing yet: a lost answer is a command that was not started.
        let prepared = self.ask(&doing, |client| {
            let config = config.clone();
            async move { client.create_exec(container, config).await }
        });
        let id = prepared.await?.id;
        let kind = if options.query {
            Kind::Question
        } else {
            Kind::Change
        };
        let mut kept = Kept::default();
        let limit = options.time_limit;
        match tokio::time::timeout(
            limit + self.limits().connect * 2,
            self.attached(&id, options, &mut kept),
        )
        .await
        {
            Ok(outcome) => outcome.map_err(|failure| failure.of(self.what(&doing), kind))?,
            Err(_) => {
                return Err(
                    Failure::Lost(DockerError::TimedOut { limit }).of(self.what(&doing), kind)
                );
            }
        }
        let status = self.exec_status(&doing, &id, kind).await?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(ExecResult {
            status,
            stdout: text(&kept.stdout),
            stderr: text(&kept.stderr),
            cut: kept.cut,
        })
    }

    /// Starts what was prepared, feeds it, and reads all that it says.
    async fn attached(
        &self,
        id: &str,
        options: &ExecOptions,
        kept: &mut Kept,
    ) -> Result<(), Failure> {
        let started = self.client()?.start_exec(id, None).await?;
        let StartExecResults::Attached {
            mut output,
            mut input,
        } = started
        else {
            return Err(Failure::Lost(DockerError::Unfinished));
        };
        let content = options.stdin.clone();
        let feeding = async move {
            // A command may end without reading its input; its output tells.
            if !content.is_empty()
                && let Err(error) = input.write_all(&content).await
            {
                tracing::trace!(%error, "input was not read");
            }
            if !content.is_empty()
                && let Err(error) = input.shutdown().await
            {
                tracing::trace!(%error, "the end of input was not read");
            }
            input
        };
        tokio::pin!(feeding);
        let mut held = None;
        loop {
            tokio::select! {
                chunk = output.next() => match chunk {
                    Some(chunk) => kept.take(chunk?),
                    None => return Ok(()),
                },
                // Kept until the output has ended: letting go of it would end the stream.
                input = &mut feeding, if held.is_none() => held = Some(input),
            }
        }
    }

    async fn exec_status(&self, doing: &str, id: &str, kind: Kind) -> Result<i64, PortError> {
        let begun = std::time::Instant::now();
        loop {
            let looked = self
                .ask(doing, |client| async move { client.inspect_exec(id).await })
                .await;
            let found = match looked {
                Ok(found) => found,
                // It was started; that Docker has forgotten it says nothing about its end.
                Err(error) if status(&error) == Some(404) => {
                    return Err(Failure::Lost(DockerError::Unfinished).of(self.what(doing), kind));
                }
                Err(error) => {
                    return Err(Failure::Lost(DockerError::Lost {
                        reason: error.one_line(),
                    })
                    .of(self.what(doing), kind));
                }
            };
            match (found.running, found.exit_code) {
                (Some(false) | None, Some(code)) => return Ok(code),
                _ if begun.elapsed() > STATUS_WAIT => {
                    return Err(Failure::Lost(DockerError::Unfinished).of(self.what(doing), kind));
                }
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// What a command said.
#[derive(Debug, Default)]
struct Kept {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    cut: bool,
}

impl Kept {
    fn take(&mut self, chunk: bollard::container::LogOutput) {
        let (source, bytes) = parts(chunk);
        let kept = match source {
            LogSource::Stdout => &mut self.stdout,
            LogSource::Stderr => &mut self.stderr,
        };
        let room = OUTPUT_LIMIT.saturating_sub(kept.len());
        self.cut |= bytes.len() > room;
        kept.extend(bytes.iter().take(room));
    }
}
