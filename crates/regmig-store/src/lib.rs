//! Where a migration is remembered: an append-only journal file, and sled as its index.
//!
//! The file is the truth. Every record is one line, chained by hash to the
//! line before, and on disk (fsync) before [`Journal::append`] returns. sled
//! holds the position and the completion of every step for fast reads; its
//! `flush` does not survive a loss of power, so a sled folder that is missing,
//! damaged or behind is made anew from the file.
//!
//! One process writes, kept alone by a lock on a file of its own; any number
//! may read the journal meanwhile with [`read`].

mod checkpoints;
mod error;
mod file;
mod line;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use regmig_core::journal::{Journal, JournalError, Record};

use crate::checkpoints::{Checkpoints, Known};
use crate::error::io;

pub use crate::checkpoints::Checkpoint;
pub use crate::error::StoreError;
pub use crate::file::{Contents, parse};

/// Name of the journal in a store's folder.
pub const JOURNAL: &str = "journal.jsonl";
const LOCK: &str = "lock";
const CHECKPOINTS: &str = "checkpoints.sled";

/// How long a writer waits for the lock: readers hold it for some milliseconds, writers for good.
const LOCK_PATIENCE: Duration = Duration::from_millis(300);

/// A store that is open for writing.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    file: file::JournalFile,
    checkpoints: Checkpoints,
    // Held for as long as the store is open; the kernel lets go of it with the process.
    _lock: File,
}

impl Store {
    /// Opens the store in a folder, which is made if need be, and returns what its journal holds.
    ///
    /// A torn last line is cut off; [`Contents::torn`] says so. One that is cut off of a record that
    /// the index knows is put back; [`Contents::restored`] says so.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] while another process has it open, [`StoreError::Damaged`] where a
    /// line is not as it was written, [`StoreError::Missing`], [`StoreError::Lost`] and
    /// [`StoreError::Exchanged`] where records are gone that had been acknowledged, and what the
    /// file system says.
    pub fn open(folder: &Path) -> Result<(Self, Contents), StoreError> {
        // Pre-images of configuration files may hold passwords: the folder is its owner's alone.
        let mut maker = std::fs::DirBuilder::new();
        std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
        maker
            .recursive(true)
            .create(folder)
            .map_err(io("cannot make", folder))?;
        let in_use = || StoreError::InUse {
            path: folder.to_owned(),
        };
        let lock = lock(folder, LOCK_PATIENCE)?.ok_or_else(in_use)?;
        let journal = folder.join(JOURNAL);
        // Locked as well, so that a lock file that somebody removed does not make room for a second writer.
        let existing = file::Existing::open(&journal)?;
        if let Some(existing) = &existing
            && !existing.lock(LOCK_PATIENCE)?
        {
            return Err(in_use());
        }
        let bytes = match &existing {
            Some(_) => file::bytes(&journal)?,
            None => None,
        };
        let index = folder.join(CHECKPOINTS);
        let mut contents = parse(&journal, bytes.as_deref().unwrap_or_default())?;
        let checkpoints = Checkpoints::look(&index);
        let known = checkpoints.as_ref().and_then(Checkpoints::known);
        holds_what_is_known(folder, bytes.as_deref(), &mut contents, known.as_ref())?;
        let file = file::JournalFile::open(&journal, existing, &contents)?;
        let stands = |known: &Known| known.records == contents.records.len() as u64;
        let checkpoints = match checkpoints {
            Some(checkpoints) if known.as_ref().is_some_and(stands) => checkpoints,
            Some(checkpoints) => {
                checkpoints.make_anew(&contents)?;
                checkpoints
            }
            None => {
                let checkpoints = Checkpoints::begin(&index)?;
                checkpoints.make_anew(&contents)?;
                checkpoints
            }
        };
        Ok((
            Self {
                folder: folder.to_owned(),
                file,
                checkpoints,
                _lock: lock,
            },
            contents,
        ))
    }

    /// Puts the journal aside under the name of its migration, and begins an empty one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] where the file cannot be renamed.
    pub fn set_aside(&mut self, id: &str) -> Result<(), StoreError> {
        let journal = self.folder.join(JOURNAL);
        // First of all, and durably: an index that knows of records would have the empty journal taken for a lost one.
        self.checkpoints.make_anew(&Contents::default())?;
        self.checkpoints.sync()?;
        std::fs::rename(&journal, self.folder.join(format!("journal-{id}.jsonl")))
            .map_err(io("cannot rename", &journal))?;
        self.file = file::JournalFile::open(&journal, None, &Contents::default())?;
        Ok(())
    }

    /// What the index knows of a step.
    pub fn checkpoint(&self, step: &str) -> Option<Checkpoint> {
        self.checkpoints.get(step)
    }
}

impl Journal for Store {
    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let (line, head) = self
            .file
            .append(record)
            .map_err(|error| JournalError(Box::new(error)))?;
        // The index can be made anew from the file; a failure of sled must not stop a migration.
        if let Err(error) = self.checkpoints.put(record, &line, &head) {
            tracing::warn!(%error, "the checkpoint index fell behind; it will be rebuilt");
        }
        Ok(())
    }
}

/// Takes the lock of a store's folder; nothing if somebody else has it all the while.
fn lock(folder: &Path, patience: Duration) -> Result<Option<File>, StoreError> {
    let path = folder.join(LOCK);
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(io("cannot open", &path))?;
    let taken = take(&lock, patience).map_err(io("cannot lock", &path))?;
    Ok(taken.then_some(lock))
}

/// Whether a file could be locked within a time.
pub(crate) fn take(file: &File, patience: Duration) -> std::io::Result<bool> {
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if begun.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(10));
            }
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

/// Refuses a journal that lacks what had been acknowledged, as far as the index knows.
///
/// The file alone cannot tell: whole lines that are gone from its end, and a file that is gone,
/// leave no trace in it. One last record can be put back, since the index keeps its line.
fn holds_what_is_known(
    folder: &Path,
    bytes: Option<&[u8]>,
    contents: &mut Contents,
    known: Option<&Known>,
) -> Result<(), StoreError> {
    let (path, index) = (folder.join(JOURNAL), folder.join(CHECKPOINTS));
    // A store is begun with its journal, so that an index alone means a journal that is gone,
    // but for the instant in which one was put aside.
    let Some(bytes) = bytes else {
        return if index.exists() && known.is_none_or(|known| known.records > 0) {
            Err(StoreError::Missing { path, index })
        } else {
            Ok(())
        };
    };
    let Some(known) = known else { return Ok(()) };
    let found = contents.records.len() as u64;
    let head = contents.head_after(known.records).map(str::to_owned);
    match head {
        Some(head) if head == known.head => Ok(()),
        Some(_) => Err(StoreError::Exchanged {
            path,
            index,
            seq: known.records.saturating_sub(1),
        }),
        None if known.records == found + 1 && contents.restore(bytes, known) => {
            tracing::debug!("the journal's last record was cut off; it is put back");
            Ok(())
        }
        None => Err(StoreError::Lost {
            path,
            index,
            found,
            known: known.records,
        }),
    }
}

/// Whether a process has the store open for writing right now.
pub fn in_use(folder: &Path) -> bool {
    let locked = |name| {
        File::open(folder.join(name))
            .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    };
    // The second alone where somebody removed the first.
    locked(LOCK) || locked(JOURNAL)
}

/// Reads the journal in a folder without taking part in it; nothing if there is none.
///
/// A journal without any record is held against the index, if no process has the store open: a
/// migration of which nothing is known must not pass for one that never began.
///
/// # Errors
///
/// As [`Store::open`], but for the lock. A torn last line may be one that is being written.
pub fn read(folder: &Path) -> Result<Option<Contents>, StoreError> {
    let path = folder.join(JOURNAL);
    let mut bytes = file::bytes(&path)?;
    let mut contents = parse(&path, bytes.as_deref().unwrap_or_default())?;
    let index = folder.join(CHECKPOINTS);
    if contents.records.is_empty()
        && index.exists()
        && let Ok(Some(_lock)) = lock(folder, Duration::ZERO)
    {
        // Once more, since whoever had the lock until now may have written.
        bytes = file::bytes(&path)?;
        contents = parse(&path, bytes.as_deref().unwrap_or_default())?;
        let known = Checkpoints::look(&index).and_then(|checkpoints| checkpoints.known());
        holds_what_is_known(folder, bytes.as_deref(), &mut contents, known.as_ref())?;
    }
    Ok(bytes.map(|_| contents))
}
