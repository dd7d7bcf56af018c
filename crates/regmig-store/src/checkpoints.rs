//! The checkpoint index: which step completed, in sled.

use std::path::{Path, PathBuf};

use regmig_core::journal::{Event, Record};
use serde::{Deserialize, Serialize};

use crate::file::Contents;
use crate::{StoreError, io};

const POSITION: &[u8] = b"position";

/// How far a step has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Whether it holds.
    pub reached: bool,
    /// When that was last recorded, milliseconds since the epoch.
    pub at_ms: i64,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    records: u64,
    head: String,
}

impl Position {
    fn of(contents: &Contents) -> Self {
        Self {
            records: contents.records.len() as u64,
            head: contents.head.clone(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Checkpoints {
    path: PathBuf,
    db: sled::Db,
}

impl Checkpoints {
    /// Opens the index, and makes it anew where it does not stand exactly where the journal does.
    pub(crate) fn open(path: &Path, contents: &Contents) -> Result<Self, StoreError> {
        let wanted = Position::of(contents);
        if let Ok(db) = sled::open(path) {
            let index = Self {
                path: path.to_owned(),
                db,
            };
            if index.position().is_some_and(|position| position == wanted) {
                return Ok(index);
            }
        }
        if path.exists() {
            std::fs::remove_dir_all(path).map_err(io("cannot remove the outdated", path))?;
        }
        let failed = |source| StoreError::Checkpoints {
            path: path.to_owned(),
            source,
        };
        let index = Self {
            path: path.to_owned(),
            db: sled::open(path).map_err(failed)?,
        };
        index.make_anew(contents)?;
        Ok(index)
    }

    /// Makes the index say what a journal says, and nothing else.
    pub(crate) fn make_anew(&self, contents: &Contents) -> Result<(), StoreError> {
        let fill = || {
            self.db.clear()?;
            for record in &contents.records {
                self.note(record)?;
            }
            self.stand_at(&Position::of(contents))?;
            self.db.flush()
        };
        fill()
            .map(|_| ())
            .map_err(|source| StoreError::Checkpoints {
                path: self.path.clone(),
                source,
            })
    }

    /// Takes note of an appended record.
    pub(crate) fn put(&self, record: &Record, head: &str) -> sled::Result<()> {
        self.note(record)?;
        self.stand_at(&Position {
            records: record.seq + 1,
            head: head.to_owned(),
        })
    }

    pub(crate) fn get(&self, step: &str) -> Option<Checkpoint> {
        let value = self.db.get(key(step)).ok().flatten()?;
        serde_json::from_slice(&value).ok()
    }

    fn position(&self) -> Option<Position> {
        let value = self.db.get(POSITION).ok().flatten()?;
        serde_json::from_slice(&value).ok()
    }

    fn stand_at(&self, position: &Position) -> sled::Result<()> {
        self.db
            .insert(POSITION, serde_json::to_vec(position).unwrap_or_default())?;
        Ok(())
    }

    fn note(&self, record: &Record) -> sled::Result<()> {
        let (step, reached) = match &record.event {
            Event::Started { step, .. } => (step, false),
            Event::Reached { step, .. } => (step, true),
            Event::Undone { step } => {
                self.db.remove(key(step))?;
                return Ok(());
            }
            _ => return Ok(()),
        };
        let checkpoint = Checkpoint {
            reached,
            at_ms: record.at_ms,
        };
        self.db.insert(
            key(step),
            serde_json::to_vec(&checkpoint).unwrap_or_default(),
        )?;
        Ok(())
    }
}

fn key(step: &str) -> Vec<u8> {
    format!("step/{step}").into_bytes()
}
