//! One command over one channel.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use russh::client::Msg;
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::connection::Connection;
use crate::error::ConnectError;
use crate::lines::LineSplitter;
use crate::output::{Source, Status};

/// The number by which SSH tells standard error from standard output.
pub(crate) const STDERR: u32 = 1;

/// Most of either stream that a streamed command keeps, its end: 64 KiB.
const TAIL: usize = 64 << 10;

/// What became of a command whose end is not known.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was not asked for.
    NotSent(Arc<ConnectError>),
    /// The server would not start it.
    Refused,
    /// The connection went after the request.
    Lost(String),
    /// No end was reported for so long.
    Silent(Duration),
    /// It was started on this machine and could not be followed.
    Local(std::io::Error),
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        Self::NotSent(Arc::new(error))
    }
}

/// Takes what a command says.
pub(crate) trait Sink: Send {
    fn take(&mut self, source: Source, bytes: &[u8]);
}

/// Keeps the beginning of both streams.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) limit: usize,
    pub(crate) cut: bool,
}

impl Sink for Collector {
    fn take(&mut self, source: Source, bytes: &[u8]) {
        let kept = match source {
            Source::Stdout => &mut self.stdout,
            Source::Stderr => &mut self.stderr,
        };
        let room = self.limit.saturating_sub(kept.len());
        self.cut |= bytes.len() > room;
        kept.extend(bytes.iter().take(room));
    }
}

/// Hands on lines and keeps the end of both streams.
pub(crate) struct Streamer<F> {
    pub(crate) on_line: F,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    lines: (LineSplitter, LineSplitter),
}

impl<F: FnMut(Source, &str) + Send> Streamer<F> {
    pub(crate) fn new(on_line: F) -> Self {
        Self {
            on_line,
            stdout: Vec::new(),
            stderr: Vec::new(),
            lines: Default::default(),
        }
    }

    pub(crate) fn finish(&mut self) {
        let on_line = &mut self.on_line;
        self.lines
            .0
            .finish(&mut |line| on_line(Source::Stdout, line));
        self.lines
            .1
            .finish(&mut |line| on_line(Source::Stderr, line));
    }
}

impl<F: FnMut(Source, &str) + Send> Sink for Streamer<F> {
    fn take(&mut self, source: Source, bytes: &[u8]) {
        let (tail, lines) = match source {
            Source::Stdout => (&mut self.stdout, &mut self.lines.0),
            Source::Stderr => (&mut self.stderr, &mut self.lines.1),
        };
        keep_tail(tail, bytes, TAIL);
        let on_line = &mut self.on_line;
        lines.feed(bytes, &mut |line| on_line(source, line));
    }
}

/// Appends, and drops from the front what exceeds the limit.
pub(crate) fn keep_tail(tail: &mut Vec<u8>, bytes: &[u8], limit: usize) {
    tail.extend_from_slice(bytes);
    // Dropping in large steps keeps the cost per byte constant.
    if tail.len() > 2 * limit {
        tail.drain(..tail.len() - limit);
    }
}

/// How long a server is given to end a command that nobody waits for any more, before its slot counts as free.
///
/// The library forgets a channel that it closes first, so that the server's own closing is never seen.
const CLOSING: Duration = Duration::from_secs(1);

/// A command that is under way, with the slot that it takes up.
struct Running {
    parts: Option<(ChannelReadHalf, OwnedSemaphorePermit)>,
    writing: Arc<ChannelWriteHalf<Msg>>,
}

impl Running {
    async fn next(&mut self) -> Option<ChannelMsg> {
        match &mut self.parts {
            Some((reading, _)) => reading.wait().await,
            None => None,
        }
    }
}

impl Drop for Running {
    /// Has the server close the channel, and keeps the slot until it has had time to.
    ///
    /// A courtesy to the server; what bounds the command is its time limit on the machine.
    fn drop(&mut self) {
        let Some((reading, slot)) = self.parts.take() else {
            return;
        };
        // What still comes would wait for a reader, and with it the whole connection.
        drop(reading);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        let writing = Arc::clone(&self.writing);
        runtime.spawn(async move {
            if writing.close().await.is_ok() {
                tokio::time::sleep(CLOSING).await;
            }
            drop(slot);
        });
    }
}

/// Runs one line of shell and waits for its end.
pub(crate) async fn run(
    connection: &Connection,
    line: String,
    input: Bytes,
    sink: &mut dyn Sink,
    patience: Duration,
) -> Result<Status, Failure> {
    let (channel, slot) = connection.session().await?;
    let (reading, writing) = channel.split();
    let writing = Arc::new(writing);
    let mut running = Running {
        parts: Some((reading, slot)),
        writing: Arc::clone(&writing),
    };
    if let Err(error) = writing.exec(true, line).await {
        return Err(ConnectError::Gone {
            reason: error.to_string(),
        }
        .into());
    }
    // A command may end without reading its input, which would never be taken then:
    // the end is what the reader says, and feeding is dropped with it.
    let feeding = feed(&writing, input);
    tokio::pin!(feeding);
    let mut fed = false;
    let mut status = None;
    let mut closed = false;
    let deadline = Instant::now() + patience;
    loop {
        tokio::select! {
            message = running.next() => match message {
                Some(ChannelMsg::Data { data }) => sink.take(Source::Stdout, &data),
                Some(ChannelMsg::ExtendedData { data, ext: STDERR }) => sink.take(Source::Stderr, &data),
                Some(ChannelMsg::ExitStatus { exit_status }) => {
                    status = Some(Status::Code(i32::try_from(exit_status).unwrap_or(i32::MAX)));
                }
                Some(ChannelMsg::ExitSignal { signal_name, .. }) => status = Some(Status::Signal(signal(&signal_name))),
                Some(ChannelMsg::Failure) => return Err(Failure::Refused),
                Some(ChannelMsg::Close) => closed = true,
                Some(_) => {}
                None => break,
            },
            () = &mut feeding, if !fed => fed = true,
            () = tokio::time::sleep_until(deadline) => return Err(Failure::Silent(patience)),
        }
    }
    running.parts = None;
    match status {
        Some(status) if closed => Ok(status),
        None if closed => Err(Failure::Lost(
            "the SSH server closed the channel without saying how the command ended".into(),
        )),
        _ => Err(Failure::Lost(connection.loss())),
    }
}

/// Sends all input and its end; errors show on the reading side.
async fn feed(channel: &ChannelWriteHalf<Msg>, input: Bytes) {
    if channel.data_bytes(input).await.is_ok() && channel.eof().await.is_err() {
        tracing::trace!("the channel closed before the end of input was sent");
    }
}

/// A signal's name without `SIG`.
pub(crate) fn signal(signal: &russh::Sig) -> String {
    match signal {
        russh::Sig::Custom(name) => name.clone(),
        known => format!("{known:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_collector_keeps_the_beginning() {
        let mut collector = Collector {
            limit: 4,
            ..Collector::default()
        };
        collector.take(Source::Stdout, b"abc");
        assert!(!collector.cut);
        collector.take(Source::Stdout, b"def");
        collector.take(Source::Stderr, b"1234");
        assert_eq!(
            (
                collector.stdout.as_slice(),
                collector.stderr.as_slice(),
                collector.cut
            ),
            (&b"abcd"[..], &b"1234"[..], true)
        );
    }

    #[test]
    fn the_streamer_keeps_the_end_and_hands_on_lines() {
        let mut lines = Vec::new();
        let mut streamer = Streamer::new(|source, line: &str| lines.push((source, line.len())));
        for _ in 0..5 {
            streamer.take(
                Source::Stdout,
                &[b"x".repeat(TAIL - 1), b"\n".to_vec()].concat(),
            );
        }
        streamer.take(Source::Stderr, b"end");
        streamer.finish();
        assert!(streamer.stdout.len() <= 2 * TAIL && streamer.stdout.ends_with(b"x\n"));
        assert_eq!(streamer.stderr, b"end");
        assert_eq!(lines.last(), Some(&(Source::Stderr, 3)));
    }
}
