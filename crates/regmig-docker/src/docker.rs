//! Docker Engine of one machine.

use std::sync::Arc;
use std::time::Duration;

use bollard::{BollardRequest, ClientVersion};
use regmig_core::port::{Fut, PortError};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::{DockerError, Failure, Kind};
use crate::transport::{Dial, Io, Transport, TransportError};

/// The client library's own time limit in seconds: none that matters.
const NEVER: u64 = u32::MAX as u64;

/// How long to wait for Docker Engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DockerLimits {
    /// For a new connection, up to its first answer.
    pub connect: Duration,
    /// For the answer to a request; a stop is granted its own grace on top.
    pub answer: Duration,
}

impl Default for DockerLimits {
    /// 10 s to connect; 60 s for an answer, since a machine that starts a stack answers slowly.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(60),
        }
    }
}

/// What Docker Engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineVersion {
    /// Such as `20.10.24`.
    pub version: String,
    /// The newest API that it speaks, such as `1.41`.
    pub api: String,
    /// Such as `linux`.
    pub os: String,
    /// Such as `amd64`.
    pub arch: String,
    /// Kernel of the machine.
    pub kernel: String,
}

/// Docker Engine of one machine. Clones share their connections.
#[derive(Clone)]
pub struct Docker {
    /// Requests are given up here and not by the client library: only here is it known whether they were sent.
    connector: Arc<dyn Fn() -> Result<bollard::Docker, bollard::errors::Error> + Send + Sync>,
    label: Arc<str>,
    limits: DockerLimits,
}

impl std::fmt::Debug for Docker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Docker")
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

impl Docker {
    /// Docker Engine at the end of the streams that `dial` opens; nothing is opened before it is needed.
    pub fn new<D, F, S>(label: impl Into<String>, limits: DockerLimits, dial: D) -> Self
    where
        D: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<S, PortError>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let label: String = label.into();
        let dial: Dial = Arc::new(move || -> Fut<'static, Result<Box<dyn Io>, PortError>> {
            let opening = dial();
            Box::pin(async move { Ok(Box::new(opening.await?) as Box<dyn Io>) })
        });
        let transport = Arc::new(Transport::new(
            label.clone(),
            dial,
            limits.connect,
            bollard::body_full,
        ));
        let connector = move || {
            let transport = Arc::clone(&transport);
            bollard::Docker::connect_with_custom_transport(
                move |request: BollardRequest| {
                    let transport = Arc::clone(&transport);
                    async move { transport.request(request).await.map_err(Into::into) }
                },
                Some("http://docker"),
                NEVER,
                &ClientVersion {
                    major_version: 1,
                    minor_version: 41,
                },
            )
        };
        Self {
            connector: Arc::new(connector),
            label: label.into(),
            limits,
        }
    }

    /// What messages call the machine.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The limits that apply.
    pub fn limits(&self) -> &DockerLimits {
        &self.limits
    }

    /// Which Docker Engine it is.
    ///
    /// # Errors
    ///
    /// `NotSent` when it cannot be reached, `Refused` when it will not say.
    pub async fn version(&self) -> Result<EngineVersion, PortError> {
        let found = self
            .ask("ask Docker for its version", |client| async move {
                client.version().await
            })
            .await?;
        Ok(EngineVersion {
            version: found.version.unwrap_or_default(),
            api: found.api_version.unwrap_or_default(),
            os: found.os.unwrap_or_default(),
            arch: found.arch.unwrap_or_default(),
            kernel: found.kernel_version.unwrap_or_default(),
        })
    }

    /// The client library over the connections that all clones share.
    pub(crate) fn client(&self) -> Result<bollard::Docker, bollard::errors::Error> {
        (self.connector)().map_err(|error| {
            TransportError::NotSent(PortError::not_sent(
                self.what("set up the Docker client"),
                error,
            ))
            .into()
        })
    }

    /// What was to be done, and where.
    pub(crate) fn what(&self, doing: &str) -> String {
        format!("{}: {doing}", self.label)
    }

    /// Asks a question, and once more when the answer is lost.
    pub(crate) async fn ask<T, F>(
        &self,
        doing: &str,
        request: impl Fn(bollard::Docker) -> F,
    ) -> Result<T, PortError>
    where
        F: Future<Output = Result<T, bollard::errors::Error>>,
    {
        let asked = async || request(self.client()?).await;
        match self.attempt(self.limits.answer, asked()).await {
            Err(Failure::Lost(first @ DockerError::Lost { .. })) => {
                tracing::debug!(docker = %self.label, doing, error = %first, "asking once more");
                let again = self.attempt(self.limits.answer, asked()).await;
                again.map_err(|failure| failure.of(self.what(doing), Kind::Question))
            }
            result => result.map_err(|failure| failure.of(self.what(doing), Kind::Question)),
        }
    }

    /// Asks for a change, once.
    pub(crate) async fn change<T, F>(
        &self,
        doing: &str,
        grace: Duration,
        request: impl FnOnce(bollard::Docker) -> F,
    ) -> Result<T, PortError>
    where
        F: Future<Output = Result<T, bollard::errors::Error>>,
    {
        let asked = async { request(self.client()?).await };
        let result = self.attempt(self.limits.answer + grace, asked).await;
        tracing::debug!(docker = %self.label, doing, ok = result.is_ok(), "change");
        result.map_err(|failure| failure.of(self.what(doing), Kind::Change))
    }

    /// Waits for one request.
    ///
    /// Connecting has its own limit, twice where a kept connection had ended. Granting both on top
    /// makes sure that a request that is given up here was sent.
    async fn attempt<T>(
        &self,
        limit: Duration,
        request: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(limit + self.limits.connect * 2, request).await {
            Ok(result) => result.map_err(Failure::from),
            Err(_) => Err(Failure::Lost(DockerError::TimedOut { limit })),
        }
    }

    /// Refuses what would be a part of a path and not a name.
    pub(crate) fn named(&self, doing: &str, name: &str) -> Result<(), PortError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        let begins = name
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric());
        if begins && name.bytes().all(plain) {
            return Ok(());
        }
        Err(PortError::not_sent(
            self.what(doing),
            DockerError::Name {
                name: name.to_owned(),
            },
        ))
    }
}
