//! One request and its answer on a stream.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::{Cause, HttpError, Stage};
use crate::fingerprint::Fingerprint;
use crate::limits::Limits;
use crate::message::{Method, Request, Response};
use crate::progress::{Progress, Watched};
use crate::tls::{self, Tls, TlsError};
use crate::trust::TlsTrust;

/// The longest head of an answer that is read, in bytes: eight times what nginx sends at most
/// by default.
pub(crate) const HEAD_LIMIT: usize = 64 * 1024;

/// Sends one request on a stream and reads the whole answer, within `limits.total`.
///
/// The stream is consumed: the server is asked to close it after the answer.
pub async fn request<S>(
    stream: S,
    tls: Option<Tls<'_>>,
    request: &Request,
    limits: &Limits,
) -> Result<Response, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let progress = Progress::starting_at(first_stage(tls));
    let work = on_stream(stream, tls, request, limits.body, &progress);
    within(limits.total, &progress, work).await
}

/// Asks the server at the other end of a stream for the fingerprint of its certificate.
///
/// Nobody is trusted and nothing is sent but the handshake: what comes back is what an operator compares
/// with what the server's owner says, before it is pinned.
pub async fn peer_fingerprint<S>(
    stream: S,
    server_name: &str,
    limit: Duration,
) -> Result<Fingerprint, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let progress = Progress::starting_at(Stage::Handshake);
    within(limit, &progress, async {
        let trust = TlsTrust::anyone().map_err(|error| HttpError::Tls(TlsError::Setup(error)))?;
        let (_, peer) = tls::handshake(
            stream,
            Tls {
                trust: &trust,
                server_name,
            },
        )
        .await
        .map_err(HttpError::Tls)?;
        Ok(peer)
    })
    .await
}

/// The stage at which a request on an open stream begins.
pub(crate) fn first_stage(tls: Option<Tls<'_>>) -> Stage {
    if tls.is_some() {
        Stage::Handshake
    } else {
        Stage::Send
    }
}

/// Runs `work` under a time limit that tells how far it had come.
pub(crate) async fn within<T>(
    limit: Duration,
    progress: &Progress,
    work: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, HttpError> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(HttpError::TimeLimit {
            stage: progress.stage(),
            limit,
        }),
    }
}

/// Does the work of [`request`] without a time limit.
pub(crate) async fn on_stream<S>(
    stream: S,
    tls: Option<Tls<'_>>,
    request: &Request,
    body_limit: usize,
    progress: &Progress,
) -> Result<Response, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let message = message(request, Afterwards::Close)?;
    match tls {
        None => in_the_clear(stream, message, body_limit, progress).await,
        Some(tls) => {
            let (stream, peer) = tls::handshake(stream, tls).await.map_err(HttpError::Tls)?;
            progress.enter(Stage::Send);
            let response = in_the_clear(stream, message, body_limit, progress).await?;
            Ok(Response {
                peer: Some(peer),
                ..response
            })
        }
    }
}

/// What the server is to do with the connection after its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    Close,
    Keep,
}

pub(crate) fn message(
    request: &Request,
    afterwards: Afterwards,
) -> Result<hyper::Request<Full<Bytes>>, HttpError> {
    let method = match request.method {
        Method::Get => hyper::Method::GET,
        Method::Post => hyper::Method::POST,
    };
    let mut builder = hyper::Request::builder()
        .method(method)
        .uri(&request.path)
        .header(HOST, &request.host);
    if afterwards == Afterwards::Close {
        builder = builder.header(CONNECTION, "close");
    }
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let invalid = |source: Cause| HttpError::Invalid {
        host: request.host.clone(),
        path: request.path.clone(),
        source,
    };
    if !request.path.starts_with('/') {
        return Err(invalid("the path does not begin with a slash".into()));
    }
    builder
        .body(Full::new(request.body.clone()))
        .map_err(|error| invalid(Box::new(error)))
}

async fn in_the_clear<S>(
    stream: S,
    message: hyper::Request<Full<Bytes>>,
    body_limit: usize,
    progress: &Progress,
) -> Result<Response, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_LIMIT)
        .handshake(TokioIo::new(Watched::new(stream, progress)))
        .await
        .map_err(|error| failure(error, None, progress))?;
    let mut connection = pin!(connection);
    let mut exchange = pin!(async {
        let answer = sender
            .send_request(message)
            .await
            .map_err(|error| failure(error, None, progress))?;
        read(answer, body_limit, progress).await
    });
    tokio::select! {
        biased;
        result = &mut exchange => return result,
        // Whatever ended the connection has also been told to the exchange, which has the last
        // word: the answer may be complete.
        _ = &mut connection => {}
    }
    exchange.await
}

pub(crate) async fn read(
    answer: hyper::Response<Incoming>,
    limit: usize,
    progress: &Progress,
) -> Result<Response, HttpError> {
    let (head, mut incoming) = answer.into_parts();
    let status = head.status.as_u16();
    let headers = head
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let mut body = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| failure(error, Some(status), progress))?;
        if let Ok(data) = frame.into_data() {
            if body.len().saturating_add(data.len()) > limit {
                return Err(HttpError::TooLarge { status, limit });
            }
            body.extend_from_slice(&data);
        }
    }
    Ok(Response {
        status,
        headers,
        body: body.freeze(),
        peer: None,
    })
}

fn failure(error: hyper::Error, status: Option<u16>, progress: &Progress) -> HttpError {
    let sent = progress.sent();
    if error.is_parse() {
        HttpError::Malformed {
            source: Box::new(error),
        }
    } else if sent {
        HttpError::NoAnswer {
            status,
            source: Box::new(error),
        }
    } else {
        HttpError::NotSent {
            source: Box::new(error),
        }
    }
}
