//! How far a request has come, observable from outside its future.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::error::Stage;

/// The stage that a request has reached; it survives the future that a time limit drops.
pub(crate) struct Progress(AtomicU8);

impl Progress {
    /// A request at its first stage.
    pub(crate) fn starting_at(stage: Stage) -> Self {
        Self(AtomicU8::new(stage as u8))
    }

    /// Notes that the request has come to a stage.
    pub(crate) fn enter(&self, stage: Stage) {
        self.0.store(stage as u8, Ordering::Release);
    }

    /// The stage reached.
    pub(crate) fn stage(&self) -> Stage {
        match self.0.load(Ordering::Acquire) {
            0 => Stage::Connect,
            1 => Stage::Handshake,
            2 => Stage::Send,
            _ => Stage::Answer,
        }
    }

    /// Whether anything of the request has been handed to the stream.
    pub(crate) fn sent(&self) -> bool {
        self.stage() == Stage::Answer
    }
}

/// A stream that notes the first byte of the request that is written to it.
///
/// It stands above TLS, so that the bytes of the handshake do not count. What TLS has accepted but
/// not yet sent counts as sent: the doubt goes to the safe side.
pub(crate) struct Watched<'a, S> {
    stream: S,
    progress: &'a Progress,
}

impl<'a, S> Watched<'a, S> {
    /// Watches a stream on which nothing of the request has been written.
    pub(crate) fn new(stream: S, progress: &'a Progress) -> Self {
        Self { stream, progress }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<'_, S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<'_, S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        if matches!(written, Poll::Ready(Ok(count)) if count > 0) {
            self.progress.enter(Stage::Answer);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
