//! HTTP to Docker Engine over streams that somebody else opens.
//!
//! Every new connection first asks for `/_ping`. That costs one round trip and buys three things: no change is ever
//! sent to something that is not a live Docker Engine, the version of its API is known, and
//! whatever keeps us from it is known to have kept the request here too.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use regmig_core::port::{Fut, PortError};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::{DockerError, http_words};

/// Connections that are kept for the next request.
const KEPT: usize = 2;

/// How long they are kept; where each is a process on the machine, it should not linger.
const KEPT_FOR: Duration = Duration::from_secs(15);

/// The newest API that is spoken: Docker 25 of 2024. Docker 29 speaks none before it.
const NEWEST_API: u32 = 44;

/// A stream that leads to Docker Engine.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Opens such streams.
pub(crate) type Dial = Arc<dyn Fn() -> Fut<'static, Result<Box<dyn Io>, PortError>> + Send + Sync>;

/// What reaches the caller through the client library's own error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    #[error("the request was not sent")]
    NotSent(#[source] PortError),
    #[error("{0}")]
    Lost(String),
}

impl From<TransportError> for bollard::errors::Error {
    fn from(error: TransportError) -> Self {
        Self::IOError {
            err: std::io::Error::other(error),
        }
    }
}

/// A live connection.
struct Link<B> {
    sender: SendRequest<B>,
    prefix: Arc<str>,
    number: u64,
}

/// Sends requests over new connections and those that are kept.
pub(crate) struct Transport<B> {
    label: String,
    dial: Dial,
    empty: fn(Bytes) -> B,
    limit: Duration,
    kept: Mutex<Vec<Link<B>>>,
    numbers: AtomicU64,
}

impl<B> Transport<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(crate) fn new(label: String, dial: Dial, limit: Duration, empty: fn(Bytes) -> B) -> Self {
        Self {
            label,
            dial,
            empty,
            limit,
            kept: Mutex::default(),
            numbers: AtomicU64::new(0),
        }
    }

    /// Sends one request and waits for the beginning of its answer.
    pub(crate) async fn request(
        self: Arc<Self>,
        request: Request<B>,
    ) -> Result<Response<Incoming>, TransportError> {
        let plain = request.uri().clone();
        let mut request = request;
        request
            .headers_mut()
            .insert(HOST, HeaderValue::from_static("docker"));
        loop {
            let kept = self.take();
            let reused = kept.is_some();
            let mut link = match kept {
                Some(link) => link,
                None => self.connect().await.map_err(TransportError::NotSent)?,
            };
            *request.uri_mut() = versioned(&link.prefix, &plain);
            match link.sender.try_send_request(request).await {
                Ok(response) => {
                    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                        tokio::spawn(Arc::clone(&self).keep(link));
                    }
                    return Ok(response);
                }
                Err(mut error) => match error.take_message() {
                    // The kept connection had ended meanwhile and nothing was written to it.
                    Some(unsent) if reused => request = unsent,
                    Some(_) => {
                        let lost = DockerError::Lost {
                            reason: http_words(&error.into_error()),
                        };
                        return Err(TransportError::NotSent(PortError::not_sent(
                            self.doing(),
                            lost,
                        )));
                    }
                    None => return Err(TransportError::Lost(http_words(&error.into_error()))),
                },
            }
        }
    }

    fn doing(&self) -> String {
        format!("{}: reach Docker", self.label)
    }

    /// A new connection to what has proven to be Docker Engine.
    async fn connect(&self) -> Result<Link<B>, PortError> {
        let connecting = async {
            let stream = (self.dial)().await?;
            let lost = |error: hyper::Error| DockerError::Silent {
                reason: http_words(&error),
            };
            let refused = |error: DockerError| PortError::not_sent(self.doing(), error);
            let (mut sender, connection) = handshake(TokioIo::new(stream))
                .await
                .map_err(|e| refused(lost(e)))?;
            tokio::spawn(async move {
                if let Err(error) = connection.with_upgrades().await {
                    tracing::debug!(error = http_words(&error), "a connection to Docker ended");
                }
            });
            let mut ping = Request::new((self.empty)(Bytes::new()));
            *ping.uri_mut() = Uri::from_static("/_ping");
            ping.headers_mut()
                .insert(HOST, HeaderValue::from_static("docker"));
            let answer = sender
                .send_request(ping)
                .await
                .map_err(|e| refused(lost(e)))?;
            let (head, body) = answer.into_parts();
            let body = body
                .collect()
                .await
                .map_err(|e| refused(lost(e)))?
                .to_bytes();
            if head.status != StatusCode::OK {
                let reason = format!("{} {}", head.status, String::from_utf8_lossy(&body).trim());
                return Err(refused(DockerError::Stranger { reason }));
            }
            let version = head
                .headers
                .get("api-version")
                .and_then(|value| value.to_str().ok());
            let Some(prefix) = version.and_then(prefix) else {
                let reason = format!("its answer names no version of Docker's API ({version:?})");
                return Err(refused(DockerError::Stranger { reason }));
            };
            // Until the connection's own task has seen the answer's end, it takes no further request.
            sender.ready().await.map_err(|e| refused(lost(e)))?;
            Ok(Link {
                sender,
                prefix: prefix.into(),
                number: self.numbers.fetch_add(1, Ordering::Relaxed),
            })
        };
        match tokio::time::timeout(self.limit, connecting).await {
            Ok(result) => result,
            Err(_) => Err(PortError::not_sent(
                self.doing(),
                DockerError::TimedOut { limit: self.limit },
            )),
        }
    }

    /// Keeps a connection for a while, once the answer has been read to its end.
    async fn keep(self: Arc<Self>, mut link: Link<B>) {
        if link.sender.ready().await.is_err() {
            return;
        }
        let number = link.number;
        {
            let mut kept = self.kept();
            if kept.len() >= KEPT {
                return;
            }
            kept.push(link);
        }
        tokio::time::sleep(KEPT_FOR).await;
        self.kept().retain(|link| link.number != number);
    }

    fn take(&self) -> Option<Link<B>> {
        let mut kept = self.kept();
        loop {
            let mut link = kept.pop()?;
            if link.sender.is_ready() && !link.sender.is_closed() {
                // Taken out, it is another one to the task that would let go of it.
                link.number = self.numbers.fetch_add(1, Ordering::Relaxed);
                return Some(link);
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Link<B>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of the path that names the version, for a server that speaks up to `version`.
fn prefix(version: &str) -> Option<String> {
    let (major, minor) = version.split_once('.')?;
    let minor: u32 = minor.parse().ok()?;
    (major == "1").then(|| format!("/v1.{}", minor.min(NEWEST_API)))
}

fn versioned(prefix: &str, plain: &Uri) -> Uri {
    let path = plain.path_and_query().map_or("/", PathAndQuery::as_str);
    Uri::builder()
        .path_and_query(format!("{prefix}{path}"))
        .build()
        .unwrap_or_else(|_| plain.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_the_servers_own_up_to_ours() {
        assert_eq!(prefix("1.41").as_deref(), Some("/v1.41"));
        assert_eq!(prefix("1.52").as_deref(), Some("/v1.44"));
        assert_eq!(prefix("2.0"), None);
        assert_eq!(prefix("one"), None);
    }

    #[test]
    fn the_version_goes_before_the_path() {
        let plain: Uri = "http://docker/containers/json?all=true".parse().unwrap();
        assert_eq!(
            versioned("/v1.41", &plain).to_string(),
            "/v1.41/containers/json?all=true"
        );
    }
}
