//! A connection that is kept for one request after another.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use crate::error::{HttpError, Stage};
use crate::exchange::{Afterwards, HEAD_LIMIT, message, read, within};
use crate::limits::Limits;
use crate::message::{Request, Response};
use crate::progress::Progress;
use crate::tcp::connect;
use crate::tls::{self, Tls};

/// A connection that is open between requests, as a browser keeps one.
///
/// It ends when it is dropped.
#[derive(Debug)]
pub struct KeptConnection {
    sender: SendRequest<Full<Bytes>>,
    /// Drives the connection; aborted with this set.
    _driver: JoinSet<()>,
}

impl KeptConnection {
    /// Connects, with the handshake of TLS where it is wanted, within `limits`.
    ///
    /// # Errors
    ///
    /// Nothing was sent: [`HttpError::sent`] is false of every error.
    pub async fn open(
        address: SocketAddr,
        tls: Option<Tls<'_>>,
        limits: &Limits,
    ) -> Result<Self, HttpError> {
        let progress = Progress::starting_at(Stage::Connect);
        let work = async {
            let stream = connect(address, limits.connect).await?;
            match tls {
                None => Self::over(stream).await,
                Some(tls) => {
                    progress.enter(Stage::Handshake);
                    let (stream, _) = tls::handshake(stream, tls).await.map_err(HttpError::Tls)?;
                    Self::over(stream).await
                }
            }
        };
        within(limits.total, &progress, work).await
    }

    async fn over<S>(stream: S) -> Result<Self, HttpError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_LIMIT)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| HttpError::NotSent {
                source: Box::new(error),
            })?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // What ended it is told to the request that was under way.
            let _ = connection.await;
        });
        Ok(Self {
            sender,
            _driver: driver,
        })
    }

    /// Sends one request and reads the whole answer, within `limits.total`.
    ///
    /// # Errors
    ///
    /// Whatever fails, the request may have taken place: a server that closes an idle connection and one that
    /// answers nothing look the same. After an error the connection is of no use.
    pub async fn request(
        &mut self,
        request: &Request,
        limits: &Limits,
    ) -> Result<Response, HttpError> {
        let message = message(request, Afterwards::Keep)?;
        let progress = Progress::starting_at(Stage::Answer);
        let work =
            async {
                let answer = self.sender.send_request(message).await.map_err(|error| {
                    HttpError::NoAnswer {
                        status: None,
                        source: Box::new(error),
                    }
                })?;
                read(answer, limits.body, &progress).await
            };
        within(limits.total, &progress, work).await
    }

    /// Whether the server has not closed it, as far as is known.
    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }
}
