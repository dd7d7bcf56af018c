//! The journal of a migration, as anybody may read it while regmig writes it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::child::Running;
use super::trouble::{Tried, Trouble};

/// A journal file.
#[derive(Debug, Clone)]
pub struct Journal {
    path: PathBuf,
}

/// One record of it.
#[derive(Debug, Clone)]
pub struct Record(Value);

impl Record {
    /// What happened, such as `reached`.
    pub fn event(&self) -> &str {
        self.text("event")
    }

    /// The step to which it happened; empty where it concerns none.
    pub fn step(&self) -> &str {
        self.text("step")
    }

    /// When, in milliseconds since the epoch.
    pub fn at_ms(&self) -> i64 {
        self.0
            .get("at_ms")
            .and_then(Value::as_i64)
            .unwrap_or_default()
    }

    /// What it says to do about a failure; empty where it says nothing.
    pub fn hint(&self) -> &str {
        self.0
            .pointer("/failure/hint")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// One figure of what showed that a step holds.
    pub fn evidence(&self, name: &str) -> Option<&Value> {
        self.0.get("evidence")?.get(name)
    }

    fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

impl std::fmt::Display for Record {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.event(), self.step())?;
        match self.text("effect") {
            "" => Ok(()),
            effect => write!(f, ": {effect}"),
        }
    }
}

impl Journal {
    /// The journal in a store's folder.
    pub fn of(store: &Path) -> Self {
        Self {
            path: store.join("journal.jsonl"),
        }
    }

    /// Every whole record; none where there is no journal yet.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or a line of it that is not the last is no record.
    pub fn records(&self) -> Tried<Vec<Record>> {
        let text = match std::fs::read(&self.path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let mut records = Vec::new();
        for line in text.split_inclusive('\n') {
            // A line without an end is being written, or was when its writer was killed.
            if line.ends_with('\n') {
                let mut line: Value = serde_json::from_str(line)?;
                records.push(Record(
                    line.get_mut("record").map(Value::take).unwrap_or_default(),
                ));
            }
        }
        Ok(records)
    }

    /// The last record, in words.
    ///
    /// # Errors
    ///
    /// As [`Journal::records`].
    pub fn last(&self) -> Tried<String> {
        let last = self.records()?.pop();
        Ok(last.map_or_else(|| "nothing".to_owned(), |record| record.to_string()))
    }

    /// Waits until the records after the first `from` ones are as wanted.
    ///
    /// Returns `false` where the program that writes the journal has ended without that.
    ///
    /// # Errors
    ///
    /// When the limit passes first.
    pub fn wait_for(
        &self,
        from: usize,
        writer: &mut Running,
        limit: Duration,
        wanted: impl Fn(&[Record]) -> bool,
    ) -> Tried<bool> {
        let begun = Instant::now();
        loop {
            let ended = writer.has_ended()?;
            if wanted(self.records()?.get(from..).unwrap_or_default()) {
                return Ok(true);
            }
            if ended {
                return Ok(false);
            }
            if begun.elapsed() > limit {
                return Err(Trouble::new(format!(
                    "the journal did not come so far within {} s; its last record is {}; regmig said:\n{}",
                    limit.as_secs(),
                    self.last()?,
                    writer.said()?
                )));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The times, in milliseconds since the epoch, between which dest's stack may have been up for a trial.
    ///
    /// `launched` starts dest's stack once on empty data while source serves, and stops it again.
    /// No client knows dest then. A rollback that begins within a trial ends it.
    ///
    /// # Errors
    ///
    /// As [`Journal::records`].
    pub fn trials(&self) -> Tried<Vec<(i64, i64)>> {
        let mut trials = Vec::new();
        let mut since = None;
        let records = self.records()?;
        for record in &records {
            match (record.event(), record.step()) {
                (_, "launched/launch") if since.is_none() => since = Some(record.at_ms()),
                ("reached", "launched/stop") | ("rollback_ended", _) => {
                    trials.extend(since.take().map(|since| (since, record.at_ms())));
                }
                _ => {}
            }
        }
        trials.extend(since.map(|since| (since, i64::MAX)));
        Ok(trials)
    }
}
