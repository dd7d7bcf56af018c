//! Commands on the machine on which this program runs.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::Instant;

use crate::error::ConnectError;
use crate::exec::{Failure, Sink, keep_tail};
use crate::output::{Source, Status};

/// Most of a stream's errors that is kept.
const WORDS: usize = 4096;

fn started(argv: &[String]) -> Result<Child, ConnectError> {
    let program = argv.first().cloned().unwrap_or_default();
    // A group of its own: an interrupt typed at the terminal is for this program alone.
    Command::new(&program)
        .args(argv.iter().skip(1))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|source| ConnectError::Start { program, source })
}

/// Runs a program and waits for its end and for that of its output.
pub(crate) async fn run(
    argv: &[String],
    input: Bytes,
    sink: &mut dyn Sink,
    patience: Duration,
) -> Result<Status, Failure> {
    let mut child = started(argv)?;
    let (mut stdin, mut stdout, mut stderr) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feeding = async move {
        if let Some(mut pipe) = stdin.take() {
            // A command that ends without reading its input is no failure.
            if let Err(error) = pipe.write_all(&input).await {
                tracing::trace!(%error, "input was not read");
            }
        }
    };
    tokio::pin!(feeding);
    let mut fed = false;
    let deadline = Instant::now() + patience;
    let (mut out, mut err) = (vec![0_u8; 32 << 10], vec![0_u8; 32 << 10]);
    while stdout.is_some() || stderr.is_some() {
        tokio::select! {
            read = next(&mut stdout, &mut out), if stdout.is_some() => {
                match read.map_err(Failure::Local)? {
                    0 => stdout = None,
                    count => sink.take(Source::Stdout, out.get(..count).unwrap_or_default()),
                }
            }
            read = next(&mut stderr, &mut err), if stderr.is_some() => {
                match read.map_err(Failure::Local)? {
                    0 => stderr = None,
                    count => sink.take(Source::Stderr, err.get(..count).unwrap_or_default()),
                }
            }
            () = &mut feeding, if !fed => fed = true,
            () = tokio::time::sleep_until(deadline) => {
                return Err(silent(&mut child, patience));
            }
        }
    }
    let ending = async {
        loop {
            tokio::select! {
                status = child.wait() => break status,
                () = &mut feeding, if !fed => fed = true,
            }
        }
    };
    match tokio::time::timeout_at(deadline, ending).await {
        Ok(status) => status.map(ended).map_err(Failure::Local),
        Err(_) => Err(silent(&mut child, patience)),
    }
}

/// The last resort: `timeout` should have ended it long before.
fn silent(child: &mut Child, patience: Duration) -> Failure {
    if let Err(error) = child.start_kill() {
        tracing::debug!(%error, "the process could not be killed");
    }
    Failure::Silent(patience)
}

async fn next<R: AsyncRead + Unpin>(pipe: &mut Option<R>, buffer: &mut [u8]) -> io::Result<usize> {
    match pipe {
        Some(pipe) => pipe.read(buffer).await,
        None => Ok(0),
    }
}

fn ended(status: ExitStatus) -> Status {
    match (status.code(), status.signal()) {
        (Some(code), _) => Status::Code(code),
        (None, Some(number)) => Status::Signal(signal_name(number)),
        (None, None) => Status::Signal("unknown".into()),
    }
}

/// The names that SSH uses, for the numbers of Linux that all its architectures share.
fn signal_name(number: i32) -> String {
    let name = match number {
        1 => "HUP",
        2 => "INT",
        3 => "QUIT",
        4 => "ILL",
        6 => "ABRT",
        8 => "FPE",
        9 => "KILL",
        11 => "SEGV",
        13 => "PIPE",
        14 => "ALRM",
        15 => "TERM",
        other => return other.to_string(),
    };
    name.to_owned()
}

/// Input and output of a running program; how it ended shows at the end of its output.
pub(crate) struct LocalStream {
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    ending: Pin<Box<dyn Future<Output = io::Result<()>> + Send>>,
}

impl LocalStream {
    pub(crate) fn start(argv: &[String], what: String) -> Result<Self, ConnectError> {
        let mut child = started(argv)?;
        let broken = |program: &str| ConnectError::Start {
            program: program.to_owned(),
            source: io::Error::other("it has no pipes"),
        };
        let (Some(stdin), Some(stdout), Some(mut stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(broken(&what));
        };
        let ending = tokio::spawn(async move {
            let mut words = Vec::new();
            let mut buffer = vec![0_u8; 1024];
            loop {
                let count = stderr.read(&mut buffer).await?;
                if count == 0 {
                    break;
                }
                keep_tail(&mut words, buffer.get(..count).unwrap_or_default(), WORDS);
            }
            let status = ended(child.wait().await?);
            if status == Status::Code(0) {
                Ok(())
            } else {
                Err(failed(&what, &status, &words))
            }
        });
        let ending = Box::pin(async move { ending.await.map_err(io::Error::other)? });
        Ok(Self {
            stdin: Some(stdin),
            stdout: Some(stdout),
            ending,
        })
    }
}

/// The error at the end of a stream whose command failed.
pub(crate) fn failed(what: &str, status: &Status, words: &[u8]) -> io::Error {
    let words = String::from_utf8_lossy(words);
    let words = words.trim();
    let words = if words.is_empty() {
        "it said nothing"
    } else {
        words
    };
    io::Error::other(format!("{what} ended with {status}: {words}"))
}

impl AsyncRead for LocalStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(stdout) = &mut self.stdout {
            let before = buf.filled().len();
            let polled = Pin::new(stdout).poll_read(cx, buf);
            if !matches!(polled, Poll::Ready(Ok(())))
                || buf.filled().len() > before
                || buf.remaining() == 0
            {
                return polled;
            }
            self.stdout = None;
        }
        let ended = std::task::ready!(self.ending.as_mut().poll(cx));
        self.ending = Box::pin(std::future::ready(Ok(())));
        Poll::Ready(ended)
    }
}

impl AsyncWrite for LocalStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_write(cx, buf),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(stdin) = &mut self.stdin {
            std::task::ready!(Pin::new(stdin).poll_shutdown(cx))?;
        }
        // A pipe has no other way of saying that this was all.
        self.stdin = None;
        Poll::Ready(Ok(()))
    }
}
