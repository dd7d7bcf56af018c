//! What containers say.

use std::collections::VecDeque;
use std::pin::Pin;

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptionsBuilder;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use regmig_core::port::PortError;
use serde::{Deserialize, Serialize};

use crate::docker::Docker;
use crate::error::{Failure, Kind};
use crate::inspect::millis;

/// Most bytes of a log that are kept, unless the range says otherwise: 8 MiB.
const LIMIT: usize = 8 << 20;

/// A line that never ends is handed on in pieces of this many bytes.
const LONGEST: usize = 64 << 10;

/// Where a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogSource {
    /// Standard output, or the terminal of a container that has one.
    Stdout,
    /// Standard error.
    Stderr,
}

/// One line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Where it came from.
    pub source: LogSource,
    /// When Docker received it, milliseconds since the epoch; that of the line before for the rest of a longer one.
    pub at_ms: i64,
    /// The line, without its end.
    pub text: String,
}

/// Which part of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRange {
    /// Nothing before this time, milliseconds since the epoch.
    pub since_ms: Option<i64>,
    /// The last so many lines.
    pub tail: Option<u64>,
    /// Most bytes that are kept, with what each line takes up besides its text; all is read, the end is kept.
    pub limit_bytes: usize,
}

impl Default for LogRange {
    /// All of it, or the last 8 MiB.
    fn default() -> Self {
        Self {
            since_ms: None,
            tail: None,
            limit_bytes: LIMIT,
        }
    }
}

/// A part of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Logs {
    /// In the order in which Docker has them.
    pub lines: Vec<LogLine>,
    /// Whether there was more before them than the limit lets keep.
    pub cut: bool,
}

impl Logs {
    /// The lines of one source, each with its end.
    pub fn text(&self, source: LogSource) -> String {
        let lines = self.lines.iter().filter(|line| line.source == source);
        lines.fold(String::new(), |text, line| text + &line.text + "\n")
    }
}

impl Docker {
    /// Reads a part of a container's log; of one that is too long, the end.
    ///
    /// # Errors
    ///
    /// `NotSent` when Docker cannot be reached, `Refused` where there is no such container.
    pub async fn logs(&self, name: &str, range: &LogRange) -> Result<Logs, PortError> {
        let doing = format!("read the log of {name}");
        self.named(&doing, name)?;
        self.ask(&doing, |client| async move {
            let mut chunks = Box::pin(client.logs(name, Some(options(range, false).build())));
            let (mut splitter, mut kept, mut lines) =
                (Splitter::default(), Kept::default(), Vec::new());
            while let Some(chunk) = chunks.next().await {
                let (source, bytes) = parts(chunk?);
                splitter.feed(source, &bytes, &mut lines);
                kept.take(&mut lines, range);
            }
            splitter.finish(&mut lines);
            kept.take(&mut lines, range);
            Ok(Logs {
                lines: kept.lines.into(),
                cut: kept.cut,
            })
        })
        .await
    }

    /// Follows a container's log from a time on, until the container ends or the stream is dropped.
    ///
    /// A lost connection ends the stream with an error; whoever follows begins again from the last line's time.
    pub fn follow_logs(
        &self,
        name: &str,
        since_ms: Option<i64>,
    ) -> Pin<Box<dyn Stream<Item = Result<LogLine, PortError>> + Send>> {
        let doing = format!("follow the log of {name}");
        if let Err(error) = self.named(&doing, name) {
            return Box::pin(futures::stream::once(async move { Err(error) }));
        }
        let range = LogRange {
            since_ms,
            ..LogRange::default()
        };
        let what = self.what(&doing);
        let client = match self.client() {
            Ok(client) => client,
            Err(error) => {
                let error = Failure::from(error).of(what, Kind::Question);
                return Box::pin(futures::stream::once(async move { Err(error) }));
            }
        };
        let chunks = client.logs(name, Some(options(&range, true).build()));
        let end = futures::stream::once(async { None });
        let lines =
            chunks
                .map(Some)
                .chain(end)
                .scan(Splitter::default(), move |splitter, chunk| {
                    let mut lines = Vec::new();
                    match chunk {
                        Some(Ok(chunk)) => {
                            let (source, bytes) = parts(chunk);
                            splitter.feed(source, &bytes, &mut lines);
                        }
                        Some(Err(error)) => {
                            let failed = Err(Failure::from(error).of(what.clone(), Kind::Question));
                            return futures::future::ready(Some(vec![failed]));
                        }
                        None => splitter.finish(&mut lines),
                    }
                    lines.retain(|line| since_ms.is_none_or(|since| line.at_ms >= since));
                    futures::future::ready(Some(lines.into_iter().map(Ok).collect::<Vec<_>>()))
                });
        Box::pin(lines.flat_map(futures::stream::iter))
    }
}

/// The end of a log.
#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<LogLine>,
    bytes: usize,
    cut: bool,
}

impl Kept {
    fn take(&mut self, lines: &mut Vec<LogLine>, range: &LogRange) {
        for line in lines.drain(..) {
            // Docker is asked in whole seconds.
            if range.since_ms.is_some_and(|since| line.at_ms < since) {
                continue;
            }
            self.bytes += weight(&line);
            self.lines.push_back(line);
        }
        while self.bytes > range.limit_bytes
            && let Some(first) = self.lines.pop_front()
        {
            self.bytes -= weight(&first);
            self.cut = true;
        }
    }
}

/// What a line takes up.
fn weight(line: &LogLine) -> usize {
    line.text.len() + size_of::<LogLine>()
}

fn options(range: &LogRange, follow: bool) -> LogsOptionsBuilder {
    let mut options = LogsOptionsBuilder::new()
        .stdout(true)
        .stderr(true)
        .timestamps(true)
        .follow(follow);
    if let Some(since) = range.since_ms {
        options = options.since(i32::try_from(since.div_euclid(1000)).unwrap_or(i32::MAX));
    }
    match range.tail {
        Some(lines) => options.tail(&lines.to_string()),
        None => options.tail("all"),
    }
}

pub(crate) fn parts(chunk: LogOutput) -> (LogSource, Bytes) {
    match chunk {
        LogOutput::StdErr { message } => (LogSource::Stderr, message),
        LogOutput::StdOut { message }
        | LogOutput::StdIn { message }
        | LogOutput::Console { message } => (LogSource::Stdout, message),
    }
}

/// Puts lines together that come in pieces, each source for itself.
#[derive(Debug, Default)]
pub struct Splitter {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    last_ms: i64,
}

impl Splitter {
    /// Takes a piece, and adds the lines that end in it.
    pub fn feed(&mut self, source: LogSource, bytes: &[u8], lines: &mut Vec<LogLine>) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let rest = self.rest(source);
            rest.extend_from_slice(piece);
            if rest.ends_with(b"\n") || rest.len() >= LONGEST {
                self.hand_on(source, lines);
            }
        }
    }

    /// Adds what has no end.
    pub fn finish(&mut self, lines: &mut Vec<LogLine>) {
        for source in [LogSource::Stdout, LogSource::Stderr] {
            if !self.rest(source).is_empty() {
                self.hand_on(source, lines);
            }
        }
    }

    fn rest(&mut self, source: LogSource) -> &mut Vec<u8> {
        match source {
            LogSource::Stdout => &mut self.stdout,
            LogSource::Stderr => &mut self.stderr,
        }
    }

    fn hand_on(&mut self, source: LogSource, lines: &mut Vec<LogLine>) {
        let bytes = std::mem::take(self.rest(source));
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end_matches(['\n', '\r']);
        let (time, rest) = line.split_once(' ').unwrap_or((line, ""));
        let text = match millis(time) {
            Some(at) => {
                self.last_ms = at;
                rest
            }
            None => line,
        };
        lines.push(LogLine {
            source,
            at_ms: self.last_ms,
            text: text.to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_for_each_source() {
        let (mut splitter, mut lines) = (Splitter::default(), Vec::new());
        splitter.feed(
            LogSource::Stdout,
            b"2026-11-22T12:00:00.001000001Z one ",
            &mut lines,
        );
        splitter.feed(
            LogSource::Stderr,
            b"2026-11-22T12:00:00.002000002Z bad\n",
            &mut lines,
        );
        splitter.feed(
            LogSource::Stdout,
            b"more\r\n2026-11-22T12:00:00.003000003Z \nrest",
            &mut lines,
        );
        splitter.finish(&mut lines);
        let noon = millis("2026-11-22T12:00:00Z").unwrap();
        let seen: Vec<_> = lines
            .iter()
            .map(|l| (l.source, l.at_ms - noon, l.text.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                (LogSource::Stderr, 2, "bad"),
                (LogSource::Stdout, 1, "one more"),
                (LogSource::Stdout, 3, ""),
                (LogSource::Stdout, 3, "rest"),
            ]
        );
    }

    #[test]
    fn an_endless_line_does_not_fill_memory() {
        let (mut splitter, mut lines) = (Splitter::default(), Vec::new());
        for _ in 0..100 {
            splitter.feed(LogSource::Stdout, &[b'x'; 8192], &mut lines);
        }
        assert!(splitter.stdout.len() < LONGEST);
        assert_eq!(lines.len(), 100 * 8192 / LONGEST);
    }

    #[test]
    fn what_is_kept_is_the_end() {
        let line = |number: usize| LogLine {
            source: LogSource::Stdout,
            at_ms: 0,
            text: number.to_string(),
        };
        let range = LogRange {
            limit_bytes: 10 * weight(&line(10)),
            ..LogRange::default()
        };
        let mut kept = Kept::default();
        for number in 10..100 {
            kept.take(&mut vec![line(number)], &range);
        }
        let texts: Vec<&str> = kept.lines.iter().map(|l| l.text.as_str()).collect();
        assert_eq!(
            (texts.len(), texts.first(), texts.last(), kept.cut),
            (10, Some(&"90"), Some(&"99"), true)
        );
    }

    #[test]
    fn the_text_of_one_source_has_all_its_line_ends() {
        let line = |source, text: &str| LogLine {
            source,
            at_ms: 0,
            text: text.into(),
        };
        let lines = vec![
            line(LogSource::Stdout, "a"),
            line(LogSource::Stderr, "b"),
            line(LogSource::Stdout, ""),
        ];
        let logs = Logs { lines, cut: false };
        assert_eq!(logs.text(LogSource::Stdout), "a\n\n");
        assert_eq!(logs.text(LogSource::Stderr), "b\n");
    }
}
