//! The log file: written line by line, read as a whole.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::TrafficError;
use crate::event::Event;

const WHAT: &str = "the log";

/// Appends events; each is in the hands of the system before [`LogWriter::append`] returns.
///
/// A killed process loses none of them. There is no fsync: the judge need not survive the loss of
/// power of the machine on which it runs.
#[derive(Debug)]
pub struct LogWriter {
    path: PathBuf,
    file: Mutex<File>,
}

impl LogWriter {
    /// Opens a log for appending, and gives what it already holds.
    ///
    /// A last line that a killed process left unfinished is ended, so that the next one stands alone.
    pub fn open(path: &Path) -> Result<(Self, Vec<Event>), TrafficError> {
        let fault = |action| {
            move |source| TrafficError::File {
                action,
                what: WHAT,
                path: path.to_owned(),
                source,
            }
        };
        let before = if path.exists() {
            read_log(path)?
        } else {
            Vec::new()
        };
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(fault("open"))?;
        let torn = std::fs::read(path)
            .map_err(fault("read"))?
            .last()
            .is_some_and(|byte| *byte != b'\n');
        if torn {
            file.write_all(b"\n").map_err(fault("write"))?;
        }
        Ok((
            Self {
                path: path.to_owned(),
                file: Mutex::new(file),
            },
            before,
        ))
    }

    /// Appends one event.
    pub fn append(&self, event: &Event) -> Result<(), TrafficError> {
        let mut line = serde_json::to_vec(event).map_err(|source| TrafficError::Json {
            what: "an event",
            source,
        })?;
        line.push(b'\n');
        self.file
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(&line)
            .map_err(|source| TrafficError::File {
                action: "write",
                what: WHAT,
                path: self.path.clone(),
                source,
            })
    }
}

/// Reads all events of a log.
///
/// A line that a killed process left unfinished is passed over: it is the last one, or the next run's
/// start follows it. Any other damage is an error, since an acknowledgement could be missing.
pub fn read_log(path: &Path) -> Result<Vec<Event>, TrafficError> {
    let bytes = std::fs::read(path).map_err(|source| TrafficError::File {
        action: "read",
        what: WHAT,
        path: path.to_owned(),
        source,
    })?;
    let mut events = Vec::new();
    let mut torn: Option<(usize, serde_json::Error)> = None;
    let damaged = |(line, source)| TrafficError::Damaged {
        path: path.to_owned(),
        line,
        source,
    };
    for (place, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        match serde_json::from_slice::<Event>(line) {
            Ok(event) => {
                if let Some(before) = torn.take()
                    && !matches!(event, Event::Start { .. })
                {
                    return Err(damaged(before));
                }
                events.push(event);
            }
            Err(error) => {
                if let Some(before) = torn.replace((place.saturating_add(1), error)) {
                    return Err(damaged(before));
                }
            }
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(at_ms: u64) -> Event {
        Event::Start {
            at_ms,
            target: "127.0.0.1:443".parse().unwrap(),
            host: "reg.example.test".to_owned(),
            prefix: "trf".to_owned(),
            first: 1,
        }
    }

    fn end(at_ms: u64) -> Event {
        Event::End {
            at_ms,
            reason: "test".to_owned(),
        }
    }

    #[test]
    fn what_was_appended_is_read_and_a_second_run_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let (log, before) = LogWriter::open(&path).unwrap();
        assert_eq!(before, Vec::new());
        log.append(&start(1)).unwrap();
        log.append(&end(2)).unwrap();
        drop(log);
        let (log, before) = LogWriter::open(&path).unwrap();
        assert_eq!(before, vec![start(1), end(2)]);
        log.append(&start(3)).unwrap();
        assert_eq!(read_log(&path).unwrap().len(), 3);
    }

    #[test]
    fn an_unfinished_line_is_passed_over_where_a_kill_can_leave_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let whole = serde_json::to_string(&start(1)).unwrap();
        std::fs::write(&path, format!("{whole}\n{}", &whole[..20])).unwrap();
        assert_eq!(read_log(&path).unwrap(), vec![start(1)]);
        let (log, _) = LogWriter::open(&path).unwrap();
        log.append(&start(5)).unwrap();
        assert_eq!(read_log(&path).unwrap(), vec![start(1), start(5)]);
    }

    #[test]
    fn damage_anywhere_else_is_an_error_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let whole = serde_json::to_string(&start(1)).unwrap();
        let last = serde_json::to_string(&end(2)).unwrap();
        std::fs::write(&path, format!("{whole}\n{{\"event\":\"ack\n{last}\n")).unwrap();
        let error = read_log(&path).unwrap_err();
        assert!(
            matches!(error, TrafficError::Damaged { line: 2, .. }),
            "{error}"
        );
        let error = LogWriter::open(&path).unwrap_err();
        assert!(
            matches!(error, TrafficError::Damaged { line: 2, .. }),
            "{error}"
        );
    }
}
