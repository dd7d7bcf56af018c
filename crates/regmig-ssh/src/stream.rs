//! Byte streams through a machine, each drained by a pump of its own.
//!
//! The SSH library grants a server more to send whether or not anybody reads, and then waits, with the
//! whole connection, for the reader of one stream. The pump therefore reads at once and
//! keeps what is unread, up to a limit at which that one stream fails.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelWriteHalf};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use crate::connection::Connection;
use crate::exec::{STDERR, keep_tail, signal};
use crate::local::failed;
use crate::output::Status;

/// Unread bytes at which a stream fails: 8 MiB.
const UNREAD: usize = 8 << 20;

/// Unsent bytes at which a writer waits.
const UNSENT: usize = 64 << 10;

/// Most of a command's errors that is kept.
const WORDS: usize = 4096;

/// How long the other end may take to say goodbye after the stream was dropped.
const GOODBYE: Duration = Duration::from_secs(5);

/// What can be read and written.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// A stream of any origin.
pub type BoxedStream = Box<dyn ByteStream>;

/// The near end of a pumped stream.
pub(crate) struct Pumped {
    incoming: UnboundedReceiver<io::Result<Bytes>>,
    unread: Arc<AtomicUsize>,
    current: Bytes,
    outgoing: DuplexStream,
}

impl Pumped {
    /// Starts the pump of a channel; `command` names the command whose input and output it carries, if it is one.
    pub(crate) fn start(
        connection: Arc<Connection>,
        channel: Channel<Msg>,
        slot: Option<OwnedSemaphorePermit>,
        command: Option<String>,
    ) -> Self {
        let (sender, incoming) = unbounded_channel();
        let (outgoing, far) = tokio::io::duplex(UNSENT);
        let unread = Arc::new(AtomicUsize::new(0));
        let inlet = Inlet {
            sender,
            unread: Arc::clone(&unread),
        };
        tokio::spawn(async move {
            pump(&connection, channel, inlet, far, command).await;
            drop(slot);
        });
        Self {
            incoming,
            unread,
            current: Bytes::new(),
            outgoing,
        }
    }
}

impl AsyncRead for Pumped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.current.is_empty() {
            match ready!(self.incoming.poll_recv(cx)) {
                Some(Ok(bytes)) => {
                    self.unread.fetch_sub(bytes.len(), Ordering::Relaxed);
                    self.current = bytes;
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.current.len().min(buf.remaining());
        buf.put_slice(self.current.get(..count).unwrap_or_default());
        self.current.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pumped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.outgoing).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.outgoing).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.outgoing).poll_shutdown(cx)
    }
}

/// The pump's way to the reader.
struct Inlet {
    sender: UnboundedSender<io::Result<Bytes>>,
    unread: Arc<AtomicUsize>,
}

impl Inlet {
    /// Hands bytes on; false when the stream has come to its end by that.
    fn push(&self, bytes: Bytes) -> bool {
        let unread = self.unread.fetch_add(bytes.len(), Ordering::Relaxed) + bytes.len();
        if unread > UNREAD {
            self.fail(io::Error::other(format!(
                "{unread} bytes were left unread, more than the {UNREAD} that are kept"
            )));
            return false;
        }
        self.sender.send(Ok(bytes)).is_ok()
    }

    fn is_dropped(&self) -> bool {
        self.sender.is_closed()
    }

    fn fail(&self, error: io::Error) {
        if self.sender.send(Err(error)).is_err() {
            tracing::trace!("a stream failed that nobody reads any more");
        }
    }
}

async fn pump(
    connection: &Connection,
    channel: Channel<Msg>,
    inlet: Inlet,
    far: DuplexStream,
    command: Option<String>,
) {
    let (mut reading, writing) = channel.split();
    let mut inlet = Some(inlet);
    let feeding = feed(far, &writing);
    tokio::pin!(feeding);
    let mut fed = false;
    let mut status = None;
    let mut words = Vec::new();
    let mut closed = false;
    let mut deadline = None;
    loop {
        tokio::select! {
            message = reading.wait() => match message {
                Some(ChannelMsg::Data { data }) => {
                    // A stream that fails by itself is closed at once; one that was dropped says goodbye first.
                    if inlet.as_ref().is_some_and(|inlet| !inlet.push(data)) && !inlet.as_ref().is_some_and(Inlet::is_dropped) {
                        break;
                    }
                }
                Some(ChannelMsg::ExtendedData { data, ext: STDERR }) => keep_tail(&mut words, &data, WORDS),
                Some(ChannelMsg::ExitStatus { exit_status }) => {
                    status = Some(Status::Code(i32::try_from(exit_status).unwrap_or(i32::MAX)));
                }
                Some(ChannelMsg::ExitSignal { signal_name, .. }) => status = Some(Status::Signal(signal(&signal_name))),
                // The end of a command's output means little before its status is known.
                Some(ChannelMsg::Eof) if command.is_none() => inlet = None,
                Some(ChannelMsg::Close) => {
                    closed = true;
                    break;
                }
                Some(_) => {}
                None => break,
            },
            () = &mut feeding, if !fed => fed = true,
            () = unwanted(inlet.as_ref()), if inlet.is_some() => {
                // The rest and the end of what was written still go, and the server closes the channel:
                // the library keeps something of each channel that is closed from this side first.
                inlet = None;
                deadline = Some(Instant::now() + GOODBYE);
            }
            () = passed(deadline), if deadline.is_some() => break,
        }
    }
    if let Some(inlet) = inlet {
        match (&command, &status) {
            _ if !closed => inlet.fail(io::Error::new(
                io::ErrorKind::ConnectionReset,
                connection.loss(),
            )),
            (Some(what), Some(status)) if *status != Status::Code(0) => {
                inlet.fail(failed(what, status, &words))
            }
            _ => {}
        }
    }
    if !closed && writing.close().await.is_err() {
        tracing::trace!("the channel was gone already");
    }
}

/// Ends when nobody reads the stream any more.
async fn unwanted(inlet: Option<&Inlet>) {
    match inlet {
        Some(inlet) => inlet.sender.closed().await,
        None => std::future::pending().await,
    }
}

/// Ends at a deadline.
async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Sends what is written to the stream, then its end.
async fn feed(mut from: DuplexStream, channel: &ChannelWriteHalf<Msg>) {
    let mut buffer = vec![0_u8; UNSENT];
    loop {
        match from.read(&mut buffer).await {
            Ok(count) if count > 0 => {
                let bytes = Bytes::copy_from_slice(buffer.get(..count).unwrap_or_default());
                if channel.data_bytes(bytes).await.is_err() {
                    return;
                }
            }
            _ => break,
        }
    }
    if channel.eof().await.is_err() {
        tracing::trace!("the channel was gone already");
    }
}
