//! The checkpoint index: which step completed, in sled.

use std::path::{Path, PathBuf};

use regmig_core::journal::{Event, Record};
use serde::{Deserialize, Serialize};

use crate::error::{StoreError, io};
use crate::file::Contents;

const POSITION: &[u8] = b"position";
const LAST: &[u8] = b"last";

/// How far a step has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Whether it holds.
    pub reached: bool,
    /// When that was last recorded, milliseconds since the epoch.
    pub at_ms: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Position {
    records: u64,
    head: String,
}

/// What the index knows of the journal: this much of it had been acknowledged.
#[derive(Debug)]
pub(crate) struct Known {
    /// How many records.
    pub(crate) records: u64,
    /// The head after them.
    pub(crate) head: String,
    /// The last of them, as its line stood in the journal.
    pub(crate) last: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Checkpoints {
    path: PathBuf,
    db: sled::Db,
}

impl Checkpoints {
    /// Opens the index that is there; nothing if there is none, or none that sled can read.
    pub(crate) fn look(path: &Path) -> Option<Self> {
        if !path.exists() {
            return None;
        }
        Some(Self {
            path: path.to_owned(),
            db: sled::open(path).ok()?,
        })
    }

    /// An index with nothing in it, in place of what is there.
    pub(crate) fn begin(path: &Path) -> Result<Self, StoreError> {
        if path.exists() {
            std::fs::remove_dir_all(path).map_err(io("cannot remove the outdated", path))?;
        }
        let db = sled::open(path).map_err(|source| StoreError::Checkpoints {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            db,
        })
    }

    /// Makes the index say what a journal says, and nothing else.
    pub(crate) fn make_anew(&self, contents: &Contents) -> Result<(), StoreError> {
        let fill = || {
            self.db.clear()?;
            let mut batch = sled::Batch::default();
            for record in &contents.records {
                note(&mut batch, record);
            }
            let records = contents.records.len() as u64;
            stand_at(&mut batch, records, contents.head(), &contents.last_line());
            self.db.apply_batch(batch)?;
            self.db.flush()
        };
        fill()
            .map(|_| ())
            .map_err(|source| StoreError::Checkpoints {
                path: self.path.clone(),
                source,
            })
    }

    /// Takes note of an appended record and its line.
    pub(crate) fn put(&self, record: &Record, line: &[u8], head: &str) -> sled::Result<()> {
        let mut batch = sled::Batch::default();
        note(&mut batch, record);
        stand_at(&mut batch, record.seq + 1, head, line);
        self.db.apply_batch(batch)
    }

    pub(crate) fn get(&self, step: &str) -> Option<Checkpoint> {
        let value = self.db.get(key(step)).ok().flatten()?;
        serde_json::from_slice(&value).ok()
    }

    /// How much of the journal had been acknowledged when the index was written last.
    pub(crate) fn known(&self) -> Option<Known> {
        let position = self.db.get(POSITION).ok().flatten()?;
        let position: Position = serde_json::from_slice(&position).ok()?;
        let last = self.db.get(LAST).ok().flatten()?;
        Some(Known {
            records: position.records,
            head: position.head,
            last: last.to_vec(),
        })
    }

    /// Sees to it that the index survives a loss of power, which sled's own `flush` does not.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        let failed = || io("cannot sync", &self.path);
        for entry in std::fs::read_dir(&self.path).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            if path.is_file() {
                std::fs::File::open(&path)
                    .and_then(|file| file.sync_all())
                    .map_err(io("cannot sync", &path))?;
            }
        }
        Ok(())
    }
}

fn stand_at(batch: &mut sled::Batch, records: u64, head: &str, line: &[u8]) {
    let position = Position {
        records,
        head: head.to_owned(),
    };
    batch.insert(POSITION, serde_json::to_vec(&position).unwrap_or_default());
    batch.insert(LAST, line);
}

fn note(batch: &mut sled::Batch, record: &Record) {
    let (step, reached) = match &record.event {
        Event::Started { step, .. } => (step, false),
        Event::Reached { step, .. } => (step, true),
        Event::Undone { step } => return batch.remove(key(step)),
        _ => return,
    };
    let checkpoint = Checkpoint {
        reached,
        at_ms: record.at_ms,
    };
    batch.insert(
        key(step),
        serde_json::to_vec(&checkpoint).unwrap_or_default(),
    );
}

fn key(step: &str) -> Vec<u8> {
    format!("step/{step}").into_bytes()
}
